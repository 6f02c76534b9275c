import WireFormat

/// Reads the start tags of an XML document with their namespaces, as far as manifests need it.
///
/// Document types are refused, and with them every entity that a document could define; text between tags is not looked at.
struct XMLScanner {
    /// A name within its namespace, which is empty for none.
    struct Name: Hashable {
        var space: String
        var local: String
    }

    /// A start tag.
    struct Tag {
        /// The element's name.
        var name: Name
        /// Its attributes; those without a prefix have no namespace.
        var attributes: [Name: String]
        /// The elements around it, outermost first.
        var around: [Name]
    }

    private let bytes: [UInt8]
    private var place = 0
    private var open: [(qualified: String, name: Name, spaces: [String: String])] = []
    private var isFinished = false

    private static let (sizeLimit, depthLimit, attributeLimit, spaceLimit) = (1 << 20, 32, 256, 64)
    private static let field = "XML"

    init(_ bytes: [UInt8]) throws(WireError) {
        guard bytes.count <= Self.sizeLimit else {
            throw WireError(field: Self.field, reason: "is larger than \(Self.sizeLimit) bytes")
        }
        guard String(validating: bytes, as: UTF8.self) != nil else {
            throw WireError(field: Self.field, reason: "is not UTF-8")
        }
        self.bytes = bytes
    }

    private func refusal(_ reason: String) -> WireError {
        WireError(field: Self.field, reason: "\(reason) at byte \(place)")
    }

    /// The next start tag; nil at the end of a complete document.
    mutating func next() throws(WireError) -> Tag? {
        while true {
            guard let start = bytes[place...].firstIndex(of: UInt8(ascii: "<")) else {
                guard open.isEmpty, isFinished, isBlank(place..<bytes.count) else {
                    throw refusal("the document is cut short")
                }
                return nil
            }
            guard !open.isEmpty || isBlank(place..<start) else { throw refusal("text outside the document") }
            place = start + 1
            if skip("!--", to: "-->") || skip("?", to: "?>") { continue }
            if !open.isEmpty, skip("![CDATA[", to: "]]>") { continue }
            guard place < bytes.count, bytes[place] != UInt8(ascii: "!"), bytes[place] != UInt8(ascii: "?") else {
                throw refusal("a document type, or markup that does not end,")
            }
            if bytes[place] == UInt8(ascii: "/") {
                place += 1
                try close()
            } else {
                return try startTag()
            }
        }
    }

    private func isBlank(_ range: Range<Int>) -> Bool { bytes[range].allSatisfy(Self.isSpace) }

    private static func isSpace(_ byte: UInt8) -> Bool { [0x20, 0x09, 0x0A, 0x0D].contains(byte) }

    /// Skips markup that begins and ends with these texts; says whether it did.
    private mutating func skip(_ start: String, to end: String) -> Bool {
        guard bytes[place...].starts(with: start.utf8) else { return false }
        let end = Array(end.utf8)
        var at = place + start.utf8.count
        while at + end.count <= bytes.count {
            if bytes[at..<at + end.count].elementsEqual(end) {
                place = at + end.count
                return true
            }
            at += 1
        }
        return false
    }

    private mutating func skipSpace() {
        while place < bytes.count, Self.isSpace(bytes[place]) { place += 1 }
    }

    private mutating func take(_ byte: Character) throws(WireError) {
        guard place < bytes.count, bytes[place] == byte.asciiValue else { throw refusal("\(byte) is missing") }
        place += 1
    }

    private mutating func name() throws(WireError) -> String {
        let start = place
        let ends = Array(" \t\r\n/>=<\"'&".utf8)
        while place < bytes.count, !ends.contains(bytes[place]) { place += 1 }
        guard place > start, place - start <= 256 else { throw refusal("a name is missing or too long") }
        return String(decoding: bytes[start..<place], as: UTF8.self)
    }

