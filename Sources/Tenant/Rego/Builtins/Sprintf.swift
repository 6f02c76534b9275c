/// `sprintf`: Go's `fmt.Sprintf` for the kinds of argument that OPA passes on.
extension Builtin {
    static let formatting: [Builtin] = [
        Builtin("sprintf", 2) { (a: [Value], c: inout Context) throws(Failure) -> Value? in
            let format = try a.string(1)
            var arguments: [GoFormat.Argument] = []
            for member in try a.array(2) { arguments.append(try GoFormat.Argument(member, c.charge)) }
            var formatter = GoFormat(format, arguments)
            return try .string(formatter.run(c.charge))
        }
    ]
}

extension GoFormat {
    /// What Go would see: an `int`, a `*big.Int`, a `float64` or a `string`.
    enum Argument {
        case integer(BigInteger, fits: Bool)
        case float(Double)
        case string(String)

        init(_ value: Value, _ charge: (Int) throws(Builtin.Failure) -> Void) throws(Builtin.Failure) {
            switch value {
            case .number(let number):
                if let int = number.int {
                    self = .integer(BigInteger(int), fits: true)
                } else if let integer = BigInteger(number.description) {
                    self = .integer(integer, fits: false)
                } else if number.double.isFinite {
                    self = .float(number.double)
                } else {
                    self = .string(number.description)
                }
            case .string(let text): self = .string(text.string)
            default: self = .string(try value.regoText(charge))
            }
        }

        /// Go's name of the type, for the text of a mistake.
        var typeName: String {
            switch self {
            case .integer(_, let fits): fits ? "int" : "*big.Int"
            case .float: "float64"
            case .string: "string"
            }
        }
    }
}

/// One run over a format string.
struct GoFormat {
    private let format: [UInt8]
    private let arguments: [Argument]
    private var place = 0
    private var next = 0
    private var reordered = false
    private var goodIndex = true
    private var output: [UInt8] = []

    /// Flags, width and precision of one verb.
    struct Flags {
        var plus = false
        var minus = false
        var sharp = false
        var space = false
        var zero = false
        var width: Int?
        var precision: Int?
    }

    init(_ format: String, _ arguments: [Argument]) {
        self.format = Array(format.utf8)
        self.arguments = arguments
    }

    mutating func run(_ charge: (Int) throws(Builtin.Failure) -> Void) throws(Builtin.Failure) -> String {
        while place < format.count {
            let end = format[place...].firstIndex(of: 37) ?? format.count
            output += format[place..<end]
            place = end
            if place == format.count { break }
            let before = output.count
            place += 1
            verb()
            try charge(output.count - before + 1)
            guard output.count <= Builtin.maximumResult else { throw .tooLarge("result") }
        }
        if !reordered, next < arguments.count {
            let extra = arguments[next...].map { "\($0.typeName)=" + text($0, 118, Flags()) }
            output += "%!(EXTRA \(extra.joined(separator: ", ")))".utf8
        }
        return output.string
    }

    private mutating func verb() {
        var flags = readFlags()
        goodIndex = true
        var afterIndex = argumentIndex()
        if peek == 42 {
            place += 1
            flags.width = starArgument()
            if let width = flags.width {
                if width < 0 {
                    flags.width = -width
                    flags.minus = true
                    flags.zero = false
                }
            } else {
                output += "%!(BADWIDTH)".utf8
            }
            afterIndex = false
        } else if let width = readNumber() {
            flags.width = width
            if afterIndex { goodIndex = false }
        }
        if peek == 46 {
            place += 1
            if afterIndex { goodIndex = false }
            afterIndex = argumentIndex()
            if peek == 42 {
                place += 1
                flags.precision = starArgument()
                if flags.precision.map({ $0 < 0 }) ?? true {
                    if flags.precision == nil { output += "%!(BADPREC)".utf8 }
                    flags.precision = nil
                }
                afterIndex = false
            } else {
                flags.precision = readNumber() ?? 0
            }
        }
        if !afterIndex { _ = argumentIndex() }
        guard place < format.count else {
            output += "%!(NOVERB)".utf8
            return
        }
        let length = Self.scalarLength(format[place])
        let verb = format[place..<min(place + length, format.count)]
        place += verb.count
        finish(verb, flags)
    }

