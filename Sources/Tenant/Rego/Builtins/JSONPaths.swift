/// `json.filter`, `json.remove` and what they share with `json.patch`: paths into documents.
extension Builtin {
    static let jsonPaths: [Builtin] = [
        Builtin("json.filter", 2) { (a: [Value], c: inout Context) throws(Failure) -> Value? in
            let object = try a.object(1)
            return try JSONPathTree(paths(a.operand(2), &c)).filtered(.object(object), c.charge)
        },
        Builtin("json.remove", 2) { (a: [Value], c: inout Context) throws(Failure) -> Value? in
            let object = try a.object(1)
            return try JSONPathTree(paths(a.operand(2), &c)).removed(from: .object(object), c.charge)
        },
        Builtin("json.patch", 2, patch),
    ]

    private static func paths(_ value: Value, _ context: inout Context) throws(Failure) -> [[Value]] {
        let members: [Value]
        switch value {
        case .array(let array): members = array
        case .set(let set): members = set.members
        default: throw .operand(2, value, ["set", "array"])
        }
        var paths: [[Value]] = []
        for member in members {
            guard let path = path(member) else {
                throw .operand(
                    2,
                    "must be one of {set, array} containing string paths or array of path segments but got "
                        + member.typeName)
            }
            guard path.count <= 1000 else { throw .tooLarge("path") }
            try context.growMembers(path.count + 1)
            paths.append(path)
        }
        return paths
    }

    /// `/a/b~1c` or an array of keys; nil for any other value.
    private static func path(_ value: Value) -> [Value]? {
        switch value {
        case .array(let keys): return keys
        case .string(let text):
            if text.string.isEmpty { return [] }
            let parts = text.string.utf8.drop { $0 == 47 }.split(separator: 47, omittingEmptySubsequences: false)
            return parts.map { .string(unescape(Array($0))) }
        default: return nil
        }
    }

    private static func unescape(_ part: [UInt8]) -> String {
        var result: [UInt8] = []
        var index = 0
        while index < part.count {
            if part[index] == 126, index + 1 < part.count, part[index + 1] == 48 || part[index + 1] == 49 {
                result.append(part[index + 1] == 48 ? 126 : 47)
                index += 2
            } else {
                result.append(part[index])
                index += 1
            }
        }
        return result.string
    }

    /// Applies the operations in order; undefined as soon as one cannot be.
    private static func patch(_ arguments: [Value], _ context: inout Context) throws(Failure) -> Value? {
        var document: Value? = arguments.operand(1)
        // Copies of the document in itself nest without end: the estimate of the engine's, measured where it is high.
        var height = Int(Height.source)
        for operation in try arguments.array(2) {
            guard case .object(let operation) = operation, case .string(let name)? = operation["op"],
                let path = operation["path"].flatMap(path), path.count <= 1000
            else { return nil }
            let edit = JSONEdit(context.charge)
            switch name.string {
            case "add", "replace":
                guard let value = operation["value"] else { return nil }
                if name.string == "replace" {
                    guard let current = document, edit.find(current, path[...]) != nil else { return nil }
                    document = try edit.removing(current, path[...])
                    if document == nil, !path.isEmpty { return nil }
                }
                document = path.isEmpty ? value : try edit.adding(document, path[...], value)
            case "remove":
                guard let current = document, !path.isEmpty else { return nil }
                document = try edit.removing(current, path[...])
            case "move", "copy":
                guard let from = operation["from"].flatMap(Self.path), from.count <= 1000, let current = document,
                    let value = edit.find(current, from[...])
                else { return nil }
                if name.string == "move" { document = try edit.removing(current, from[...]) }
                document = path.isEmpty ? value : try edit.adding(document, path[...], value)
            case "test":
                guard let value = operation["value"], let current = document,
                    edit.find(current, path[...]) == value
                else { return nil }
            default: return nil
            }
            guard let document else { return nil }
            height += path.count
            if height > Height.suspicion {
                guard let measured = try document.height(context.charge) else { throw .tooLarge("value depth") }
                height = measured
            }
        }
        return document
    }
}

/// The paths of a filter, joined at their beginnings.
private final class JSONPathTree {
    private var children: [Value: JSONPathTree] = [:]
    private var isLeaf = false

    private init() {}

    init(_ paths: [[Value]]) {
        for path in paths {
            var node = self
            for (index, key) in path.enumerated() {
                let child = node.children[key] ?? JSONPathTree()
                node.children[key] = child
                if child.isLeaf { break }
                if index == path.count - 1 {
                    child.isLeaf = true
                    child.children = [:]
                }
                node = child
            }
        }
    }

    func filtered(
        _ value: Value, _ charge: (Int) throws(Builtin.Failure) -> Void
    ) throws(Builtin.Failure) -> Value {
        if isLeaf { return value }
        switch value {
        case .array(let members):
            try charge(members.count * 64 + 64)
            var kept: [Value] = []
            for (index, member) in members.enumerated() {
                if let child = children[.string(String(index))] { kept.append(try child.filtered(member, charge)) }
            }
            return .array(kept)
        case .set(let set):
            try charge(set.count * 64 + 64)
            var kept: [Value] = []
            for member in set.members {
                if let child = children[member] { kept.append(try child.filtered(member, charge)) }
            }
            return .set(SetValue(kept))
        case .object(let object):
            try charge(object.count * 64 + 64)
            var kept: [(key: Value, value: Value)] = []
            for (key, member) in zip(object.keys, object.values) {
                if let child = children[key] { kept.append((key, try child.filtered(member, charge))) }
            }
            return .object(ObjectValue(kept))
        default: return value
        }
    }

