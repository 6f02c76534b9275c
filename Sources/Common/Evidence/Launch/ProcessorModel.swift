import WireFormat

/// The processor models of QEMU by the CPUID signature that the launch measures.
public enum ProcessorModel: UInt32, Sendable, CaseIterable {
    /// Zen; what QEMU's `EPYC-v4` shows.
    case epycV4 = 0x0080_0F12
    /// Zen 2.
    case epycRome = 0x0083_0F10
    /// Zen 3.
    case epycMilan = 0x00A0_0F11
    /// Zen 4.
    case epycGenoa = 0x00A1_0F10
    /// Zen 5.
    case epycTurin = 0x00B0_0F00

    /// The name that QEMU has for the model, without a version.
    public var name: String {
        switch self {
        case .epycV4: "EPYC"
        case .epycRome: "EPYC-Rome"
        case .epycMilan: "EPYC-Milan"
        case .epycGenoa: "EPYC-Genoa"
        case .epycTurin: "EPYC-Turin"
        }
    }

    /// The model that QEMU knows by this name, such as `EPYC-v4`, `EPYC-Rome` or `EPYC-Genoa-v2`; nil for unknown ones.
    ///
    /// Versions of a model differ in features but not in signature; `EPYC-IBPB` is an old name of `EPYC-v2`.
    public init?(name: String) {
        var parts = name.lowercased().split(separator: "-", omittingEmptySubsequences: false)
        if parts.count > 1, let last = parts.last, last.first == "v", last.count > 1,
            last.dropFirst().allSatisfy({ $0.isASCII && $0.isNumber })
        {
            parts.removeLast()
        }
        let model = parts.joined(separator: "-")
        if model == "epyc-ibpb" {
            self = .epycV4
        } else if let found = Self.allCases.first(where: { $0.name.lowercased() == model }) {
            self = found
        } else {
            return nil
        }
    }

    /// The signature that CPUID function 1 has in EAX for a processor (AMD 25481).
    ///
    /// - Parameters:
    ///   - family: The combined family, such as 25.
    ///   - model: The combined model.
    ///   - stepping: The stepping, at most 15.
    public static func signature(family: UInt16, model: UInt8, stepping: UInt8) throws(WireError) -> UInt32 {
        guard family <= 0xF + 0xFF, stepping <= 0xF else {
            throw WireError(field: "processor", reason: "has no signature: family or stepping is too large")
        }
        let (low, high) = family > 0xF ? (0xF, UInt32(family) - 0xF) : (UInt32(family), 0)
        return high << 20 | UInt32(model >> 4) << 16 | low << 8 | UInt32(model & 0xF) << 4 | UInt32(stepping)
    }
}
