import WireFormat

/// What the node may choose for a container: a closed list outside the manifest's digest (rule R18).
///
/// Each value is checked against the pod it is for, so that the list carries no message of the host's own.
public struct NodeChoices: Equatable, Sendable {
    /// Names that no manifest may set.
    public static let reservedNames = ["K_SERVICE", "K_CONFIGURATION", "K_REVISION", "PORT"]

    /// `K_REVISION`: the Service's name, `-` and up to 32 of a-z, 0-9.
    public let revision: String
    private let service: String
    private let port: Int

    /// Checks a revision name for a pod.
    public init(revision: String, for manifest: PodManifest) throws(WireError) {
        let ending = revision.utf8.dropFirst(manifest.name.utf8.count + 1)
        guard revision.hasPrefix("\(manifest.name)-"), (1...32).contains(ending.count),
            ending.allSatisfy({ (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) })
        else {
            throw WireError(field: "K_REVISION", reason: "must be \(manifest.name)- and up to 32 of a-z, 0-9")
        }
        guard let container = manifest.containers.first else {
            throw WireError(field: "PORT", reason: "the pod has no container")
        }
        self.revision = revision
        self.service = manifest.name
        self.port = container.port
    }

    /// Reads the choices of a node: an object with `revision` and nothing else.
    public init(parsing value: JSONValue, for manifest: PodManifest) throws(WireError) {
        var fields = try JSONFields(value, path: "choices")
        let revision = try fields.string("revision")
        try fields.finish()
        try self.init(revision: revision, for: manifest)
    }

    /// The choices as JSON.
    public var json: JSONValue { ["revision": .string(self.revision)] }

    /// The variables that follow, the manifest's own part of them included.
    public var environment: [(name: String, value: String)] {
        [
            ("K_SERVICE", self.service), ("K_CONFIGURATION", self.service), ("K_REVISION", self.revision),
            ("PORT", String(self.port)),
        ]
    }
}
