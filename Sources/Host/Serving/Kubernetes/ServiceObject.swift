import PodManifest
import WireFormat

/// A `serving.knative.dev/v1` Service that was checked.
public struct ServiceObject: Equatable, Sendable {
    /// The object as it will be stored.
    public let json: JSONValue
    /// Its name.
    public let key: ObjectStore.Key

    /// Checks what a client sent and sets its defaults.
    ///
    /// - Parameters:
    ///   - json: The object.
    ///   - namespace: The namespace of the request's path.
    ///   - name: The name of the request's path, when it has one.
    /// - Throws: ``APIFault`` naming the first field that is wrong. What cannot be honoured is refused, never ignored.
    public init(_ json: JSONValue, namespace: String, name: String? = nil) throws(APIFault) {
        guard json["apiVersion"]?.stringValue == "serving.knative.dev/v1", json["kind"]?.stringValue == "Service" else {
            throw .badRequest("the body is not a Service of serving.knative.dev/v1")
        }
        let named = json.at("metadata", "name")?.stringValue ?? ""
        guard Self.isLabel(named, limit: 63) else {
            throw .invalid(named, field: "metadata.name", "must be a DNS label of at most 63 characters")
        }
        guard name == nil || name == named else {
            throw .badRequest("the name of the object (\(named)) is not the name in the path (\(name ?? ""))")
        }
        guard Self.isLabel(namespace, limit: 63) else { throw .badRequest("namespace \"\(namespace)\"") }
        let inside = json.at("metadata", "namespace")?.stringValue ?? namespace
        guard inside == namespace else {
            throw .badRequest("the namespace of the object (\(inside)) is not that of the request (\(namespace))")
        }
        do throws(WireError) {
            _ = try KnativeService(parsing: json.setting(["metadata", "namespace"], to: .string(namespace)))
        } catch {
            throw .invalid(named, field: error.field, error.reason)
        }
        var object = json
        object.set("metadata", "namespace", to: .string(namespace))
        object.set("metadata", "managedFields", to: nil)
        self.json = object
        self.key = ObjectStore.Key(namespace: namespace, name: named)
    }

    /// The names of the template's images, in order.
    public static func images(of service: JSONValue) -> [String] {
        (service.at("spec", "template", "spec", "containers")?.arrayValue ?? []).compactMap {
            $0["image"]?.stringValue
        }
    }

    /// An annotation of the template, or of the Service where the template has none.
    public static func annotation(_ name: String, of service: JSONValue) -> String? {
        service.at("spec", "template", "metadata", "annotations")?[name]?.stringValue
            ?? service.at("metadata", "annotations")?[name]?.stringValue
    }

    static func isLabel(_ text: String, limit: Int) -> Bool {
        (1...limit).contains(text.utf8.count)
            && text.utf8.allSatisfy { (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2d }
            && text.first != "-" && text.last != "-"
    }
}
