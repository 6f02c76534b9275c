/// Checks a document against a schema and collects what is wrong, in the words of OPA's library.
struct JSONSchemaCheck {
    struct Problem {
        let type: String
        let field: String
        let description: String

        var value: Value {
            .object(
                ObjectValue([
                    (.string("error"), .string("\(field): \(description)")), (.string("type"), .string(type)),
                    (.string("field"), .string(field)), (.string("desc"), .string(description)),
                ]))
        }
    }

    /// The problems of a part, and how well it fits: the best of several schemas that fail tells why.
    struct Outcome {
        var problems: [Problem] = []
        var score = 0

        mutating func merge(_ other: Outcome) {
            problems += other.problems
            score += other.score
        }

        mutating func add(_ type: String, _ place: [String], _ description: String) {
            problems.append(
                Problem(
                    type: type, field: place.isEmpty ? "(root)" : place.joined(separator: "."),
                    description: description))
            score -= 2
        }
    }

    private let charge: (Int) throws(Builtin.Failure) -> Void
    private var depth = 0

    init(_ charge: @escaping (Int) throws(Builtin.Failure) -> Void) { self.charge = charge }

    mutating func check(
        _ value: Value, _ schema: JSONSchema, at place: [String] = []
    ) throws(Builtin.Failure) -> Outcome {
        try charge(2)
        depth += 1
        guard depth <= 2 * JSONSchema.nesting else { throw .builtin("jsonschema: document is nested too deeply") }
        defer { depth -= 1 }
        var outcome = Outcome()
        if let constant = schema.constant {
            if !constant { outcome.add("false", place, "False always fails validation") }
            return outcome
        }
        if let reference = schema.reference { return try check(value, reference, at: place) }
        let given = Self.type(value)
        let fits = schema.types.contains(given) || (given == "integer" && schema.types.contains("number"))
        if !schema.types.isEmpty, !fits {
            let types = schema.types
            let expected = types.count > 1 ? "[\(types.joined(separator: ","))]" : types[0]
            outcome.add("invalid_type", place, "Invalid type. Expected: \(expected), given: \(given)")
            return outcome
        }
        try checkCombinations(value, schema, place, &outcome)
        switch value {
        case .number(let number): checkNumber(number, schema, place, &outcome)
        case .array(let members): try checkArray(members, schema, place, &outcome)
        case .object(let object): try checkObject(object, schema, place, &outcome)
        default: break
        }
        try checkCommon(value, schema, place, &outcome)
        switch value {
        case .string(let text): try checkText(text.string, schema, place, &outcome)
        case .object(let object):
            for (name, inner) in schema.properties {
                if let member = object[name] { outcome.merge(try check(member, inner, at: place + [name])) }
            }
        default: break
        }
        outcome.score += 1
        return outcome
    }

    private static func type(_ value: Value) -> String {
        if case .number(let number) = value { return number.isInteger ? "integer" : "number" }
        return value.typeName
    }

    private mutating func checkCombinations(
        _ value: Value, _ schema: JSONSchema, _ place: [String], _ outcome: inout Outcome
    ) throws(Builtin.Failure) {
        if !schema.anyOf.isEmpty {
            var best: Outcome?
            var isValid = false
            for inner in schema.anyOf where !isValid {
                let result = try check(value, inner, at: place)
                isValid = result.problems.isEmpty
                if !isValid, best.map({ result.score > $0.score }) ?? true { best = result }
            }
            if !isValid {
                outcome.add("number_any_of", place, "Must validate at least one schema (anyOf)")
                if let best { outcome.merge(best) }
            }
        }
        if !schema.oneOf.isEmpty {
            var best: Outcome?
            var valid = 0
            for inner in schema.oneOf {
                let result = try check(value, inner, at: place)
                if result.problems.isEmpty {
                    valid += 1
                } else if valid == 0, best.map({ result.score > $0.score }) ?? true {
                    best = result
                }
            }
            if valid != 1 {
                outcome.add("number_one_of", place, "Must validate one and only one schema (oneOf)")
                if valid == 0, let best { outcome.merge(best) }
            }
        }
        if !schema.allOf.isEmpty {
            var valid = 0
            for inner in schema.allOf {
                let result = try check(value, inner, at: place)
                if result.problems.isEmpty { valid += 1 }
                outcome.merge(result)
            }
            if valid != schema.allOf.count {
                outcome.add("number_all_of", place, "Must validate all the schemas (allOf)")
            }
        }
        if let not = schema.not, try check(value, not, at: place).problems.isEmpty {
            outcome.add("number_not", place, "Must not validate the schema (not)")
        }
        try checkDependencies(value, schema, place, &outcome)
        try checkCondition(value, schema, place, &outcome)
        outcome.score += 1
    }

