import Evidence
import WireFormat

/// A key on a NIST curve that signs COSE messages.
public struct COSEKey: Sendable {
    private let key: CurveKey

    /// Takes an uncompressed point: 04, x, y. Its length names the curve.
    public init(point: [UInt8]) throws(WireError) {
        guard let key = CurveKey(point: point) else {
            throw WireError(field: "key", reason: "is not a point on P-256, P-384 or P-521")
        }
        self.key = key
    }

    /// Whether the message is signed by this key.
    func isValid(_ message: COSESign1) -> Bool { key.isValid(message) }
}
