import Envelope
import Foundation
import SwiftASN1
import WireFormat
@_spi(FixedExpiryValidationTime) import X509

/// Pinned certificates that vouch for the keys of tokens.
struct CertificateTrust: Sendable {
    private let roots: CertificateStore
    private let others: [Certificate]

    private static let chainLimit = 5
    private static let certificateBytes = 16 << 10

    /// Reads a PEM file: what is self-signed is a root.
    init(pem: [UInt8]) throws(WireError) {
        let text = String(decoding: pem, as: UTF8.self)
        var certificates: [Certificate] = []
        do {
            for document in try PEMDocument.parseMultiple(pemString: text) {
                certificates.append(try Certificate(pemDocument: document))
            }
        } catch {
            throw WireError(field: "certificates", reason: "is no list of certificates in PEM form")
        }
        let anchors = certificates.filter { $0.subject == $0.issuer }
        guard !anchors.isEmpty else { throw WireError(field: "certificates", reason: "holds no self-signed root") }
        roots = CertificateStore(anchors)
        others = certificates.filter { $0.subject != $0.issuer }
    }

    /// The key of a token's header, when its certificates lead to a pinned root at `now`.
    ///
    /// The header's key counts only because the first certificate has the same one.
    func key(header: JSONValue, now: Date) async throws(WireError) -> JWS.Key {
        guard let shown = header["jwk"] else { throw WireError(field: "jwk", reason: "is missing in the header") }
        let key = try JWS.Key(jwk: shown)
        guard let list = shown["x5c"]?.arrayValue, !list.isEmpty else {
            throw WireError(field: "jwk.x5c", reason: "is missing or empty")
        }
        guard list.count <= Self.chainLimit else {
            throw WireError(field: "jwk.x5c", reason: "holds more than \(Self.chainLimit) certificates")
        }
        var chain: [Certificate] = []
        for (index, element) in list.enumerated() {
            let field = "jwk.x5c[\(index)]"
            let der = try Base64.decode(element.stringValue ?? "?", field: field)
            guard der.count <= Self.certificateBytes, let certificate = try? Certificate(derEncoded: der) else {
                throw WireError(field: field, reason: "is no certificate")
            }
            chain.append(certificate)
        }
        var serializer = DER.Serializer()
        guard (try? serializer.serialize(chain[0].publicKey)) != nil,
            serializer.serializedBytes == key.publicKeyInfo
        else { throw WireError(field: "jwk.x5c[0]", reason: "is the certificate of another key") }
        var verifier = Verifier(rootCertificates: roots) { RFC5280Policy(fixedExpiryValidationTime: now) }
        let result = await verifier.validate(
            leaf: chain[0], intermediates: CertificateStore(Self.path(chain).dropFirst() + others))
        guard case .validCertificate = result else {
            throw WireError(field: "jwk.x5c", reason: "does not lead to a pinned root, or is not valid now")
        }
        return key
    }

    /// The certificates that lead on from the first one, each issued by the next.
    ///
    /// A search among certificates that a stranger chose takes as long as they have permutations. This one never goes back: at most
    /// one check for each pair, and no subject twice.
    private static func path(_ chain: [Certificate]) -> [Certificate] {
        var path = Array(chain.prefix(1))
        var left = Array(chain.dropFirst())
        while let last = path.last, last.subject != last.issuer,
            let place = left.firstIndex(where: { issuer in
                issuer.subject == last.issuer && !path.contains { $0.subject == issuer.subject }
                    && issuer.publicKey.isValidSignature(last.signature, for: last)
            })
        {
            path.append(left.remove(at: place))
        }
        return path
    }
}
