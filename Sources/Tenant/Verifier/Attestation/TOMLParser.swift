import WireFormat

/// TOML 1.0 as JSON, as far as init-data has it: tables, lists of tables, dotted keys, all four kinds of texts, numbers,
/// truth values, lists and inline tables. Dates are refused.
struct TOMLParser {
    /// How deep values stand, counted from the document through tables and the parts of dotted keys.
    private static let depthLimit = 64
    private static let partLimit = 64

    private let text: [Unicode.Scalar]
    private var position = 0
    private var depth = 0

    private init(_ text: String) {
        // TOML knows line feeds with a carriage return before them as one end of a line.
        var scalars: [Unicode.Scalar] = []
        scalars.reserveCapacity(text.unicodeScalars.count)
        for scalar in text.unicodeScalars {
            if scalar == "\n", scalars.last == "\r" { scalars.removeLast() }
            scalars.append(scalar)
        }
        self.text = scalars
    }

    /// Reads a document; errors name the line.
    static func parse(_ text: String) throws(WireError) -> JSONValue {
        var parser = TOMLParser(text)
        if let place = parser.text.firstIndex(where: { ($0 < " " && $0 != "\t" && $0 != "\n") || $0 == "\u{7F}" }) {
            parser.position = place
            throw parser.refusal("a control character stands here")
        }
        return try parser.document().json
    }

    private func refusal(_ reason: String) -> WireError {
        let line = text[..<min(position, text.count)].count { $0 == "\n" } + 1
        return WireError(field: "TOML line \(line)", reason: reason)
    }

    private var next: Unicode.Scalar? { position < text.count ? text[position] : nil }

    private mutating func skip(_ expected: Unicode.Scalar) -> Bool {
        guard next == expected else { return false }
        position += 1
        return true
    }

    private mutating func take(_ expected: String) -> Bool {
        let wanted = expected.unicodeScalars
        guard next == wanted.first, text[position...].starts(with: wanted) else { return false }
        position += wanted.count
        return true
    }

    private mutating func skipSpaces() { while next == " " || next == "\t" { position += 1 } }

    private mutating func skipComment() {
        guard next == "#" else { return }
        while let scalar = next, scalar != "\n" { position += 1 }
    }

    private mutating func skipLines() {
        while true {
            skipSpaces()
            skipComment()
            guard skip("\n") else { return }
        }
    }

    private mutating func document() throws(WireError) -> TOMLTable {
        var root = TOMLTable()
        var path: [String] = []
        skipLines()
        while next != nil {
            if take("[[") {
                path = try header("]]")
                guard root.append(at: path[...]) else { throw refusal("the list is something else already") }
            } else if skip("[") {
                path = try header("]")
                guard root.open(path[...]) else { throw refusal("the table is there already") }
            } else {
                let key = try keys()
                depth = path.count + key.count - 1
                let value = try assigned()
                depth = 0
                guard root.set(value, at: (path + key)[...]) else {
                    throw refusal("the key is there already")
                }
            }
            skipSpaces()
            skipComment()
            guard next == nil || skip("\n") else { throw refusal("something follows on the line") }
            skipLines()
        }
        return root
    }

    private mutating func header(_ end: String) throws(WireError) -> [String] {
        let path = try keys()
        guard take(end) else { throw refusal("the table's name does not end") }
        return path
    }

    private mutating func assigned() throws(WireError) -> JSONValue {
        skipSpaces()
        guard skip("=") else { throw refusal("a key needs a value") }
        skipSpaces()
        return try value()
    }

    private mutating func keys() throws(WireError) -> [String] {
        var path: [String] = []
        repeat {
            skipSpaces()
            guard path.count < Self.partLimit else { throw refusal("a key has more than \(Self.partLimit) parts") }
            path.append(try key())
            skipSpaces()
        } while skip(".")
        return path
    }

    private mutating func key() throws(WireError) -> String {
        if skip("\"") { return try basic(isMultiline: false) }
        if skip("'") { return try literal(isMultiline: false) }
        let start = position
        while let scalar = next, scalar.isASCII,
            scalar.properties.isAlphabetic || "0123456789_-".unicodeScalars.contains(scalar)
        { position += 1 }
        guard position > start else { throw refusal("a key is missing") }
        return string(text[start..<position])
    }