    private mutating func finish(_ verb: ArraySlice<UInt8>, _ flags: Flags) {
        let name = verb.string
        if name == "%" {
            output.append(37)
        } else if !goodIndex {
            output += "%!\(name)(BADINDEX)".utf8
        } else if next >= arguments.count {
            output += "%!\(name)(MISSING)".utf8
        } else {
            let argument = arguments[next]
            next += 1
            if verb.count == 1, name == "T" {
                output += Self.pad(argument.typeName, flags).utf8
            } else if verb.count == 1, name != "p", let letter = verb.first, Self.knows(argument, letter) {
                output += text(argument, letter, flags).utf8
            } else {
                output += Self.bad(argument, name).utf8
            }
        }
    }

    private static func bad(_ argument: Argument, _ verb: String) -> String {
        switch argument {
        case .integer(let integer, false): "%!\(verb)(big.Int=\(integer))"
        default: "%!\(verb)(\(argument.typeName)=\(GoFormatted.text(argument, 118, Flags())))"
        }
    }

    private static func knows(_ argument: Argument, _ verb: UInt8) -> Bool {
        switch argument {
        case .integer(_, true): "vdboOxXcqU".utf8.contains(verb)
        case .integer(_, false): "vsdboOxX".utf8.contains(verb)
        case .float: "vbgGxXfFeE".utf8.contains(verb)
        case .string: "vsxXq".utf8.contains(verb)
        }
    }

    private func text(_ argument: Argument, _ verb: UInt8, _ flags: Flags) -> String {
        GoFormatted.text(argument, verb, flags)
    }

    private var peek: UInt8? { place < format.count ? format[place] : nil }

    private mutating func readFlags() -> Flags {
        var flags = Flags()
        while let byte = peek {
            switch byte {
            case 43: flags.plus = true
            case 45:
                flags.minus = true
                flags.zero = false
            case 35: flags.sharp = true
            case 32: flags.space = true
            case 48: flags.zero = !flags.minus
            default: return flags
            }
            place += 1
        }
        return flags
    }

    /// A number up to a million, as Go; nil (and nothing read past) when there is none.
    private mutating func readNumber() -> Int? {
        var number: Int?
        while let byte = peek, ASCII.isDigit(byte) {
            let value = (number ?? 0) * 10 + Int(byte - 48)
            if value > 1_000_000 { return nil }
            number = value
            place += 1
        }
        return number
    }

    /// `[n]`: the next argument's number. Whether one stood there.
    private mutating func argumentIndex() -> Bool {
        guard peek == 91 else { return false }
        reordered = true
        guard let close = format[place...].firstIndex(of: 93) else {
            goodIndex = false
            place += 1
            return false
        }
        let index = Int(format[(place + 1)..<close].string)
        place = close + 1
        if let index, index >= 1, index <= arguments.count {
            next = index - 1
            return true
        }
        goodIndex = false
        return index != nil
    }

    private mutating func starArgument() -> Int? {
        guard next < arguments.count else { return nil }
        defer { next += 1 }
        guard case .integer(let integer, true) = arguments[next], let int = integer.int, abs(int) <= 1_000_000 else {
            return nil
        }
        return int
    }

    private static func scalarLength(_ byte: UInt8) -> Int { byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4 }

    /// Fills up to the width, with zeros only where `zero` says so.
    static func pad(_ text: String, _ flags: Flags) -> String {
        let missing = (flags.width ?? 0) - text.unicodeScalars.count
        guard missing > 0 else { return text }
        if flags.minus { return text + String(repeating: " ", count: missing) }
        return String(repeating: flags.zero ? "0" : " ", count: missing) + text
    }
}
