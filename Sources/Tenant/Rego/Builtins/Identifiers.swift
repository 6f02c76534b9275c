/// `uuid.*`.
extension Builtin {
    static let identifiers: [Builtin] = [
        Builtin("uuid.rfc4122", 1, isPure: false) { (a: [Value], c: inout Context) throws(Failure) -> Value? in
            let key = try Value.string(a.string(1))
            if let known = c.cache.values["uuid.rfc4122"]?[key] { return known }
            guard var bytes = c.random?(16), bytes.count == 16 else { throw .builtin("no source of randomness") }
            bytes[6] = bytes[6] & 0x0F | 0x40
            bytes[8] = bytes[8] & 0x3F | 0x80
            let value = Value.string(UniqueIdentifier(bytes: bytes).text)
            c.cache.values["uuid.rfc4122", default: [:]][key] = value
            return value
        },
        plain("uuid.parse", 1) { (a: [Value]) throws(Failure) -> Value? in
            try UniqueIdentifier(a.string(1))?.description
        },
    ]
}

/// A UUID.
struct UniqueIdentifier {
    let bytes: [UInt8]

    init(bytes: [UInt8]) { self.bytes = bytes }

    /// The forms that Go's package reads: plain, `urn:uuid:`, in braces, and 32 digits alone.
    init?(_ text: String) {
        var digits = Array(text.utf8)[...]
        switch digits.count {
        case 36: break
        case 45:
            guard digits.prefix(9).map(ASCII.lower) == Array("urn:uuid:".utf8) else { return nil }
            digits = digits.dropFirst(9)
        case 38: digits = digits.dropFirst().dropLast()
        case 32: break
        default: return nil
        }
        var bytes: [UInt8] = []
        var high: UInt8?
        for (index, digit) in digits.enumerated() {
            if digits.count == 36, [8, 13, 18, 23].contains(index) {
                guard digit == 45 else { return nil }
                continue
            }
            guard let value = ASCII.hexValue(digit) else { return nil }
            if let half = high {
                bytes.append(half << 4 | value)
                high = nil
            } else {
                high = value
            }
        }
        guard bytes.count == 16 else { return nil }
        self.bytes = bytes
    }

    var text: String {
        var text: [UInt8] = []
        for (index, byte) in bytes.enumerated() {
            if [4, 6, 8, 10].contains(index) { text.append(45) }
            text += [ASCII.hexDigits[Int(byte >> 4)], ASCII.hexDigits[Int(byte & 15)]]
        }
        return text.string
    }

    /// What can be read off it, as `uuid.parse` gives it.
    var description: Value {
        let version = Int(bytes[6] >> 4)
        let variant =
            switch bytes[8] {
            case let byte where byte & 0xC0 == 0x80: "RFC4122"
            case let byte where byte & 0xE0 == 0xC0: "Microsoft"
            case let byte where byte & 0xE0 == 0xE0: "Future"
            default: "Reserved"
            }
        var pairs: [(key: Value, value: Value)] = [
            (.string("version"), .int(version)), (.string("variant"), .string(variant)),
        ]
        if version == 1 || version == 2 {
            let node = bytes[10...].map { [ASCII.hexDigits[Int($0 >> 4)], ASCII.hexDigits[Int($0 & 15)]].string }
            pairs += [
                (.string("time"), .int(nanoseconds)), (.string("nodeid"), .string(node.joined(separator: "-"))),
                (.string("macvariables"), .string(addressKind)),
                (.string("clocksequence"), .int(Int(bytes[8] & 0x3F) << 8 | Int(bytes[9]))),
            ]
        }
        if version == 6 || version == 7 {
            // Not in OPA, but in interpreters that follow the later versions of the standard.
            pairs.append((.string("time"), .int(version == 6 ? orderedNanoseconds : milliseconds &* 1_000_000)))
        }
        if version == 2 {
            let domain = ["Person", "Group", "Org"]
            let number = Int(bytes[9])
            pairs += [
                (.string("id"), .int(bytes[..<4].reduce(0) { $0 << 8 | Int($1) })),
                (.string("domain"), .string(number < 3 ? domain[number] : "Domain\(number)")),
            ]
        }
        return .object(ObjectValue(pairs))
    }

    /// Nanoseconds since 1970; the identifier counts tenths of a microsecond since 1582.
    private var nanoseconds: Int {
        let low = bytes[..<4].reduce(0) { $0 << 8 | Int($1) }
        let middle = Int(bytes[4]) << 8 | Int(bytes[5])
        let high = (Int(bytes[6]) << 8 | Int(bytes[7])) & 0xFFF
        return ((high << 48 | middle << 32 | low) - 122_192_928_000_000_000) &* 100
    }

    private var orderedNanoseconds: Int {
        let high = bytes[..<6].reduce(0) { $0 << 8 | Int($1) }
        let low = (Int(bytes[6]) << 8 | Int(bytes[7])) & 0xFFF
        return ((high << 12 | low) - 122_192_928_000_000_000) &* 100
    }

    private var milliseconds: Int { bytes[..<6].reduce(0) { $0 << 8 | Int($1) } }

    private var addressKind: String {
        switch bytes[10] & 3 {
        case 3: "local:multicast"
        case 1: "global:multicast"
        case 2: "local:unicast"
        default: "global:unicast"
        }
    }
}
