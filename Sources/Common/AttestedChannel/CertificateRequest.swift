import Crypto
import Envelope
import SwiftASN1
import WireFormat

/// A PKCS#10 request (RFC 2986) for a P-256 key and DNS names. The subject is empty: names stand in the extension.
public struct CertificateRequest: Sendable {
    /// The request in DER.
    public let der: [UInt8]

    /// Makes and signs a request.
    ///
    /// - Parameters:
    ///   - key: The key the certificate is for. Its signature proves possession (rule R10).
    ///   - names: DNS names, at least one.
    public init(key: P256.Signing.PrivateKey, names: [String]) throws {
        guard !names.isEmpty else { throw WireError(field: "certificate request", reason: "no names") }
        let publicKey = Array(key.publicKey.derRepresentation)
        var info = DER.Serializer()
        try info.appendConstructedNode(identifier: .sequence) { coder throws in
            try coder.serialize(0)
            coder.appendConstructedNode(identifier: .sequence) { _ in }
            coder.serializeRawBytes(publicKey)
            try coder.appendConstructedNode(identifier: ASN1Identifier(tagWithNumber: 0, tagClass: .contextSpecific)) {
                try Self.attributes(names, &$0)
            }
        }
        let signed = info.serializedBytes
        let signature = Array(try key.signature(for: signed).derRepresentation)
        var request = DER.Serializer()
        try request.appendConstructedNode(identifier: .sequence) { coder throws in
            coder.serializeRawBytes(signed)
            try coder.appendConstructedNode(identifier: .sequence) { try $0.serialize(Self.ecdsaWithSHA256) }
            try coder.serialize(ASN1BitString(bytes: signature[...]))
        }
        self.der = request.serializedBytes
    }

    /// The digest of a public key as evidence carries it: SHA-256 over SubjectPublicKeyInfo in DER.
    public static func keyDigest(_ key: P256.Signing.PublicKey) -> Envelope.SHA256Digest {
        Envelope.SHA256Digest(hashing: Array(key.derRepresentation))
    }

    private static let ecdsaWithSHA256: ASN1ObjectIdentifier = [1, 2, 840, 10045, 4, 3, 2]
    private static let extensionRequest: ASN1ObjectIdentifier = [1, 2, 840, 113549, 1, 9, 14]
    private static let subjectAltName: ASN1ObjectIdentifier = [2, 5, 29, 17]

    private static func attributes(_ names: [String], _ coder: inout DER.Serializer) throws {
        var list = DER.Serializer()
        list.appendConstructedNode(identifier: .sequence) { coder in
            for name in names {
                coder.appendPrimitiveNode(identifier: ASN1Identifier(tagWithNumber: 2, tagClass: .contextSpecific)) {
                    $0.append(contentsOf: name.utf8)
                }
            }
        }
        let value = ASN1OctetString(contentBytes: list.serializedBytes[...])
        try coder.appendConstructedNode(identifier: .sequence) { coder in
            try coder.serialize(extensionRequest)
            try coder.appendConstructedNode(identifier: .set) { coder in
                try coder.appendConstructedNode(identifier: .sequence) { coder in
                    try coder.appendConstructedNode(identifier: .sequence) { coder in
                        try coder.serialize(subjectAltName)
                        try coder.serialize(value)
                    }
                }
            }
        }
    }
}
