import Crypto
import CryptoExtras
import SwiftASN1
import WireFormat

/// The one signature algorithm of AMD's certificates: RSASSA-PSS with SHA-384, MGF1 with SHA-384 and 48 bytes of salt.
enum PSSSignature {
    private static let parameters =
        "a00f300d06096086480165030402020500a11c301a06092a864886f70d010108300d06096086480165030402020500a203020130"

    /// The two encodings in use: with the trailer field spelled out, against DER (ARK, ASK), and without (VCEK).
    private static let encodings: [[UInt8]] = [
        "304606092a864886f70d01010a3039" + parameters + "a303020101",
        "304106092a864886f70d01010a3034" + parameters,
    ].compactMap { try? Hex.decode($0, field: "algorithm") }

    /// Refuses every other algorithm or parameter; the inner and the outer statement must agree.
    static func check(inner: ASN1Node, outer: ASN1Node, _ field: String) throws(WireError) {
        guard encodings.contains(where: { $0.elementsEqual(inner.encodedBytes) }) else {
            throw WireError(field: field, reason: "is not signed with RSA-PSS, SHA-384 and 48 bytes of salt")
        }
        guard inner.encodedBytes == outer.encodedBytes else {
            throw WireError(field: field, reason: "names two signature algorithms")
        }
    }

    /// Whether `signature` is the issuer's over `bytes`. The key must be an RSA key of at least 4096 bits.
    static func isValid(_ signature: [UInt8], over bytes: [UInt8], by publicKeyInfo: [UInt8]) -> Bool {
        guard let key = try? _RSA.Signing.PublicKey(derRepresentation: publicKeyInfo), key.keySizeInBits >= 4096 else {
            return false
        }
        let value = _RSA.Signing.RSASignature(rawRepresentation: signature)
        return key.isValidSignature(value, for: SHA384.hash(data: bytes), padding: .PSS)
    }
}