    func removed(
        from value: Value, _ charge: (Int) throws(Builtin.Failure) -> Void
    ) throws(Builtin.Failure) -> Value? {
        if isLeaf { return nil }
        func rest(_ key: Value, _ member: Value) throws(Builtin.Failure) -> Value? {
            guard let child = children[key] else { return member }
            return try child.removed(from: member, charge)
        }
        switch value {
        case .array(let members):
            try charge(members.count * 64 + 64)
            var kept: [Value] = []
            for (index, member) in members.enumerated() {
                if let member = try rest(.string(String(index)), member) { kept.append(member) }
            }
            return .array(kept)
        case .set(let set):
            try charge(set.count * 64 + 64)
            var kept: [Value] = []
            for member in set.members { if let member = try rest(member, member) { kept.append(member) } }
            return .set(SetValue(kept))
        case .object(let object):
            try charge(object.count * 64 + 64)
            var kept: [(key: Value, value: Value)] = []
            for (key, member) in zip(object.keys, object.values) {
                if let member = try rest(key, member) { kept.append((key, member)) }
            }
            return .object(ObjectValue(kept))
        default: return value
        }
    }
}

/// Changes at one path; each gives nil where the path leads nowhere.
private struct JSONEdit {
    private let charge: (Int) throws(Builtin.Failure) -> Void

    init(_ charge: @escaping (Int) throws(Builtin.Failure) -> Void) { self.charge = charge }

    func find(_ value: Value, _ path: ArraySlice<Value>) -> Value? {
        var value = value
        for key in path {
            switch value {
            case .array(let members):
                guard let index = index(key, members.count), members.indices.contains(index) else { return nil }
                value = members[index]
            default:
                guard let next = value.member(at: key) else { return nil }
                value = next
            }
        }
        return value
    }

    /// Where a key points in an array; `-` is behind the end.
    private func index(_ key: Value, _ count: Int) -> Int? {
        switch key {
        case .number(let number): return number.int.flatMap { $0 >= 0 ? $0 : nil }
        case .string(let text):
            if text.string == "-" { return count }
            let digits = text.string.utf8
            guard !digits.isEmpty, digits.allSatisfy(ASCII.isDigit), digits.count == 1 || digits.first != 48 else {
                return nil
            }
            return Int(text.string)
        default: return nil
        }
    }

    func adding(_ value: Value?, _ path: ArraySlice<Value>, _ new: Value) throws(Builtin.Failure) -> Value? {
        guard let value, let key = path.last else { return value }
        return try change(value, path) { inner throws(Builtin.Failure) in
            switch inner {
            case .array(var members):
                guard let index = index(key, members.count), index <= members.count else { return nil }
                members.insert(new, at: index)
                return .array(members)
            case .object(let object):
                return .object(ObjectValue(Array(zip(object.keys, object.values)) + [(key, new)]))
            case .set(let set):
                guard key == new else { return nil }
                return .set(SetValue(set.members + [new]))
            default: return nil
            }
        }
    }

    func removing(_ value: Value, _ path: ArraySlice<Value>) throws(Builtin.Failure) -> Value? {
        guard let key = path.last else { return nil }
        return try change(value, path) { inner throws(Builtin.Failure) in
            switch inner {
            case .array(var members):
                guard let index = index(key, members.count), index < members.count else { return nil }
                members.remove(at: index)
                return .array(members)
            case .object(let object):
                guard let index = object.index(of: key) else { return nil }
                var (keys, values) = (object.keys, object.values)
                keys.remove(at: index)
                values.remove(at: index)
                return .object(ObjectValue(sortedKeys: keys, values: values))
            case .set(let set):
                guard set.contains(key) else { return nil }
                return .set(set.subtracting(SetValue([key])))
            default: return nil
            }
        }
    }

    /// Applies `edit` to the collection that holds the path's last key, and puts the result back in place.
    private func change(
        _ value: Value, _ path: ArraySlice<Value>, _ edit: (Value) throws(Builtin.Failure) -> Value?
    ) throws(Builtin.Failure) -> Value? {
        if path.count <= 1 {
            switch value {
            case .array(let members): try charge(members.count * 64 + 64)
            case .object(let object): try charge(object.count * 64 + 64)
            case .set(let set): try charge(set.count * 64 + 64)
            default: break
            }
            return try edit(value)
        }
        guard let key = path.first, let inner = find(value, path.prefix(1)),
            let changed = try change(inner, path.dropFirst(), edit)
        else { return nil }
        switch value {
        case .array(var members):
            try charge(members.count * 64 + 64)
            guard let index = index(key, members.count), members.indices.contains(index) else { return nil }
            members[index] = changed
            return .array(members)
        case .object(let object):
            try charge(object.count * 64 + 64)
            guard let index = object.index(of: key) else { return nil }
            var values = object.values
            values[index] = changed
            return .object(ObjectValue(sortedKeys: object.keys, values: values))
        case .set(let set):
            try charge(set.count * 64 + 64)
            return .set(SetValue(set.subtracting(SetValue([key])).members + [changed]))
        default: return nil
        }
    }
}
