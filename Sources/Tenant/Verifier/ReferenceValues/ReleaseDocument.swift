import Envelope
import Evidence
import WireFormat

/// The document that publishes one version of the guest: its launch measurements, and when and for what they were issued.
public struct ReleaseDocument: Equatable, Sendable {
    /// The guest's version.
    public let version: String
    /// When it was issued, in seconds since 1970; of two issues of a version the later counts. Nil in documents of before.
    public let issuedAt: Int64?
    /// The second from which it publishes nothing any more; nil never.
    public let expires: Int64?
    /// The SHA-256 of the image's parts by name, for whoever holds the image.
    public let artefacts: [String: SHA256Digest]
    /// The measurements.
    public let values: ReferenceValues
    /// What a TPM's registers hold after measured boots of the image.
    public let registers: [BootedRegisters]

    /// Describes an issue.
    public init(
        version: String, issuedAt: Int64?, expires: Int64? = nil, artefacts: [String: SHA256Digest] = [:],
        values: ReferenceValues, registers: [BootedRegisters] = []
    ) {
        self.version = version
        self.issuedAt = issuedAt
        self.expires = expires
        self.artefacts = artefacts
        self.values = values
        self.registers = registers
    }

    /// Reads `{"version", "issuedAt"?, "expires"?, "artefacts"?, "values": [{"technology", "measurement", "vcpus", "debug"}],
    /// "registers"?: [{"debug", "values": {"sha256": {"0": hex, …}, …}}]}`.
    public init(parsing document: JSONValue) throws(WireError) {
        var fields = try JSONFields(document, path: "")
        let version = try fields.string("version")
        guard !version.isEmpty, version.utf8.count <= 128 else {
            throw fields.refusal("version", "must be a short text")
        }
        issuedAt = try ReferenceTime.optional(&fields, "issuedAt")
        expires = try ReferenceTime.optional(&fields, "expires")
        var artefacts: [String: SHA256Digest] = [:]
        if let value = fields.optionalValue("artefacts") {
            guard let parts = value.objectValue, parts.count <= 64 else {
                throw fields.refusal("artefacts", "must be an object with at most 64 digests")
            }
            for (name, digest) in parts { artefacts[name] = try SHA256Digest(hex: digest.stringValue ?? "") }
        }
        self.artefacts = artefacts
        let entries = try fields.array("values")
        let boots = fields.optionalValue("registers")
        registers = try boots.map { boots throws(WireError) in try BootedRegisters.list(boots) } ?? []
        try fields.finish()
        self.version = version
        values = try ReferenceValues(entries: entries, version: version)
    }

    /// The document, in a fixed order.
    public var json: JSONValue {
        var members = values.document(version: version).objectValue ?? [:]
        if let issuedAt { members["issuedAt"] = .string(ReferenceTime.text(issuedAt)) }
        if let expires { members["expires"] = .string(ReferenceTime.text(expires)) }
        if !registers.isEmpty { members["registers"] = .array(registers.map(\.json)) }
        if !artefacts.isEmpty { members["artefacts"] = .object(artefacts.mapValues { .string($0.hex) }) }
        return .object(members)
    }

    /// Whether it publishes anything at a time.
    public func isValid(at now: Int64) -> Bool { expires.map { now < $0 } ?? true }

    /// The measurements under the names that attestation policies ask for. Debug guests are left out: who asks by such a
    /// name means guests that nobody can look into.
    public var namedValues: [String: JSONValue] {
        var named: [String: Set<String>] = [:]
        for value in values.values where !value.debug {
            let name: String
            switch value.technology {
            case .snp, .softSNP: name = "snp_launch_measurement"
            case .tdx, .softTDX: name = "mr_td"
            default: continue
            }
            named[name, default: []].insert(value.measurement.hex)
        }
        for boot in registers where !boot.debug {
            for (register, value) in boot.banks.values[.sha256] ?? [:] {
                named["tpm_pcr\(register)", default: []].insert(Hex.encode(value))
            }
        }
        return named.mapValues { .array($0.sorted().map { .string($0) }) }
    }
}
