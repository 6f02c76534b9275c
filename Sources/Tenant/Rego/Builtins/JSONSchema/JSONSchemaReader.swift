/// Reads a schema.
struct JSONSchemaReader {
    typealias Failure = JSONSchema.Failure

    private let root: Value
    private let draft: JSONSchema.Draft
    private let charge: (Int) throws(Builtin.Failure) -> Void
    private var references: [String: JSONSchema] = [:]
    private var depth = 0

    static func read(
        _ value: Value, _ charge: @escaping (Int) throws(Builtin.Failure) -> Void
    ) throws(Failure) -> JSONSchema {
        var draft = JSONSchema.Draft.hybrid
        if case .object(let object) = value, case .string(let name) = object["$schema"] {
            if name.string.contains("draft-04") { draft = .four }
            if name.string.contains("draft-06") { draft = .six }
            if name.string.contains("draft-07") { draft = .seven }
        }
        var reader = JSONSchemaReader(root: value, draft: draft, charge: charge)
        return try reader.schema(value)
    }

    private init(
        root: Value, draft: JSONSchema.Draft, charge: @escaping (Int) throws(Builtin.Failure) -> Void
    ) {
        (self.root, self.draft, self.charge) = (root, draft, charge)
    }

    private func wrongType(_ key: String, _ expected: String) -> Failure {
        .invalid("Invalid type. Expected: \(expected), given: \(key)")
    }

    private mutating func schema(_ value: Value) throws(Failure) -> JSONSchema {
        let schema = JSONSchema()
        try read(value, into: schema)
        return schema
    }

    private mutating func read(_ value: Value, into schema: JSONSchema) throws(Failure) {
        do throws(Builtin.Failure) { try charge(4) } catch { throw .stopped(error) }
        depth += 1
        guard depth <= JSONSchema.nesting else { throw .invalid("schema is nested too deeply") }
        defer { depth -= 1 }
        if draft != .four, case .bool(let flag) = value {
            schema.constant = flag
            return
        }
        guard case .object(let object) = value else {
            throw .invalid("Expected: valid schema, given: Invalid JSON")
        }
        for key in ["id", "$id", "title", "description", "$ref"] {
            if key == "id", draft == .six || draft == .seven { continue }
            if let value = object[key], value.typeName != "string" { throw wrongType(key, "string") }
        }
        if let definitions = object["definitions"] {
            guard case .object(let members) = definitions else { throw wrongType("definitions", "array of schemas") }
            for member in members.values {
                guard Self.isSchema(member) else { throw wrongType("definitions", "array of schemas") }
                _ = try self.schema(member)
            }
        }
        if case .string(let reference) = object["$ref"] {
            schema.reference = try resolve(reference.string)
            return
        }
        try readTypes(object, schema)
        try readObjectKeys(object, schema)
        try readArrayKeys(object, schema)
        try readNumberKeys(object, schema)
        try readTextKeys(object, schema)
        try readValues(object, schema)
        try readCombinations(object, schema)
    }

    private static func isSchema(_ value: Value) -> Bool {
        switch value {
        case .object, .bool: true
        default: false
        }
    }

    /// What a reference refers to: a place in the document, or a schema that has the name.
    private mutating func resolve(_ reference: String) throws(Failure) -> JSONSchema {
        if let known = references[reference] { return known }
        let parts = reference.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
        var place: Value? = root
        if let base = parts.first, !base.isEmpty { place = Self.find(String(base), in: root, 0) }
        if parts.count > 1, !parts[1].isEmpty {
            place =
                parts[1].hasPrefix("/")
                ? place.flatMap { Self.point(parts[1], in: $0) }
                : Self.find("#\(parts[1])", in: root, 0)
        }
        guard let place else { throw .invalid("Object has no key or reference cannot be loaded: \(reference)") }
        let schema = JSONSchema()
        references[reference] = schema
        try read(place, into: schema)
        return schema
    }

