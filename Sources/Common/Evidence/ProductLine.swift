/// A line of AMD processors that shares one root key.
public enum ProductLine: String, Hashable, Sendable, CaseIterable {
    /// Zen 3.
    case milan = "Milan"
    /// Zen 4, Bergamo and Siena included.
    case genoa = "Genoa"
    /// Zen 5.
    case turin = "Turin"

    /// The line of the combined family and model values of a report from version 3 on; nil for unknown ones.
    public init?(family: UInt8, model: UInt8) {
        switch (family, model) {
        case (0x19, 0x00...0x0F): self = .milan
        case (0x19, 0x10...0x1F), (0x19, 0xA0...0xAF): self = .genoa
        case (0x1A, 0x00...0x11): self = .turin
        default: return nil
        }
    }

    /// The line of a certificate's product name, such as `Milan-B0` or `Genoa`.
    public init?(productName: String) {
        let line = productName.prefix { $0 != "-" }
        self.init(rawValue: String(line))
    }

    /// Where its TCB versions keep their parts.
    public var layout: TCBVersion.Layout { self == .turin ? .turin : .genoa }

    /// The number of bytes of a chip's identity; the rest of CHIP_ID is zero.
    public var chipIDLength: Int { self == .turin ? 8 : 64 }
}