    private mutating func checkDependencies(
        _ value: Value, _ schema: JSONSchema, _ place: [String], _ outcome: inout Outcome
    ) throws(Builtin.Failure) {
        guard !schema.dependencies.isEmpty, case .object(let object) = value else { return }
        for case .string(let key) in object.keys {
            switch schema.dependencies[key.string] {
            case .names(let names):
                for name in names where object[name] == nil {
                    outcome.add("missing_dependency", place, "Has a dependency on \(name)")
                }
            case .schema(let inner): outcome.merge(try check(value, inner, at: place))
            case nil: break
            }
        }
    }

    private mutating func checkCondition(
        _ value: Value, _ schema: JSONSchema, _ place: [String], _ outcome: inout Outcome
    ) throws(Builtin.Failure) {
        guard let condition = schema.condition else { return }
        let holds = try check(value, condition, at: place).problems.isEmpty
        guard let inner = holds ? schema.then : schema.otherwise else { return }
        let result = try check(value, inner, at: place)
        if result.problems.isEmpty { return }
        if holds {
            outcome.add("condition_then", place, "Must validate \"then\" as \"if\" was valid")
        } else {
            outcome.add("condition_else", place, "Must validate \"else\" as \"if\" was not valid")
        }
        outcome.merge(result)
    }

    private func checkCommon(
        _ value: Value, _ schema: JSONSchema, _ place: [String], _ outcome: inout Outcome
    ) throws(Builtin.Failure) {
        let field = place.isEmpty ? "(root)" : place.joined(separator: ".")
        if let constant = schema.constantValue, constant != value {
            outcome.add("const", place, "\(field) does not match: \(constant.json().string)")
        }
        if !schema.enumeration.isEmpty {
            try charge(schema.enumeration.count)
            if !schema.enumeration.contains(value) {
                let allowed = schema.enumeration.map { $0.json().string }.joined(separator: ", ")
                outcome.add("enum", place, "\(field) must be one of the following: \(allowed)")
            }
        }
        if !schema.format.isEmpty, case .string(let text) = value {
            if try !JSONSchemaFormat.matches(text.string, schema.format, charge) {
                outcome.add("format", place, "Does not match format '\(schema.format)'")
            }
        }
        outcome.score += 1
    }

    private func checkNumber(
        _ number: Number, _ schema: JSONSchema, _ place: [String], _ outcome: inout Outcome
    ) {
        if let divisor = schema.multipleOf, !Self.isMultiple(number, divisor) {
            outcome.add("multiple_of", place, "Must be a multiple of \(divisor)")
        }
        if let bound = schema.maximum, Number.order(number, bound) > 0 {
            outcome.add("number_lte", place, "Must be less than or equal to \(bound)")
        }
        if let bound = schema.exclusiveMaximum, Number.order(number, bound) >= 0 {
            outcome.add("number_lt", place, "Must be less than \(bound)")
        }
        if let bound = schema.minimum, Number.order(number, bound) < 0 {
            outcome.add("number_gte", place, "Must be greater than or equal to \(bound)")
        }
        if let bound = schema.exclusiveMinimum, Number.order(number, bound) <= 0 {
            outcome.add("number_gt", place, "Must be greater than \(bound)")
        }
        outcome.score += 1
    }

    private static func isMultiple(_ number: Number, _ divisor: Number) -> Bool {
        if number.isInteger, divisor.isInteger { return Number.remainder(number, divisor)?.isZero ?? false }
        guard let quotient = Number.dividing(number, divisor) else { return false }
        let whole = quotient.rounded
        return Number.multiplying(whole, divisor).map { $0 == number } ?? false
    }

