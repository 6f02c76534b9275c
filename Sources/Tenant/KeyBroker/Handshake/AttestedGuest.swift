import Envelope
import WireFormat

/// A guest whose evidence was accepted: what a session or a token stands for.
///
/// Values come from a completed handshake or from a token that this broker signed, never from a request.
public struct AttestedGuest: Sendable, Equatable {
    /// The digest of the pod manifest (init-data) in hexadecimal.
    public let manifest: String
    /// The launch measurement in hexadecimal.
    public let measurement: String
    /// The TEE's wire name.
    public let technology: String
    /// Whether a software root signed the evidence.
    public let simulated: Bool
    /// Whether measurement, policy or manifest say that this guest can be looked into.
    public let debug: Bool
    /// The guest's random name for this boot, empty for guests that are not Testudo's.
    public let instance: String
    /// The epoch within the instance.
    public let epoch: Int64
    /// How the manifest is bound: `launch`.
    public let binding: String
    /// SHA-256 of the SubjectPublicKeyInfo of the guest's TLS key, empty when none was bound.
    public let tlsKey: String
    /// SHA-256 of the encapsulated key of the guest's log seal, empty when none was bound. Recorded with the evidence
    /// (rule R22); tokens do not carry it.
    public let logKey: String
    /// The key to which resources are encrypted.
    public let encryptionKey: JSONValue

    /// Whether anything keeps the host out of its memory, real or simulated: a machine with nothing but a TPM has none.
    var isIsolated: Bool { technology != "tpm" }

    /// Who it is where turns are counted.
    var turn: String { instance.isEmpty ? manifest : instance }

    /// The `testudo` member of a token.
    var claims: JSONValue {
        .object([
            "manifest": .string(manifest), "measurement": .string(measurement), "technology": .string(technology),
            "simulated": .bool(simulated), "debug": .bool(debug), "instance": .string(instance),
            "epoch": .integer(epoch), "binding": .string(binding), "tlsKey": .string(tlsKey),
        ])
    }

    /// Reads the `testudo` member of a token whose signature was checked.
    init(claims: JSONValue, encryptionKey: JSONValue) throws(WireError) {
        var fields = try JSONFields(claims, path: "testudo")
        manifest = try fields.string("manifest")
        measurement = try fields.string("measurement")
        technology = try fields.string("technology")
        guard let simulated = try fields.value("simulated").boolValue, let debug = try fields.value("debug").boolValue
        else { throw WireError(field: "testudo", reason: "simulated and debug must be booleans") }
        self.simulated = simulated
        self.debug = debug
        instance = try fields.string("instance")
        epoch = try fields.integer("epoch")
        binding = try fields.string("binding")
        tlsKey = try fields.string("tlsKey")
        try fields.finish()
        logKey = ""
        self.encryptionKey = encryptionKey
    }

    /// The same guest with nothing in its key but what defines it: guests may write more into it than a cookie has room for.
    func withPlainKey() throws(BrokerError) -> AttestedGuest {
        guard let key = try? JSONWebKey(parsing: encryptionKey) else {
            throw BrokerError(.sealing, check: "jwe", "the guest's key is not understood")
        }
        return AttestedGuest(self, encryptionKey: key.json)
    }

    private init(_ other: AttestedGuest, encryptionKey: JSONValue) {
        manifest = other.manifest
        measurement = other.measurement
        technology = other.technology
        simulated = other.simulated
        debug = other.debug
        instance = other.instance
        epoch = other.epoch
        binding = other.binding
        tlsKey = other.tlsKey
        logKey = other.logKey
        self.encryptionKey = encryptionKey
    }

    /// Joins what the evidence proved with what it bound.
    init(evidence: AppraisedEvidence, bound: BoundClaims, debug: Bool, encryptionKey: JSONValue) {
        manifest = bound.manifest
        measurement = evidence.measurement
        technology = evidence.technology
        simulated = evidence.simulated
        self.debug = debug
        instance = bound.instance
        epoch = bound.epoch
        binding = bound.binding
        tlsKey = bound.tlsKey
        logKey = bound.logKey
        self.encryptionKey = encryptionKey
    }
}

/// What a Testudo guest binds into its evidence beside nonce and key.
struct BoundClaims: Sendable, Equatable {
    var manifest: String
    var instance: String
    var epoch: Int64
    var binding: String
    var tlsKey: String
    var logKey: String

    /// The highest epoch that tokens and the store keep as it is: beyond it two epochs would be one (R4).
    private static let lastEpoch: Int64 = 1 << 53

    /// Reads `additional_evidence` and holds it against the digest of the init-data.
    ///
    /// Only launch binding is accepted: the manifest's digest is in HOST_DATA from the first instruction on. An empty
    /// text is a guest of another make; it is launch-bound too and can have no certificate.
    init(additionalEvidence: String, initDataDigest: String) throws(BrokerError) {
        if additionalEvidence.isEmpty {
            self.init(manifest: initDataDigest, instance: "", epoch: 0, binding: "launch", tlsKey: "", logKey: "")
            return
        }
        do {
            var outer = try JSONFields(try JSONValue.parse(text: additionalEvidence), path: "additional_evidence")
            var fields = try JSONFields(try outer.value("testudo"), path: "additional_evidence.testudo")
            try outer.finish()
            self.init(
                manifest: try fields.string("manifest"), instance: try fields.string("instance"),
                epoch: try fields.integer("epoch"), binding: try fields.string("binding"),
                tlsKey: try fields.string("tlsKey"), logKey: try fields.optionalString("logKey") ?? "")
            try fields.finish()
            guard try Hex.decode(instance, field: "instance").count == 16 else {
                throw WireError(field: "instance", reason: "must be 16 bytes")
            }
            guard try Hex.decode(tlsKey, field: "tlsKey").count == 32 else {
                throw WireError(field: "tlsKey", reason: "must be a SHA-256 digest")
            }
            guard try logKey.isEmpty || Hex.decode(logKey, field: "logKey").count == 32 else {
                throw WireError(field: "logKey", reason: "must be a SHA-256 digest")
            }
            guard instance == instance.lowercased(), tlsKey == tlsKey.lowercased(),
                logKey == logKey.lowercased(), (0...Self.lastEpoch).contains(epoch)
            else {
                throw WireError(
                    field: "testudo", reason: "digests are lower case, and epochs neither negative nor above 2^53")
            }
        } catch let error as WireError {
            throw BrokerError(.malformed, check: "additional-evidence", "\(error.field): \(error.reason)")
        } catch {
            throw BrokerError(.malformed, check: "additional-evidence", "not understood")
        }
        guard binding == "launch" else {
            throw BrokerError(.policyDenied, check: "binding", "only launch binding is accepted by this broker")
        }
        guard manifest == initDataDigest else {
            throw BrokerError(.attestation, check: "manifest-digest", "the claimed manifest is not the init-data")
        }
    }

    private init(
        manifest: String, instance: String, epoch: Int64, binding: String, tlsKey: String, logKey: String
    ) {
        self.manifest = manifest
        self.instance = instance
        self.epoch = epoch
        self.binding = binding
        self.tlsKey = tlsKey
        self.logKey = logKey
    }
}
