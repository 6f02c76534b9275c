/// Anchors, aliases, merge keys and tags.
extension YAMLReader {
    /// What may stand before a node.
    struct Properties {
        var anchor: String?
        var tag: String?
    }

    /// How many nodes a document may have when its aliases are written out.
    static let mostNodes = 200_000

    /// The anchor and the tag that a node begins with, and what follows them; nil when it has neither.
    static func properties(
        _ text: ArraySlice<UInt8>, isFlow: Bool = false
    ) -> (properties: Properties, rest: ArraySlice<UInt8>)? {
        var (properties, rest) = (Properties(), text)
        while rest.first == 38 || rest.first == 33 {
            let word = rest.prefix { !isSpace($0) && !(isFlow && ",[]{}".utf8.contains($0)) }
            if word.first == 38 { properties.anchor = word.dropFirst().string } else { properties.tag = word.string }
            rest = rest.dropFirst(word.count).drop { $0 == 32 || $0 == 9 }
        }
        return properties.anchor == nil && properties.tag == nil ? nil : (properties, rest)
    }

    /// Reads a node that has properties.
    mutating func named(
        _ properties: Properties?, _ read: (inout YAMLReader) throws(Mistake) -> Value
    ) throws(Mistake) -> Value {
        guard let properties else { return try read(&self) }
        let before = size
        tag = properties.tag
        let value = try read(&self)
        tag = nil
        if let anchor = properties.anchor { anchors[anchor] = (value, size - before) }
        return value
    }

    /// What has been given a name.
    mutating func alias(_ name: String) throws(Mistake) -> Value {
        guard let (value, nodes) = anchors[name] else {
            throw Mistake(text: "yaml: unknown anchor '\(name)' referenced")
        }
        size += nodes + 1
        guard size <= Self.mostNodes else { throw Mistake(text: "yaml: document contains excessive aliasing") }
        return value
    }

    /// The pairs that `<<` brings: of several mappings the earlier ones count.
    func merged(_ value: Value) throws(Mistake) -> [(key: Value, value: Value)] {
        switch value {
        case .object(let object): return zip(object.keys, object.values).map { (key: $0, value: $1) }
        case .array(let members):
            var pairs: [(key: Value, value: Value)] = []
            for member in members.reversed() {
                guard case .object = member else { break }
                pairs += try merged(member)
            }
            if members.allSatisfy({ if case .object = $0 { true } else { false } }) { return pairs }
        default: break
        }
        throw mistake("map merge requires map or sequence of maps as the value")
    }

    /// What a scalar stands for, with the tag before it.
    mutating func scalar(_ text: String, isPlain: Bool) throws(Mistake) -> Value {
        size += 1
        defer { tag = nil }
        switch tag {
        case nil: return isPlain ? try finite(text) : .string(text)
        case "!": return .string(text)
        case "!!int"?, "!!float"?, "!!bool"?, "!!null"?: return try finite(text)
        case "!!binary"?:
            let decoded = Base64.standard.decode(text)
            guard decoded.wrongAt == nil else { throw mistake("!!binary value contains invalid base64 data") }
            return .string(decoded.bytes.string)
        default: return .string(text)
        }
    }

    /// JSON has no infinities: a document with one has no value.
    private func finite(_ text: String) throws(Mistake) -> Value {
        switch text {
        case ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF": throw Mistake(text: "json: unsupported value: +Inf")
        case "-.inf", "-.Inf", "-.INF": throw Mistake(text: "json: unsupported value: -Inf")
        case ".nan", ".NaN", ".NAN": throw Mistake(text: "json: unsupported value: NaN")
        default: return YAMLScalar.resolve(text)
        }
    }
}