    private mutating func close() throws(WireError) {
        let name = try name()
        skipSpace()
        try take(">")
        guard let last = open.popLast(), last.qualified == name else {
            throw refusal("an element ends that is not open")
        }
        isFinished = open.isEmpty
    }

    private mutating func startTag() throws(WireError) -> Tag {
        guard !isFinished else { throw refusal("a second document") }
        guard open.count < Self.depthLimit else { throw refusal("nested too deeply") }
        let qualified = try name()
        var spaces = open.last?.spaces ?? ["xml": "http://www.w3.org/XML/1998/namespace"]
        var given: [(String, String)] = []
        var isEmpty = false
        while true {
            let before = place
            skipSpace()
            guard place < bytes.count else { throw refusal("a tag is cut short") }
            if bytes[place] == UInt8(ascii: ">") { break }
            if bytes[place] == UInt8(ascii: "/") {
                place += 1
                isEmpty = true
                break
            }
            guard place > before, given.count < Self.attributeLimit else { throw refusal("attributes run together") }
            let key = try name()
            skipSpace()
            try take("=")
            skipSpace()
            given.append((key, try value()))
        }
        try take(">")
        for (key, value) in given {
            if key == "xmlns" { spaces[""] = value }
            if key.hasPrefix("xmlns:") { spaces[String(key.dropFirst(6))] = value }
        }
        guard spaces.count <= Self.spaceLimit else { throw refusal("too many namespaces") }
        let element = try expanded(qualified, spaces, standard: spaces[""] ?? "")
        var attributes: [Name: String] = [:]
        for (key, value) in given where key != "xmlns" && !key.hasPrefix("xmlns:") {
            let name = try expanded(key, spaces, standard: "")
            guard attributes.updateValue(value, forKey: name) == nil else { throw refusal("an attribute comes twice") }
        }
        let tag = Tag(name: element, attributes: attributes, around: open.map(\.name))
        if isEmpty {
            isFinished = open.isEmpty
        } else {
            open.append((qualified: qualified, name: element, spaces: spaces))
        }
        return tag
    }

    private func expanded(
        _ qualified: String, _ spaces: [String: String], standard: String
    ) throws(WireError) -> Name {
        let parts = qualified.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        if parts.count == 1 { return Name(space: standard, local: qualified) }
        guard parts.count == 2, !parts[1].isEmpty, let space = spaces[parts[0]] else {
            throw refusal("a name has a prefix that stands for nothing")
        }
        return Name(space: space, local: parts[1])
    }

    /// An attribute's value; of entities the five that need no document type.
    private mutating func value() throws(WireError) -> String {
        guard place < bytes.count, bytes[place] == UInt8(ascii: "\"") || bytes[place] == UInt8(ascii: "'") else {
            throw refusal("an attribute has no value")
        }
        let quote = bytes[place]
        place += 1
        guard let end = bytes[place...].firstIndex(of: quote) else { throw refusal("a value is cut short") }
        var text: [UInt8] = []
        while place < end {
            switch bytes[place] {
            case UInt8(ascii: "<"): throw refusal("a value holds <")
            case UInt8(ascii: "&"):
                guard let known = Self.entities.first(where: { bytes[place..<end].starts(with: $0.key) }) else {
                    throw refusal("an entity that is not known")
                }
                text.append(known.value)
                place += known.key.count
            default:
                text.append(bytes[place])
                place += 1
            }
        }
        place = end + 1
        return String(decoding: text, as: UTF8.self)
    }

    private static let entities: [(key: [UInt8], value: UInt8)] = [
        (Array("&amp;".utf8), UInt8(ascii: "&")), (Array("&lt;".utf8), UInt8(ascii: "<")),
        (Array("&gt;".utf8), UInt8(ascii: ">")), (Array("&quot;".utf8), UInt8(ascii: "\"")),
        (Array("&apos;".utf8), UInt8(ascii: "'")),
    ]
}
