import Fuzzing

/// The layouts of the formats, for mutation.
extension Format {
    /// How an input is cut into pieces.
    var shape: Shape {
        switch self {
        case .snpReport: .fields(Self.reportFields)
        case .certificateTable:
            .fields([.many([.bytes(16), .number(4), .number(4)])])
        case .quote: .chosen { Self.quoteShape($0) }
        case .bootEventLog:
            .fields([
                .number(4), .number(4), .bytes(20),
                .sized(4, .fields([.bytes(16), .bytes(8), .counted(4, [.number(2), .number(2)]), .sized(1)])),
                .many([
                    .number(4), .number(4), .counted(4, [.digest()]),
                    .sized(4, .chosen { Self.eventShape($0) }),
                ]),
            ])
        case .tpmAttestation:
            .fields([
                .bytes(4), .number(2, bigEndian: true), .sized(2, bigEndian: true), .sized(2, bigEndian: true),
                .number(8, bigEndian: true), .number(4, bigEndian: true), .number(4, bigEndian: true), .number(1),
                .number(8, bigEndian: true),
                .counted(4, bigEndian: true, [.number(2, bigEndian: true), .sized(1)]), .sized(2, bigEndian: true),
            ])
        case .tpmSignature:
            .fields([
                .number(2, bigEndian: true), .number(2, bigEndian: true), .sized(2, bigEndian: true),
                .sized(2, bigEndian: true),
            ])
        case .tpmKey: .chosen { Self.keyShape($0) }
        case .hclReport:
            .fields([
                .bytes(4), .number(4), .number(4), .number(4), .bytes(16), .bytes(1184), .number(4), .number(4),
                .number(4), .number(4), .sized(4, .json),
            ])
        case .ccaToken, .corim: .cbor
        case .initData: .toml
        case .spdm:
            .fields([
                .bytes(2), .bytes(35), .bytes(4), .number(1),
                .sized(3, .fields([.many([.number(1), .number(1), .sized(2, .fields([.number(1), .sized(2)]))])])),
                .bytes(32), .sized(2, .fields([.many([.number(2), .sized(2)])])), .bytes(96),
            ])
        case .firmware: .fields([.numbers(4)])
        case .program:
            .fields([.bytes(0x3C), .number(4), .bytes(0x40), .numbers(2)])
        default: .any
        }
    }

    private static let reportFields: [Field] =
        [
            .number(4), .number(4), .number(8), .bytes(16), .bytes(16), .number(4), .number(4), .bytes(8), .number(8),
            .number(4), .number(4), .bytes(64), .bytes(48), .bytes(32), .bytes(48), .bytes(48), .bytes(32), .bytes(32),
            .bytes(8), .number(1), .number(1), .number(1), .bytes(21), .bytes(64), .bytes(8),
        ] + [Field](repeating: .number(1), count: 8) + [.bytes(8), .number(8), .number(8), .bytes(152)]
        + [.bytes(72), .bytes(72), .bytes(368)]

    private static func quoteShape(_ bytes: [UInt8]) -> Shape {
        let header: [Field] = [.number(2), .number(2), .number(4), .number(2), .number(2), .bytes(16), .bytes(20)]
        let version = bytes.first ?? 0
        let type = bytes.count > 7 ? bytes[4] : 0
        let enclave: [Field] = [
            .bytes(16), .number(4), .bytes(28), .bytes(16), .bytes(32), .bytes(32), .bytes(32), .bytes(32), .bytes(64),
            .number(2), .number(2), .number(2), .bytes(42), .bytes(16), .bytes(64),
        ]
        let domain: [Field] = [
            .bytes(16), .bytes(48), .bytes(48), .bytes(8), .bytes(8), .bytes(8), .bytes(48), .bytes(48), .bytes(48),
            .bytes(48), .bytes(48), .bytes(48), .bytes(48), .bytes(48), .bytes(64),
        ]
        let report: [Field] = enclave + [.bytes(64), .sized(2), .number(2), .sized(4, .any)]
        let signature: Shape = .fields(
            [.bytes(64), .bytes(64)] + (version == 3 ? report : [.number(2), .sized(4, .fields(report))]))
        let body: [Field] =
            switch version {
            case 5: [.number(2), .sized(4, .fields(domain + [.bytes(16), .bytes(48)]))]
            default: type == 0 ? enclave : domain
            }
        return .fields(header + body + [.sized(4, signature)])
    }

    private static func eventShape(_ bytes: [UInt8]) -> Shape {
        if bytes.starts(with: Array("LEAA".utf8)) { return .fields([.bytes(4), .sized(4)]) }
        if bytes.count > 32 { return .fields([.bytes(16), .number(8), .number(8)]) }
        return .raw
    }

    private static func keyShape(_ bytes: [UInt8]) -> Shape {
        if bytes.first == 0x30 || bytes.first == UInt8(ascii: "-") { return .any }
        let big = true
        func number(_ width: Int) -> Field { .number(width, bigEndian: big) }
        let isRSA = bytes.count > 1 && bytes[1] == 1
        let start: [Field] = [
            number(2), number(2), number(4), .sized(2, bigEndian: big), number(2), number(2), number(2),
        ]
        return .fields(
            start + (isRSA ? [number(2), number(4)] : [number(2), number(2)])
                + [.sized(2, bigEndian: big), .sized(2, bigEndian: big)])
    }
}
