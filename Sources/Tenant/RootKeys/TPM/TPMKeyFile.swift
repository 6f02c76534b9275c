import Envelope
import WireFormat

/// What lies on disk for a key that a TPM keeps: the sealed object, and what errors need to explain themselves.
///
/// Nothing in it is secret. Whoever changes it gets refusals: the TPM authenticates the object, the object holds the
/// policy, and the values below must give that policy.
struct TPMKeyFile: Equatable {
    private static let format = "testudo-tpm-root-key/1"
    static let limit = 16_384

    /// The name of the storage primary of the TPM that sealed.
    var parent: [UInt8]
    var selection: PCRSelection
    /// What the PCRs held when the key was sealed, in ascending order.
    var values: [[UInt8]]
    /// TPM2B_PUBLIC and TPM2B_PRIVATE.
    var publicPart: [UInt8]
    var privatePart: [UInt8]
    /// Shows whether a recovery file holds this key.
    var check: [UInt8]

    var json: JSONValue {
        .object([
            "format": .string(Self.format), "parent": .string(Hex.encode(parent)),
            "pcrs": .string(selection.description), "pcrValues": .array(values.map { .string(Hex.encode($0)) }),
            "public": .string(Base64.encode(publicPart)), "private": .string(Base64.encode(privatePart)),
            "check": .string(Hex.encode(check)),
        ])
    }

    init(
        parent: [UInt8], selection: PCRSelection, values: [[UInt8]], publicPart: [UInt8], privatePart: [UInt8],
        check: [UInt8]
    ) {
        self.parent = parent
        self.selection = selection
        self.values = values
        self.publicPart = publicPart
        self.privatePart = privatePart
        self.check = check
    }

    init(parsing bytes: [UInt8]) throws(WireError) {
        var fields = try JSONFields(try JSONValue.parse(bytes), path: "")
        guard try fields.string("format") == Self.format else {
            throw fields.refusal("format", "must be \(Self.format)")
        }
        parent = try Self.hex(&fields, "parent", 34)
        selection = try PCRSelection(try fields.string("pcrs"))
        values = []
        for text in try fields.strings("pcrValues") {
            values.append(try Hex.decode(text, field: "pcrValues"))
        }
        publicPart = try Base64.decode(try fields.string("public"), field: "public")
        privatePart = try Base64.decode(try fields.string("private"), field: "private")
        check = try Self.hex(&fields, "check", 32)
        try fields.finish()
        guard values.count == selection.registers.count,
            values.allSatisfy({ $0.count == selection.bank.digestSize })
        else { throw WireError(field: "pcrValues", reason: "must hold one digest for each register of pcrs") }
        guard publicPart.count <= 512, privatePart.count <= 1024 else {
            throw WireError(field: "private", reason: "is longer than a sealed object")
        }
        try checkPolicy()
    }

    /// The object must be what ``TPMRootKey`` seals, under the policy that the values give.
    private func checkPolicy() throws(WireError) {
        var reader = ByteReader(publicPart)
        guard Int(try reader.u16BE("public size")) == reader.remaining else {
            throw WireError(field: "public", reason: "has a wrong size")
        }
        // A sealed object (0x0008) with names by SHA-256 (0x000B), bound to its TPM and parent, opened by policy alone.
        guard try reader.u16BE("type") == 0x0008, try reader.u16BE("name algorithm") == 0x000B,
            try reader.u32BE("attributes") == 0x0000_0412
        else { throw WireError(field: "public", reason: "is not an object that only its policy opens") }
        let policy = try reader.bytes(Int(try reader.u16BE("policy size")), "policy")
        guard policy == selection.policyDigest(values) else {
            throw WireError(field: "public", reason: "has another policy than pcrs and pcrValues give")
        }
    }

    static func read(_ path: String) throws(RootKeyFailure) -> TPMKeyFile {
        let file = OwnerOnlyFile(kind: "tpm", what: "sealed root key", path: path)
        let bytes = try file.read(limit: limit).copyBytes()
        do {
            return try TPMKeyFile(parsing: bytes)
        } catch {
            throw file.failure(
                .damaged, "cannot be used", error.description,
                "restore it from a backup, or make it again from the recovery file")
        }
    }

    func write(to path: String, replacing: Bool) throws(RootKeyFailure) {
        try OwnerOnlyFile(kind: "tpm", what: "sealed root key", path: path)
            .write(SecretBytes(Array((json.prettyText + "\n").utf8)), replacing: replacing)
    }

    static func hex(_ fields: inout JSONFields, _ key: String, _ size: Int) throws(WireError) -> [UInt8] {
        let bytes = try Hex.decode(try fields.string(key), field: fields.path(key))
        guard bytes.count == size else { throw fields.refusal(key, "must have \(size) bytes") }
        return bytes
    }
}
