import Crypto
import WireFormat

/// The one signature algorithm of Intel's certificates: ECDSA on P-256 with SHA-256, as the pair of numbers in DER.
enum P256Signature {
    /// The algorithm as DER, without parameters.
    static let algorithm: [UInt8] = [0x30, 0x0A, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x02]

    /// The 64 bytes r || s of a signature in DER.
    static func raw(_ der: [UInt8], _ field: String) throws(WireError) -> [UInt8] {
        var reader = DERReader(der, field)
        var pair = try reader.element(DERReader.Tag.sequence)
        try reader.finish()
        let raw = try scalar(&pair) + scalar(&pair)
        try pair.finish()
        return raw
    }

    private static func scalar(_ reader: inout DERReader) throws(WireError) -> [UInt8] {
        var contents = try reader.integer()
        if contents[0] == 0, contents.count > 1 {
            contents.removeFirst()
        } else if contents[0] >= 0x80 {
            throw reader.refusal("has a negative number in its signature")
        }
        guard contents.count <= 32 else { throw reader.refusal("has too large a number in its signature") }
        return [UInt8](repeating: 0, count: 32 - contents.count) + contents
    }

    /// Whether r || s is the key's signature over `bytes`. Numbers that are zero or not below the order never are.
    static func isValid(_ raw: [UInt8], over bytes: [UInt8], by key: P256.Signing.PublicKey) -> Bool {
        guard let signature = try? P256.Signing.ECDSASignature(rawRepresentation: raw) else { return false }
        return key.isValidSignature(signature, for: SHA256.hash(data: bytes))
    }
}
