import WireFormat

/// An administrator's call as rules see it: the segments that the router used, joined again, and the parameters that the broker
/// read, sorted by name.
///
/// What two readers could take for two paths is no call at all: escapes that need none or that hide a slash, empty segments
/// and dots.
struct AdministratorCall: Sendable {
    let method: String
    let target: String

    private static let targetLimit = 8 << 10

    init(_ request: BrokerRequest) throws(BrokerError) {
        var target = ""
        for segment in request.path {
            guard let canonical = Self.canonical(segment) else {
                throw BrokerError(
                    .adminDenied, check: "admin-path", "the path can be read in more than one way",
                    note: ShownText.cut(segment, bytes: 64))
            }
            target += "/" + canonical
        }
        let parameters = request.query.sorted { $0.key < $1.key }.map {
            "\(Self.encoded($0.key))=\(Self.encoded($0.value))"
        }
        if !parameters.isEmpty { target += "?" + parameters.joined(separator: "&") }
        guard target.utf8.count <= Self.targetLimit else {
            throw BrokerError(.adminDenied, check: "admin-path", "the path is too long")
        }
        method = request.method
        self.target = target
    }

    /// The segment with its escapes in upper case; nil when another segment means the same.
    static func canonical(_ segment: String) -> String? {
        guard !segment.isEmpty, segment != ".", segment != ".." else { return nil }
        var result: [UInt8] = []
        var bytes = segment.utf8.makeIterator()
        while let byte = bytes.next() {
            if byte == UInt8(ascii: "%") {
                guard let high = bytes.next().flatMap(digit), let low = bytes.next().flatMap(digit) else { return nil }
                let meant = high << 4 | low
                guard meant > 0x20, meant != 0x7f, !isPlain(meant), !"/\\%".utf8.contains(meant) else { return nil }
                result += Array("%\(Hex.encode([meant]).uppercased())".utf8)
            } else {
                guard isPlain(byte) || "!$&'()*+,;=:@".utf8.contains(byte) else { return nil }
                result.append(byte)
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    private static func encoded(_ text: String) -> String {
        text.utf8.map { byte in
            isPlain(byte) || ":/@,".utf8.contains(byte)
                ? String(UnicodeScalar(byte)) : "%\(Hex.encode([byte]).uppercased())"
        }.joined()
    }

    /// Letters, digits and the four signs that never need an escape.
    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "-._~".utf8.contains(byte)
        }
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
