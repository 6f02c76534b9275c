import WireFormat

/// What is kept of an authority: its names, and for each version of its key the certificate.
struct AuthorityRecord: Sendable, Equatable {
    /// A version of the issuing key that has its certificate.
    struct Generation: Sendable, Equatable {
        /// The key's version.
        let version: UInt32
        /// The issuing certificate in PEM.
        let certificate: String
        /// The root in PEM.
        let root: String
        /// SHA-256 of the root's public key, in hexadecimal: two lines never share it.
        let rootKey: String
    }

    var suffixes: [String]
    /// The version that a request was made for and that has no certificate yet.
    var requested: UInt32?
    /// Oldest first; the last one issues.
    var generations: [Generation]

    var json: JSONValue {
        var members: [String: JSONValue] = [
            "suffixes": .array(suffixes.map { .string($0) }),
            "generations": .array(
                generations.map {
                    .object([
                        "version": .integer(Int64($0.version)), "certificate": .string($0.certificate),
                        "root": .string($0.root), "rootKey": .string($0.rootKey),
                    ])
                }),
        ]
        if let requested { members["requested"] = .integer(Int64(requested)) }
        return .object(members)
    }

    init(suffixes: [String]) {
        self.suffixes = suffixes
        generations = []
    }

    init(_ bytes: [UInt8]) throws(WireError) {
        let value: JSONValue
        do { value = try JSONValue.parse(bytes) } catch { throw WireError(field: "authority", reason: "is not JSON") }
        var fields = try JSONFields(value, path: "authority")
        suffixes = try fields.strings("suffixes")
        requested = try fields.optionalInteger("requested").flatMap { UInt32(exactly: $0) }
        var generations: [Generation] = []
        for element in try fields.array("generations") {
            var members = try JSONFields(element, path: "generation")
            generations.append(
                Generation(
                    version: UInt32(try members.integer("version", in: 1...Int(UInt32.max))),
                    certificate: try members.string("certificate"), root: try members.string("root"),
                    rootKey: try members.string("rootKey")))
            try members.finish()
        }
        self.generations = generations
        try fields.finish()
    }
}

/// A leaf that was issued, until it has expired.
struct IssuedLeaf: Sendable, Equatable {
    /// The version of the issuing key.
    let version: UInt32
    let notAfter: Int64
    let manifest: String
    let instance: String
    let names: [String]
    var revoked: Int64?
    var reason: RevocationReason = .unspecified

    var json: JSONValue {
        var members: [String: JSONValue] = [
            "version": .integer(Int64(version)), "notAfter": .integer(notAfter), "manifest": .string(manifest),
            "instance": .string(instance), "names": .array(names.map { .string($0) }),
        ]
        if let revoked {
            members["revoked"] = .integer(revoked)
            members["reason"] = .string(reason.rawValue)
        }
        return .object(members)
    }

    init(version: UInt32, notAfter: Int64, manifest: String, instance: String, names: [String]) {
        self.version = version
        self.notAfter = notAfter
        self.manifest = manifest
        self.instance = instance
        self.names = names
    }

    init(_ bytes: [UInt8]) throws(WireError) {
        let value: JSONValue
        do { value = try JSONValue.parse(bytes) } catch { throw WireError(field: "leaf", reason: "is not JSON") }
        var fields = try JSONFields(value, path: "leaf")
        version = UInt32(try fields.integer("version", in: 1...Int(UInt32.max)))
        notAfter = try fields.integer("notAfter")
        manifest = try fields.string("manifest")
        instance = try fields.string("instance")
        names = try fields.strings("names")
        revoked = try fields.optionalInteger("revoked")
        if let text = try fields.optionalString("reason") { reason = RevocationReason(rawValue: text) ?? .unspecified }
        try fields.finish()
    }
}