    private func string(_ scalars: some Sequence<Unicode.Scalar>) -> String {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars)
        return String(view)
    }

    private mutating func value() throws(WireError) -> JSONValue {
        guard depth < Self.depthLimit else { throw refusal("values stand more than \(Self.depthLimit) deep") }
        depth += 1
        defer { depth -= 1 }
        if take("\"\"\"") { return .string(try basic(isMultiline: true)) }
        if skip("\"") { return .string(try basic(isMultiline: false)) }
        if take("'''") { return .string(try literal(isMultiline: true)) }
        if skip("'") { return .string(try literal(isMultiline: false)) }
        if skip("[") { return try list() }
        if skip("{") { return try inlineTable() }
        return try bareValue()
    }

    private mutating func list() throws(WireError) -> JSONValue {
        var elements: [JSONValue] = []
        while true {
            skipLines()
            if skip("]") { return .array(elements) }
            elements.append(try value())
            skipLines()
            if skip(",") { continue }
            guard skip("]") else { throw refusal("a list does not end") }
            return .array(elements)
        }
    }

    private mutating func inlineTable() throws(WireError) -> JSONValue {
        var table = TOMLTable()
        skipSpaces()
        if skip("}") { return table.json }
        repeat {
            let key = try keys()
            depth += key.count - 1
            let value = try assigned()
            depth -= key.count - 1
            guard table.set(value, at: key[...]) else { throw refusal("the key is there already") }
            skipSpaces()
        } while skip(",")
        guard skip("}") else { throw refusal("an inline table does not end") }
        return table.json
    }

    private mutating func bareValue() throws(WireError) -> JSONValue {
        let start = position
        while let scalar = next, !" \t\n,]}#".unicodeScalars.contains(scalar) { position += 1 }
        let word = string(text[start..<position])
        switch word {
        case "true": return .bool(true)
        case "false": return .bool(false)
        default: break
        }
        if let number = TOMLNumber.value(word) { return number }
        throw refusal("a value is no text, number, truth value, list or table")
    }

    private mutating func literal(isMultiline: Bool) throws(WireError) -> String {
        if isMultiline { _ = skip("\n") }
        let start = position
        while let scalar = next {
            if isMultiline, take("'''") {
                // Up to two further quotes belong to the text.
                var more = 0
                while more < 2, skip("'") { more += 1 }
                return string(text[start..<position - 3])
            }
            if !isMultiline, scalar == "'" {
                defer { position += 1 }
                return string(text[start..<position])
            }
            guard isMultiline || scalar != "\n" else { break }
            position += 1
        }
        throw refusal("a text does not end")
    }

    private mutating func basic(isMultiline: Bool) throws(WireError) -> String {
        if isMultiline { _ = skip("\n") }
        var found: [Unicode.Scalar] = []
        while let scalar = next {
            if isMultiline, take("\"\"\"") {
                var more = 0
                while more < 2, skip("\"") {
                    found.append("\"")
                    more += 1
                }
                return string(found)
            }
            position += 1
            switch scalar {
            case "\"" where !isMultiline: return string(found)
            case "\n" where !isMultiline: throw refusal("a text does not end")
            case "\\": if let escaped = try escape(isMultiline) { found.append(escaped) }
            default: found.append(scalar)
            }
        }
        throw refusal("a text does not end")
    }

    private mutating func escape(_ isMultiline: Bool) throws(WireError) -> Unicode.Scalar? {
        guard let letter = next else { throw refusal("a text does not end") }
        position += 1
        switch letter {
        case "b": return "\u{8}"
        case "t": return "\t"
        case "n": return "\n"
        case "f": return "\u{C}"
        case "r": return "\r"
        case "\"", "\\": return letter
        case "u", "U":
            let length = letter == "u" ? 4 : 8
            let digits = string(text[position..<min(position + length, text.count)])
            guard digits.utf8.count == length, digits.allSatisfy(\.isHexDigit), let code = UInt32(digits, radix: 16),
                let scalar = Unicode.Scalar(code)
            else { throw refusal("an escape is no character") }
            position += length
            return scalar
        case " ", "\t", "\n":
            guard isMultiline else { throw refusal("an escape is not known") }
            var sawEnd = letter == "\n"
            while let scalar = next, scalar == " " || scalar == "\t" || scalar == "\n" {
                sawEnd = sawEnd || scalar == "\n"
                position += 1
            }
            guard sawEnd else { throw refusal("an escape is not known") }
            return nil
        default: throw refusal("an escape is not known")
        }
    }
}

/// A table while it is read: TOML lets a table be opened once and its parents be implied.
struct TOMLTable {
    private indirect enum Node {
        case value(JSONValue)
        case table(TOMLTable)
        case tables([TOMLTable])
    }

    private var nodes: [String: Node] = [:]
    private var isOpened = false

    /// The table as an object.
    var json: JSONValue {
        .object(
            nodes.mapValues { node in
                switch node {
                case .value(let value): value
                case .table(let table): table.json
                case .tables(let tables): .array(tables.map(\.json))
                }
            })
    }

    /// Opens the table at a path; false when it was opened or is something else.
    mutating func open(_ path: ArraySlice<String>) -> Bool {
        descend(path) { table in
            guard !table.isOpened else { return false }
            table.isOpened = true
            return true
        }
    }

    /// Adds a table to the list at a path.
    mutating func append(at path: ArraySlice<String>) -> Bool {
        guard let name = path.last else { return false }
        return descend(path.dropLast()) { parent in
            var added = TOMLTable()
            added.isOpened = true
            switch parent.nodes.removeValue(forKey: name) {
            case nil: parent.nodes[name] = .tables([added])
            case .tables(var tables):
                tables.append(added)
                parent.nodes[name] = .tables(tables)
            case .value, .table: return false
            }
            return true
        }
    }

    /// Puts a value at a path; false when something is there.
    mutating func set(_ value: JSONValue, at path: ArraySlice<String>) -> Bool {
        guard let name = path.last else { return false }
        return descend(path.dropLast()) { parent in
            guard parent.nodes[name] == nil else { return false }
            parent.nodes[name] = .value(value)
            return true
        }
    }

    private mutating func descend(_ path: ArraySlice<String>, _ body: (inout TOMLTable) -> Bool) -> Bool {
        guard let name = path.first else { return body(&self) }
        // Taken out while it changes, so that it is changed in place.
        switch nodes.removeValue(forKey: name) {
        case nil:
            var table = TOMLTable()
            defer { nodes[name] = .table(table) }
            return table.descend(path.dropFirst(), body)
        case .table(var table):
            defer { nodes[name] = .table(table) }
            return table.descend(path.dropFirst(), body)
        case .tables(var tables):
            guard var last = tables.popLast() else { return false }
            let isDone = last.descend(path.dropFirst(), body)
            tables.append(last)
            nodes[name] = .tables(tables)
            return isDone
        case .value(let value):
            nodes[name] = .value(value)
            return false
        }
    }
}
