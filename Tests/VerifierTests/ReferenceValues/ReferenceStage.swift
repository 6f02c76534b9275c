import Crypto
import Envelope
import Evidence
import WireFormat

@testable import Verifier

/// Documents of reference values and those who sign them.
struct ReferenceStage {
    static let now: Int64 = 1_800_000_000

    let release = Curve25519.Signing.PrivateKey()
    let vendor = P256.Signing.PrivateKey()

    var releaseKey: ReferenceSigningKey { ReferenceSigningKey(release.publicKey) }
    var vendorKey: ReferenceSigningKey {
        get throws { try ReferenceSigningKey(pem: vendor.publicKey.pemRepresentation) }
    }

    func reader(
        allowsUnsigned: Bool = false, expiry: ReferenceReader.Expiry = .usual, now: Int64 = ReferenceStage.now
    ) throws -> ReferenceReader {
        ReferenceReader(
            keys: [releaseKey, try vendorKey], allowsUnsigned: allowsUnsigned, origin: "test", expiry: expiry, now: now)
    }

    /// The project's own document.
    static func document(
        source: String = "acme", issuedAt: Int64? = nil, _ values: [String: JSONValue],
        _ more: [String: JSONValue] = [:]
    ) -> JSONValue {
        var members: [String: JSONValue] = [
            "kind": "testudo.reference-values", "source": .string(source),
            "values": .array(
                values.sorted { $0.key < $1.key }.map { ["name": .string($0.key), "value": $0.value] }),
        ]
        if let issuedAt { members["issuedAt"] = .integer(issuedAt) }
        return .object(members.merging(more) { $1 })
    }

    func signed(_ document: JSONValue) throws -> [UInt8] {
        Array(try JWS.signEdDSA(claims: document, key: release).utf8)
    }

    func signedByVendor(_ document: JSONValue) throws -> [UInt8] {
        Array(try JWS.signES256(claims: document, key: vendor).utf8)
    }

    static func message(_ type: String, _ payload: [UInt8], version: String = "0.1.0") -> [UInt8] {
        let message: JSONValue = [
            "version": .string(version), "type": .string(type), "payload": .string(Base64.encode(payload)),
        ]
        return message.canonicalBytes
    }
}
