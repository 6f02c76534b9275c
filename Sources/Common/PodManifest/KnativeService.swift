import Envelope
import WireFormat

/// A `serving.knative.dev/v1` Service, as far as a pod manifest can express it.
///
/// What Knative never allows is refused, and so is what this version cannot honour: nothing is dropped silently but what
/// only the API server writes (status, generation and the like) and what only the autoscaler reads (annotations).
public struct KnativeService: Equatable, Sendable {
    /// The Service's name.
    public let name: String
    /// The Service's namespace; `default` when absent.
    public let namespace: String
    /// The annotations of Service and template; the template's win.
    public let annotations: [String: String]
    /// `runtimeClassName`; `testudo-cvm` when absent.
    public let runtimeClass: String
    /// Requests at one time; 0 is no limit.
    public let concurrency: Int
    /// How long one request may take.
    public let timeoutSeconds: Int
    /// The serving container.
    public let container: KnativeContainer
    /// The resource that opens the image, from `testudo.dev/image-key`.
    public let imageKey: String?
    /// Whether plain HTTP is served too, from `testudo.dev/plaintext`.
    public let plaintext: Bool
    /// Whether the guest has a console, from `testudo.dev/debug`.
    public let debug: Bool

    /// The names of the images.
    public var images: [String] { [self.container.image] }

    static let annotationPrefix = "testudo.dev/"
    private static let knownAnnotations = ["image-key", "plaintext", "debug", "manifest-digest"]

    /// Reads a Service.
    ///
    /// - Throws: `WireError` with the path of the field, such as `spec.template.spec.containers[0].tty`.
    public init(parsing value: JSONValue) throws(WireError) {
        var fields = try JSONFields(value, path: "")
        guard try fields.string("apiVersion") == "serving.knative.dev/v1", try fields.string("kind") == "Service" else {
            throw WireError(field: "kind", reason: "must be Service of serving.knative.dev/v1")
        }
        _ = fields.optionalValue("status")
        var metadata = try fields.fields("metadata")
        self.name = try metadata.string("name")
        self.namespace = try metadata.optionalString("namespace") ?? "default"
        try Check.label(self.name, "metadata.name")
        try Check.label(self.namespace, "metadata.namespace")
        var annotations = try Self.texts("annotations", &metadata)
        _ = try Self.texts("labels", &metadata)
        Self.dropServerFields(&metadata)
        try metadata.finish()

        var spec = try fields.fields("spec")
        try Self.checkTraffic(try spec.optionalArray("traffic"))
        var template = try spec.fields("template")
        try spec.finish()
        try fields.finish()
        if var metadata = try template.optionalFields("metadata") {
            annotations.merge(try Self.texts("annotations", &metadata)) { $1 }
            _ = try Self.texts("labels", &metadata)
            if let revision = try metadata.optionalString("name"), !revision.hasPrefix("\(self.name)-") {
                throw metadata.refusal("name", "must begin with \(self.name)-")
            }
            Self.dropServerFields(&metadata)
            try metadata.finish()
        }
        var pod = try template.fields("spec")
        try template.finish()
        self.runtimeClass = try pod.optionalString("runtimeClassName") ?? "testudo-cvm"
        try Check.oneOf(self.runtimeClass, PodManifest.runtimeClasses, pod.path("runtimeClassName"))
        self.concurrency = try pod.optionalInteger("containerConcurrency").map { Int($0) } ?? 0
        try Check.range(self.concurrency, 0...1000, pod.path("containerConcurrency"))
        self.timeoutSeconds = try pod.optionalInteger("timeoutSeconds").map { Int($0) } ?? 300
        try Check.range(self.timeoutSeconds, 1...600, pod.path("timeoutSeconds"))
        let containers = try pod.array("containers")
        guard let container = containers.first, containers.count == 1 else {
            throw pod.refusal("containers", "must have exactly one entry: several are not supported yet")
        }
        try KnativeLimits.checkPod(&pod)
        self.container = try KnativeContainer(parsing: container, path: pod.path("containers[0]"))
        self.annotations = annotations
        for key in annotations.keys.sorted() where key.hasPrefix(Self.annotationPrefix) {
            guard Self.knownAnnotations.contains(String(key.dropFirst(Self.annotationPrefix.count))) else {
                throw WireError(field: "metadata.annotations.\(key)", reason: "is an unknown annotation")
            }
        }
        self.imageKey = annotations["\(Self.annotationPrefix)image-key"]
        if let imageKey = self.imageKey {
            try ResourceAddress.check(imageKey, "metadata.annotations.\(Self.annotationPrefix)image-key")
        }
        self.plaintext = try Self.flag("plaintext", annotations)
        self.debug = try Self.flag("debug", annotations)
    }

    private static func flag(_ name: String, _ annotations: [String: String]) throws(WireError) -> Bool {
        switch annotations["\(annotationPrefix)\(name)"] {
        case nil, "false": return false
        case "true": return true
        default:
            throw WireError(
                field: "metadata.annotations.\(annotationPrefix)\(name)", reason: "must be \"true\" or \"false\"")
        }
    }

    private static func texts(_ key: String, _ fields: inout JSONFields) throws(WireError) -> [String: String] {
        guard let value = fields.optionalValue(key) else { return [:] }
        guard let members = value.objectValue else { throw fields.refusal(key, "must be a map of texts") }
        var texts: [String: String] = [:]
        for (name, member) in members {
            guard let text = member.stringValue else {
                throw fields.refusal("\(key).\(name)", "must be a text: quote numbers and true or false")
            }
            texts[name] = text
        }
        return texts
    }

    private static func dropServerFields(_ metadata: inout JSONFields) {
        for key in [
            "uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp",
            "deletionGracePeriodSeconds", "selfLink", "managedFields", "finalizers", "ownerReferences",
        ] { _ = metadata.optionalValue(key) }
    }

    private static func checkTraffic(_ entries: [JSONValue]) throws(WireError) {
        for (position, entry) in entries.enumerated() {
            var fields = try JSONFields(entry, path: "spec.traffic[\(position)]")
            let isLatest = try fields.bool("latestRevision", default: false)
            let percent = try fields.optionalInteger("percent") ?? 100
            guard isLatest, percent == 100, entries.count == 1 else {
                throw WireError(field: fields.path, reason: "only 100 percent to the latest revision is supported yet")
            }
            try fields.finish()
        }
    }
}