    private static func point(_ pointer: Substring, in value: Value) -> Value? {
        var value = value
        for part in pointer.dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
            let name = decoded(part)
            switch value {
            case .object(let object):
                guard let next = object[name] else { return nil }
                value = next
            case .array(let members):
                guard let index = Int(name), members.indices.contains(index) else { return nil }
                value = members[index]
            default: return nil
            }
        }
        return value
    }

    /// A step of a pointer, without percent signs and tildes.
    private static func decoded(_ part: Substring) -> String {
        let input = Array(part.utf8)
        var bytes: [UInt8] = []
        var index = 0
        while index < input.count {
            if index + 2 < input.count, input[index] == UInt8(ascii: "%"), let high = ASCII.hexValue(input[index + 1]),
                let low = ASCII.hexValue(input[index + 2])
            {
                bytes.append(high << 4 | low)
                index += 3
            } else if index + 1 < input.count, input[index] == UInt8(ascii: "~"), input[index + 1] & 0xfe == 48 {
                bytes.append(input[index + 1] == 48 ? UInt8(ascii: "~") : UInt8(ascii: "/"))
                index += 2
            } else {
                bytes.append(input[index])
                index += 1
            }
        }
        return bytes.string
    }

    /// The schema that bears a name.
    private static func find(_ name: String, in value: Value, _ depth: Int) -> Value? {
        guard depth <= JSONSchema.nesting else { return nil }
        switch value {
        case .object(let object):
            for key in ["$id", "id"] {
                if case .string(let id) = object[key], id.string == name || id.string == "\(name)#" { return value }
            }
            for member in object.values { if let found = find(name, in: member, depth + 1) { return found } }
        case .array(let members):
            for member in members { if let found = find(name, in: member, depth + 1) { return found } }
        default: break
        }
        return nil
    }
}

extension JSONSchemaReader {
    private func readTypes(_ object: ObjectValue, _ schema: JSONSchema) throws(Failure) {
        guard let value = object["type"] else { return }
        let names: [Value]
        switch value {
        case .string: names = [value]
        case .array(let members): names = members
        default: throw wrongType("type", "string/array of strings")
        }
        for name in names {
            guard case .string(let text) = name else { throw wrongType("type", "string/array of strings") }
            let type = text.string
            guard JSONSchema.types.contains(type) else {
                throw .invalid(
                    "has a primitive type that is NOT VALID -- given: /\(type)/ Expected valid values are:"
                        + "[\(JSONSchema.types.joined(separator: " "))]")
            }
            if schema.types.contains(type) { throw .invalid("\(type) type is duplicated") }
            schema.types.append(type)
        }
    }

    private mutating func additional(_ object: ObjectValue, _ key: String) throws(Failure) -> JSONSchema.Additional? {
        switch object[key] {
        case nil: return nil
        case .bool(let flag): return .allowed(flag)
        case .some(.object(let inner)): return .schema(try schema(.object(inner)))
        default: throw wrongType(key, "boolean/valid schema")
        }
    }

    private mutating func one(_ object: ObjectValue, _ key: String, _ message: String) throws(Failure) -> JSONSchema? {
        guard let value = object[key] else { return nil }
        guard Self.isSchema(value) else { throw .invalid(message) }
        return try schema(value)
    }

    private mutating func readObjectKeys(_ object: ObjectValue, _ schema: JSONSchema) throws(Failure) {
        if let value = object["properties"] {
            guard case .object(let members) = value else { throw .invalid("properties must be of type object") }
            for (key, member) in zip(members.keys, members.values) {
                guard case .string(let name) = key else { continue }
                schema.properties.append((name.string, try self.schema(member)))
            }
        }
        schema.additionalProperties = try additional(object, "additionalProperties")
        if let value = object["patternProperties"] {
            guard case .object(let members) = value else { throw wrongType("patternProperties", "valid schema") }
            for (key, member) in zip(members.keys, members.values) {
                guard case .string(let name) = key else { continue }
                guard let regex = try? Regex(name.string) else { throw .invalid("Invalid regex pattern '\(name)'") }
                schema.patternProperties.append((regex, try self.schema(member)))
            }
        }
        if draft != .four {
            let message = "Invalid type. Expected: valid schema, given: patternProperties"
            schema.propertyNames = try one(object, "propertyNames", message)
        }
        if let value = object["dependencies"] {
            guard case .object(let members) = value else { throw .invalid("dependencies must be of type object") }
            for (key, member) in zip(members.keys, members.values) {
                guard case .string(let name) = key else { continue }
                schema.dependencies[name.string] = try dependency(member)
            }
        }
        if let value = object["required"] {
            guard case .array(let members) = value else { throw .invalid("required must be of an array") }
            for member in members {
                guard case .string(let name) = member else { throw .invalid("required items must be string") }
                if schema.required.contains(name.string) { throw .invalid("required items must be unique") }
                schema.required.append(name.string)
            }
        }
        try readBounds(object, schema, "minProperties", "maxProperties")
    }

    private mutating func dependency(_ value: Value) throws(Failure) -> JSONSchema.Dependency {
        switch value {
        case .array(let members):
            var names: [String] = []
            for member in members {
                guard case .string(let name) = member else {
                    throw .invalid("dependency must be of type schema or array of strings")
                }
                names.append(name.string)
            }
            return .names(names)
        case .object, .bool: return .schema(try schema(value))
        default: throw .invalid("dependency must be of type schema or array of strings")
        }
    }

