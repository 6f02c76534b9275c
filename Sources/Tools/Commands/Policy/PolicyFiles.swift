import Foundation
import Rego

/// A file that cannot be part of a policy, and why.
struct PolicyFileError: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) { self.description = description }
}

/// The sources and documents that a command was given.
struct PolicyFiles {
    /// Bytes of one file that are read before it is refused.
    private static let largest = 256 << 20
    /// Folders within one another.
    private static let deepest = 64

    private(set) var modules: [(name: String, source: String)] = []
    private(set) var data = Value.object(ObjectValue([]))

    /// Reads files and folders. In a folder the path of a document is the path of its folder, as with `opa`.
    init(reading paths: [String]) throws {
        for path in paths { try add(path) }
    }

    private mutating func add(_ argument: String) throws {
        var (path, prefix) = (argument, [Value]())
        if !FileManager.default.fileExists(atPath: argument), let colon = argument.firstIndex(of: ":") {
            path = String(argument[argument.index(after: colon)...])
            prefix = argument[..<colon].split(whereSeparator: { $0 == "." || $0 == "/" }).map { .string(String($0)) }
            if prefix.first == .string("data") { prefix.removeFirst() }
        }
        if path.hasPrefix("file://") { path.removeFirst("file://".count) }
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw PolicyFileError("\(path): no such file or folder")
        }
        if isFolder.boolValue {
            try addFolder(path, at: prefix, depth: 0)
        } else {
            try addFile(path, at: prefix)
        }
    }

    private mutating func addFolder(_ path: String, at place: [Value], depth: Int) throws {
        guard depth < Self.deepest else {
            throw PolicyFileError("\(path): more than \(Self.deepest) folders in one another")
        }
        for name in try FileManager.default.contentsOfDirectory(atPath: path).sorted() where !name.hasPrefix(".") {
            let inner = path.hasSuffix("/") ? path + name : "\(path)/\(name)"
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: inner, isDirectory: &isFolder) else { continue }
            if isFolder.boolValue {
                try addFolder(inner, at: place + [.string(name)], depth: depth + 1)
            } else if Self.kind(of: name) != nil {
                try addFile(inner, at: place)
            }
        }
    }

    private enum Kind { case module, document }

    private static func kind(of name: String) -> Kind? {
        switch name.split(separator: ".").last.map(String.init) {
        case "rego": .module
        case "json", "yaml", "yml": .document
        default: nil
        }
    }

    private mutating func addFile(_ path: String, at place: [Value]) throws {
        switch Self.kind(of: path) {
        case .module: modules.append((name: path, source: try Self.text(at: path)))
        case .document:
            var document = try Self.document(at: path)
            guard !place.isEmpty || document.typeName == "object" else {
                throw PolicyFileError("\(path): data is an object; PREFIX:\(path) puts other values below data.PREFIX")
            }
            for key in place.reversed() { document = .object(ObjectValue([(key: key, value: document)])) }
            data = try Self.merged(data, document, path: path, at: [])
        case nil: throw PolicyFileError("\(path): neither .rego nor .json, .yaml or .yml")
        }
    }

    /// One document out of two: objects are merged, whatever else meets is a conflict.
    private static func merged(_ first: Value, _ second: Value, path: String, at place: [String]) throws -> Value {
        guard case .object(let left) = first, case .object(let right) = second else {
            if first == second { return first }
            throw PolicyFileError(
                "\(path): data.\(place.joined(separator: ".")) has another value already, from a file before it")
        }
        var pairs = zip(left.keys, left.values).map { (key: $0, value: $1) }.filter { right[$0.key] == nil }
        for (key, value) in zip(right.keys, right.values) {
            guard let known = left[key] else {
                pairs.append((key: key, value: value))
                continue
            }
            let name =
                if case .string(let text) = key { text.string } else { String(decoding: key.json(), as: UTF8.self) }
            pairs.append((key: key, value: try merged(known, value, path: path, at: place + [name])))
        }
        return .object(ObjectValue(pairs))
    }

    /// The text of a source.
    static func text(at path: String) throws -> String {
        guard let text = String(validating: try bytes(at: path), as: UTF8.self) else {
            throw PolicyFileError("\(path): not UTF-8")
        }
        return text
    }

    /// The value of a file, JSON or YAML by its name.
    static func document(at path: String) throws -> Value { try document(try bytes(at: path), name: path) }

    /// The value of a document; what is not called YAML and begins like JSON is JSON.
    static func document(_ bytes: [UInt8], name: String) throws -> Value {
        let isYAML = name.hasSuffix(".yaml") || name.hasSuffix(".yml")
        do {
            guard isYAML else { return try JSONReader.parse(bytes) }
            guard let text = String(validating: bytes, as: UTF8.self) else {
                throw PolicyFileError("\(name): not UTF-8")
            }
            return try YAMLDocument.parse(text)
        } catch let error as RegoError {
            throw PolicyFileError("\(name): \(error.message)")
        }
    }

    /// The bytes of a file, `-` for standard input.
    static func bytes(at path: String) throws -> [UInt8] {
        guard let file = FileHandle(forReadingAtPath: path) else {
            throw PolicyFileError("\(path): \(String(cString: strerror(errno)))")
        }
        defer { try? file.close() }
        let bytes: Data
        do { bytes = try file.read(upToCount: largest + 1) ?? Data() } catch {
            throw PolicyFileError("\(path): cannot be read as a file")
        }
        guard bytes.count <= largest else { throw PolicyFileError("\(path): larger than \(largest) bytes") }
        return Array(bytes)
    }
}
