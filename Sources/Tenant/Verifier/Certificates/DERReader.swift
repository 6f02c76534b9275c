import WireFormat

/// A forward-only reader of DER: one element after another, each with the tag that is expected.
///
/// It reads the subset that X.509 needs and refuses every second spelling of a value: lengths that are indefinite or longer
/// than need be, integers with padding, truth values other than 0xFF. It never recurses; who descends asks for it.
struct DERReader {
    /// The tags in use (ITU-T X.690).
    enum Tag {
        static let boolean: UInt8 = 0x01
        static let integer: UInt8 = 0x02
        static let bitString: UInt8 = 0x03
        static let octetString: UInt8 = 0x04
        static let objectIdentifier: UInt8 = 0x06
        static let enumerated: UInt8 = 0x0A
        static let utf8String: UInt8 = 0x0C
        static let printableString: UInt8 = 0x13
        static let utcTime: UInt8 = 0x17
        static let generalizedTime: UInt8 = 0x18
        static let sequence: UInt8 = 0x30
        static let set: UInt8 = 0x31
        /// A constructed element with a tag of its context.
        static func context(_ number: UInt8) -> UInt8 { 0xA0 | number }
    }

    private let bytes: [UInt8]
    private let end: Int
    private let field: String
    private(set) var offset: Int

    /// Reads all of `bytes`; `field` names them in refusals.
    init(_ bytes: [UInt8], _ field: String) {
        self.init(bytes: bytes, range: 0..<bytes.count, field: field)
    }

    private init(bytes: [UInt8], range: Range<Int>, field: String) {
        self.bytes = bytes
        self.offset = range.lowerBound
        self.end = range.upperBound
        self.field = field
    }

    func refusal(_ reason: String) -> WireError { WireError(field: field, reason: "\(reason) at byte \(offset)") }

    /// Whether nothing is left.
    var isAtEnd: Bool { offset == end }
    /// The tag of the next element; nil at the end.
    var nextTag: UInt8? { offset < end ? bytes[offset] : nil }

    /// Ends the reading; elements left over are an error.
    func finish() throws(WireError) {
        guard isAtEnd else { throw refusal("has an element too many") }
    }

    /// Where the contents of the next element lie, which must have this tag.
    private mutating func contents(_ tag: UInt8) throws(WireError) -> Range<Int> {
        guard nextTag == tag else { throw refusal("has an unexpected structure") }
        var position = offset + 1
        guard position < end else { throw refusal("is cut short") }
        var length = Int(bytes[position])
        position += 1
        if length >= 0x80 {
            let count = length - 0x80
            guard (1...3).contains(count) else { throw refusal("has an indefinite or too large length") }
            guard count <= end - position else { throw refusal("is cut short") }
            length = 0
            for _ in 0..<count {
                length = length << 8 | Int(bytes[position])
                position += 1
            }
            guard length >= 0x80, count == 1 || length >> (8 * (count - 1)) != 0 else {
                throw refusal("has a length that is not minimal")
            }
        }
        guard length <= end - position else { throw refusal("is cut short") }
        offset = position + length
        return position..<offset
    }

    /// Descends into the next element.
    mutating func element(_ tag: UInt8) throws(WireError) -> DERReader {
        let range = try contents(tag)
        return DERReader(bytes: bytes, range: range, field: field)
    }

    /// The contents of the next element.
    mutating func primitive(_ tag: UInt8) throws(WireError) -> [UInt8] { Array(bytes[try contents(tag)]) }

    /// The next element whole, with tag and length, and a reader of its contents.
    mutating func whole(_ tag: UInt8) throws(WireError) -> (encoded: [UInt8], contents: DERReader) {
        let start = offset
        let range = try contents(tag)
        return (Array(bytes[start..<offset]), DERReader(bytes: bytes, range: range, field: field))
    }

    /// Whether the next element is exactly this encoding; consumes it then.
    mutating func take(_ encoded: [UInt8]) -> Bool {
        guard encoded.count <= end - offset, bytes[offset..<offset + encoded.count].elementsEqual(encoded) else {
            return false
        }
        offset += encoded.count
        return true
    }

    /// An integer as its minimal contents, big-endian in two's complement.
    mutating func integer(_ tag: UInt8 = Tag.integer) throws(WireError) -> [UInt8] {
        let range = try contents(tag)
        guard let first = range.first else { throw refusal("has an empty integer") }
        if range.count > 1 {
            let sign = bytes[first + 1] & 0x80
            guard !(bytes[first] == 0x00 && sign == 0), !(bytes[first] == 0xFF && sign != 0) else {
                throw refusal("has an integer that is not minimal")
            }
        }
        return Array(bytes[range])
    }

    /// An integer from 0 to `limit`, which is below 2^31.
    mutating func number(_ tag: UInt8 = Tag.integer, upTo limit: Int) throws(WireError) -> Int {
        let contents = try integer(tag)
        guard contents.count <= 4, contents[0] < 0x80 else { throw refusal("has an integer out of range") }
        let value = contents.reduce(0) { $0 << 8 | Int($1) }
        guard value <= limit else { throw refusal("has an integer out of range") }
        return value
    }

    /// A truth value.
    mutating func boolean() throws(WireError) -> Bool {
        switch try primitive(Tag.boolean) {
        case [0x00]: false
        case [0xFF]: true
        default: throw refusal("has a truth value that is neither 0 nor 255")
        }
    }

    /// The contents of a bit string of whole bytes.
    mutating func wholeBytes() throws(WireError) -> [UInt8] {
        let contents = try primitive(Tag.bitString)
        guard contents.first == 0 else { throw refusal("has a bit string that is not made of whole bytes") }
        return Array(contents.dropFirst())
    }

    /// Seconds since 1970 of a UTCTime or GeneralizedTime as RFC 5280 writes them: to the second, in UTC.
    mutating func time() throws(WireError) -> Int64 {
        let isUTC = nextTag == Tag.utcTime
        let text = try primitive(isUTC ? Tag.utcTime : Tag.generalizedTime)
        guard let time = CalendarTime(compact: text, yearDigits: isUTC ? 2 : 4) else {
            throw refusal("has a malformed time")
        }
        return time.seconds
    }
}