    private func checkText(
        _ text: String, _ schema: JSONSchema, _ place: [String], _ outcome: inout Outcome
    ) throws(Builtin.Failure) {
        if let bound = schema.bounds["minLength"], text.unicodeScalars.count < bound {
            outcome.add("string_gte", place, "String length must be greater than or equal to \(bound)")
        }
        if let bound = schema.bounds["maxLength"], text.unicodeScalars.count > bound {
            outcome.add("string_lte", place, "String length must be less than or equal to \(bound)")
        }
        if let pattern = schema.pattern, try !pattern.regex.isMatch(text, charge) {
            outcome.add("pattern", place, "Does not match pattern '\(pattern.text)'")
        }
        outcome.score += 1
    }
}

extension JSONSchemaCheck {
    private mutating func checkArray(
        _ members: [Value], _ schema: JSONSchema, _ place: [String], _ outcome: inout Outcome
    ) throws(Builtin.Failure) {
        for (index, member) in members.enumerated() {
            let inner = place + ["\(index)"]
            if schema.isOneItemSchema {
                outcome.merge(try check(member, schema.items[0], at: inner))
            } else if index < schema.items.count {
                outcome.merge(try check(member, schema.items[index], at: inner))
            } else if !schema.items.isEmpty, case .schema(let additional) = schema.additionalItems {
                outcome.merge(try check(member, additional, at: inner))
            }
        }
        if !schema.isOneItemSchema, !schema.items.isEmpty, members.count > schema.items.count,
            case .allowed(false) = schema.additionalItems
        {
            outcome.add("array_no_additional_items", place, "No additional items allowed on array")
        }
        if let bound = schema.bounds["minItems"], members.count < bound {
            outcome.add("array_min_items", place, "Array must have at least \(bound) items")
        }
        if let bound = schema.bounds["maxItems"], members.count > bound {
            outcome.add("array_max_items", place, "Array must have at most \(bound) items")
        }
        if schema.isUnique {
            var seen: [Value: Int] = [:]
            for (index, member) in members.enumerated() {
                try charge(1)
                if let first = seen[member] {
                    outcome.add("unique", place, "array items[\(first),\(index)] must be unique")
                }
                seen[member] = index
            }
        }
        if let contains = schema.contains {
            var best: Outcome?
            var isFound = false
            for (index, member) in members.enumerated() where !isFound {
                let result = try check(member, contains, at: place + ["\(index)"])
                isFound = result.problems.isEmpty
                if !isFound, best.map({ result.score > $0.score }) ?? true { best = result }
            }
            if !isFound {
                outcome.add("contains", place, "At least one of the items must match")
                if let best { outcome.merge(best) }
            }
        }
        outcome.score += 1
    }

    private mutating func checkObject(
        _ object: ObjectValue, _ schema: JSONSchema, _ place: [String], _ outcome: inout Outcome
    ) throws(Builtin.Failure) {
        if let bound = schema.bounds["minProperties"], object.count < bound {
            outcome.add("array_min_properties", place, "Must have at least \(bound) properties")
        }
        if let bound = schema.bounds["maxProperties"], object.count > bound {
            outcome.add("array_max_properties", place, "Must have at most \(bound) properties")
        }
        for name in schema.required {
            if object[name] != nil {
                outcome.score += 1
            } else {
                outcome.add("required", place, "\(name) is required")
            }
        }
        let known = Set(schema.properties.map { Text($0.name) })
        for (key, member) in zip(object.keys, object.values) {
            guard case .string(let name) = key else { continue }
            try charge(1)
            let inner = place + [name.string]
            var isMatched = known.contains(name)
            var matchesPattern = false
            for (pattern, patternSchema) in schema.patternProperties {
                guard try pattern.isMatch(name.string, charge) else { continue }
                matchesPattern = true
                outcome.merge(try check(member, patternSchema, at: inner))
            }
            if matchesPattern { outcome.score += 1 }
            isMatched = isMatched || matchesPattern
            switch schema.additionalProperties {
            case .allowed(false) where !isMatched:
                outcome.add(
                    "additional_property_not_allowed", place, "Additional property \(name) is not allowed")
            case .schema(let additional) where !isMatched: outcome.merge(try check(member, additional, at: inner))
            default: break
            }
        }
        if let names = schema.propertyNames {
            for case .string(let name) in object.keys {
                let result = try check(.string(name), names, at: place)
                if result.problems.isEmpty { continue }
                outcome.add("invalid_property_name", place, "Property name of \"\(name)\" does not match")
                outcome.merge(result)
            }
        }
        outcome.score += 1
    }
}