    private mutating func readArrayKeys(_ object: ObjectValue, _ schema: JSONSchema) throws(Failure) {
        switch object["items"] {
        case nil: break
        case .array(let members):
            for member in members {
                guard Self.isSchema(member) else { throw wrongType("items", "valid schema/array of schemas") }
                schema.items.append(try self.schema(member))
            }
        case .some(let value):
            guard Self.isSchema(value) else { throw wrongType("items", "valid schema/array of schemas") }
            schema.items = [try self.schema(value)]
            schema.isOneItemSchema = true
        }
        schema.additionalItems = try additional(object, "additionalItems")
        try readBounds(object, schema, "minItems", "maxItems")
        switch object["uniqueItems"] {
        case nil: break
        case .bool(let flag): schema.isUnique = flag
        default: throw .invalid("uniqueItems must be of a boolean")
        }
        if draft != .four, let value = object["contains"] { schema.contains = try self.schema(value) }
    }

    private func readBounds(
        _ object: ObjectValue, _ schema: JSONSchema, _ low: String, _ high: String
    ) throws(Failure) {
        for key in [low, high] {
            guard let value = object[key] else { continue }
            guard case .number(let number) = value, let bound = number.int else {
                throw .invalid("\(key) must be of an integer")
            }
            if bound < 0 { throw .invalid("\(key) must be greater than or equal to 0") }
            schema.bounds[key] = bound
        }
        if let minimum = schema.bounds[low], let maximum = schema.bounds[high], minimum > maximum {
            throw .invalid("\(low) cannot be greater than \(high)")
        }
    }

    private func readNumberKeys(_ object: ObjectValue, _ schema: JSONSchema) throws(Failure) {
        if let value = object["multipleOf"] {
            guard case .number(let number) = value else { throw wrongType("multipleOf", "number") }
            if number.isZero || number.isNegative { throw .invalid("multipleOf must be strictly greater than 0") }
            schema.multipleOf = number
        }
        for (key, exclusive) in [("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")] {
            var bound: Number?
            if let value = object[key] {
                guard case .number(let number) = value else { throw .invalid("\(key) must be of a number") }
                bound = number
            }
            var strict: Number?
            switch object[exclusive] {
            case nil: break
            case .bool(let flag) where draft == .four || draft == .hybrid:
                guard let number = bound else { throw .invalid("\(exclusive) cannot be used without \(key)") }
                if flag { (strict, bound) = (number, nil) }
            case .number(let number) where draft != .four: strict = number
            default:
                let expected = draft == .four ? "boolean" : draft == .hybrid ? "boolean/number" : "number"
                throw wrongType(exclusive, expected)
            }
            if key == "minimum" {
                (schema.minimum, schema.exclusiveMinimum) = (bound, strict)
            } else {
                (schema.maximum, schema.exclusiveMaximum) = (bound, strict)
            }
        }
    }

    private func readTextKeys(_ object: ObjectValue, _ schema: JSONSchema) throws(Failure) {
        try readBounds(object, schema, "minLength", "maxLength")
        switch object["pattern"] {
        case nil: break
        case .string(let text):
            guard let regex = try? Regex(text.string) else { throw .invalid("pattern must be a valid regex") }
            schema.pattern = (regex, text.string)
        default: throw .invalid("pattern must be of a string")
        }
        switch object["format"] {
        case nil: break
        case .string(let text): schema.format = text.string
        default: throw .invalid("format must be of type string")
        }
    }

    private func readValues(_ object: ObjectValue, _ schema: JSONSchema) throws(Failure) {
        if draft != .four { schema.constantValue = object["const"] }
        switch object["enum"] {
        case nil: break
        case .array(let members):
            if SetValue(members).count != members.count { throw .invalid("enum items must be unique") }
            schema.enumeration = members
        default: throw .invalid("enum must be of an array")
        }
    }

    private mutating func readCombinations(_ object: ObjectValue, _ schema: JSONSchema) throws(Failure) {
        schema.oneOf = try list(object, "oneOf")
        schema.anyOf = try list(object, "anyOf")
        schema.allOf = try list(object, "allOf")
        schema.not = try one(object, "not", "not must be of an object")
        guard draft == .seven || draft == .hybrid else { return }
        schema.condition = try one(object, "if", "if must be of an object")
        schema.then = try one(object, "then", "then must be of an object")
        schema.otherwise = try one(object, "else", "else must be of an object")
    }

    private mutating func list(_ object: ObjectValue, _ key: String) throws(Failure) -> [JSONSchema] {
        guard let value = object[key] else { return [] }
        guard case .array(let members) = value else { throw .invalid("\(key) must be of an array") }
        var schemas: [JSONSchema] = []
        for member in members { schemas.append(try schema(member)) }
        return schemas
    }
}
