import WireFormat

/// What the records of one log seal belong to. It stands in clear in every record and is authenticated with it.
public struct LogInfo: Equatable, Sendable {
    /// The digest of the pod manifest.
    public let manifest: SHA256Digest
    /// The guest's random name for its boot, 16 bytes in hexadecimal.
    public let instance: String
    /// The epoch within the instance.
    public let epoch: Int64

    /// Creates an info.
    public init(manifest: SHA256Digest, instance: String, epoch: Int64) {
        self.manifest = manifest
        self.instance = instance
        self.epoch = epoch
    }

    /// Parses the info of a record.
    public init(parsing bytes: [UInt8]) throws(WireError) {
        var fields = try JSONFields(try JSONValue.parse(bytes), path: "log info")
        manifest = try SHA256Digest(hex: try fields.string("manifest"))
        instance = try fields.string("instance")
        epoch = try fields.integer("epoch")
        try fields.finish()
    }

    /// The form inside records.
    public var bytes: [UInt8] {
        let value: JSONValue = [
            "manifest": .string(manifest.hex), "instance": .string(instance), "epoch": .integer(epoch),
        ]
        return value.canonicalBytes
    }
}
