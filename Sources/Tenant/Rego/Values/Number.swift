/// A number as JSON writes it, of any size and precision.
///
/// A number keeps the text it was written with: `1.0` prints as `1.0` and equals `1`. Whole numbers are reckoned with
/// exactly; as soon as an operand is not whole, with 64 bits of mantissa, as OPA does.
public struct Number: Sendable {
    /// How a number is held: nearly all are machine words.
    enum Storage: Sendable {
        case word(Int)
        case text(NumberText)
    }

    let storage: Storage

    /// Digits that a number may have, before or after the point. What is beyond is refused, not held.
    static let digitLimit = 10_000

    /// A whole number.
    @inline(__always)
    public init(_ value: Int) { storage = .word(value) }

    /// A whole number of any size.
    public init(_ value: BigInteger) {
        storage = value.int.map(Storage.word) ?? .text(NumberText(Decimal(value), value.description))
    }

    init(_ decimal: Decimal, text: String) { storage = .text(NumberText(decimal, text)) }

    /// A computed decimal, in the text that OPA would give it; nil when it is out of bounds.
    init?(computed decimal: Decimal) {
        guard decimal.point.magnitude <= 2 * Self.digitLimit, decimal.digits.count <= 2 * Self.digitLimit else {
            return nil
        }
        if decimal.isInteger, decimal.point <= 19, let int = decimal.bigInteger?.int {
            self.init(int)
        } else {
            self.init(decimal, text: decimal.text)
        }
    }

    /// A number as a double holds it; nil for what is not finite.
    public init?(exactly value: Double) {
        if let int = Int(exactly: value) {
            self.init(int)
            return
        }
        guard value.isFinite, let decimal = Number(json: "\(value)")?.decimal else { return nil }
        self.init(computed: decimal)
    }

    /// The machine word when the number is *written* as a whole number that fits: `1.0` has none, as in OPA.
    @inlinable public var int: Int? { word }

    @usableFromInline var word: Int? {
        if case .word(let value) = storage { value } else { nil }
    }

    /// The nearest double; infinite when it is out of a double's bounds.
    public var double: Double {
        switch storage {
        case .word(let value): Double(value)
        case .text(let text): Double(text.text) ?? .nan
        }
    }

    /// Whether the number is whole, however it is written.
    public var isInteger: Bool {
        if case .text(let text) = storage { text.decimal.isInteger } else { true }
    }

    /// Whether the number is zero.
    public var isZero: Bool {
        switch storage {
        case .word(let value): value == 0
        case .text(let text): text.decimal.isZero
        }
    }

    /// Whether the number is less than zero.
    public var isNegative: Bool {
        switch storage {
        case .word(let value): value < 0
        case .text(let text): text.decimal.isNegative
        }
    }

    /// The whole number; nil when it is not one.
    public var bigInteger: BigInteger? {
        switch storage {
        case .word(let value): BigInteger(value)
        case .text(let text): text.decimal.bigInteger
        }
    }

    var decimal: Decimal {
        switch storage {
        case .word(let value): Decimal(BigInteger(value))
        case .text(let text): text.decimal
        }
    }

    /// Negative, zero or positive as `left` is less than, equal to or greater than `right`.
    @inline(__always)
    public static func order(_ left: Number, _ right: Number) -> Int {
        if case .word(let one) = left.storage, case .word(let other) = right.storage {
            return one == other ? 0 : one < other ? -1 : 1
        }
        return Decimal.order(left.decimal, right.decimal)
    }
}

/// A number that is not a plain machine word.
final class NumberText: Sendable {
    let decimal: Decimal
    let text: String

    init(_ decimal: Decimal, _ text: String) {
        self.decimal = decimal
        self.text = text
    }
}

extension Number: Hashable, Comparable, CustomStringConvertible {
    /// Equal in value.
    public static func == (left: Number, right: Number) -> Bool { order(left, right) == 0 }

    /// Comes before in order.
    public static func < (left: Number, right: Number) -> Bool { order(left, right) < 0 }

    /// Equal values hash alike.
    public func hash(into hasher: inout Hasher) {
        switch storage {
        case .word(let value): hasher.combine(value)
        case .text(let text):
            if text.decimal.isInteger, text.decimal.point <= 19, let int = text.decimal.bigInteger?.int {
                hasher.combine(int)
            } else {
                hasher.combine(text.decimal)
            }
        }
    }

    /// The text as written, or as OPA prints what was computed.
    public var description: String {
        switch storage {
        case .word(let value): String(value)
        case .text(let text): text.text
        }
    }
}
