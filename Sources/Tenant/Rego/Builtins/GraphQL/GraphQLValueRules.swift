/// The rules for values.
extension GraphQL.Walker {
    func check(_ value: GraphQL.Literal) throws(GraphQL.Failure) {
        if let operation, value.kind == .variable, value.variable == nil {
            let place = operation.name.isEmpty ? "" : " by operation \"\(operation.name)\""
            try report("Variable \"\(value.description)\" is not defined\(place).", value.position)
        }
        if value.kind == .object {
            var seen: Set<String> = []
            for child in value.children where !seen.insert(child.name).inserted {
                try report("There can be only one input field named \"\(child.name)\".", child.position)
            }
        }
        try checkType(value)
        try checkVariable(value)
    }

    private func checkType(_ value: GraphQL.Literal) throws(GraphQL.Failure) {
        guard let definition = value.definition, let expected = value.expected else { return }
        if value.kind == .null, expected.isNonNull {
            try report(
                "Expected value of type \"\(expected.description)\", found \(value.description).", value.position)
        }
        let own = ["Int", "Float", "String", "Boolean", "ID"]
        if definition.kind == .scalar, !own.contains(definition.name) { return }
        if !value.isReadable { try reportType(value, definition, expected) }
        let names = definition.kind == .enumeration ? definition.values.map(\.name) : []
        let meant = "Did you mean the enum value"
        switch value.kind {
        case .null, .variable: return
        case .list: if expected.element == nil { try reportType(value, definition, expected) }
        case .int:
            if !["Int", "Float", "ID"].contains(definition.name) { try reportType(value, definition, expected) }
        case .float: if definition.name != "Float" { try reportType(value, definition, expected) }
        case .boolean: if definition.name != "Boolean" { try reportType(value, definition, expected) }
        case .string, .block:
            if definition.kind == .enumeration {
                try report(
                    "Enum \"\(expected.description)\" cannot represent non-enum value: \(value.description)."
                        + (try didYouMean(value.raw, names, meant)), value.position)
            } else if definition.name != "String", definition.name != "ID" {
                try reportType(value, definition, expected)
            }
        case .enumeration:
            if definition.kind != .enumeration {
                try reportType(value, definition, expected)
            } else if !names.contains(value.raw) {
                try report(
                    "Value \"\(value.description)\" does not exist in \"\(expected.description)\" enum."
                        + (try didYouMean(value.raw, names, meant)), value.position)
            }
        case .object: try checkObject(value, definition)
        }
    }

    private func checkObject(_ value: GraphQL.Literal, _ definition: GraphQL.Definition) throws(GraphQL.Failure) {
        for field in definition.fields where field.type.isNonNull && field.defaultValue == nil {
            if !value.children.contains(where: { $0.name == field.name }) {
                try report(
                    "Field \"\(definition.name).\(field.name)\" of required type \"\(field.type.description)\" was not "
                        + "provided.", value.position)
            }
        }
        for directive in definition.directives where directive.name == "oneOf" {
            if value.children.count != 1 {
                try report(
                    "OneOf Input Object \"\(definition.name)\" must specify exactly one key.", value.position)
            } else if let child = value.children.first, child.value.kind == .null {
                let name = definition.fields.first?.name ?? ""
                try report("Field \"\(definition.name).\(name)\" must be non-null.", child.value.position)
            }
        }
        for child in value.children where definition.field(child.name) == nil {
            try report(
                "Field \"\(child.name)\" is not defined by type \"\(definition.name)\"."
                    + (try didYouMean(child.name, definition.fields.map(\.name))), child.position)
        }
    }

    /// Reports a value of the wrong kind.
    private func reportType(
        _ value: GraphQL.Literal, _ definition: GraphQL.Definition, _ expected: GraphQL.TypeReference
    ) throws(GraphQL.Failure) {
        let (type, text) = (expected.description, value.description)
        let message: String
        switch type {
        case "Int", "Int!":
            let digits = value.raw.utf8.dropFirst(value.raw.hasPrefix("-") ? 1 : 0)
            let isNumber = !digits.isEmpty && digits.allSatisfy(ASCII.isDigit)
            let what = isNumber && Int32(value.raw) == nil ? "non 32-bit signed integer" : "non-integer"
            message = "Int cannot represent \(what) value: \(text)"
        case "String", "String!", "[String]": message = "String cannot represent a non string value: \(text)"
        case "Boolean", "Boolean!": message = "Boolean cannot represent a non boolean value: \(text)"
        case "Float", "Float!": message = "Float cannot represent non numeric value: \(text)"
        case "ID", "ID!": message = "ID cannot represent a non-string and non-integer value: \(text)"
        default:
            message =
                definition.kind == .enumeration
                ? "Enum \"\(type)\" cannot represent non-enum value: \(text)."
                : "Expected value of type \"\(type)\", found \(text)."
        }
        try report(message, value.position)
    }

    private func checkVariable(_ value: GraphQL.Literal) throws(GraphQL.Failure) {
        if operation != nil, value.kind == .variable, let expected = value.expected, let variable = value.variable {
            let hasDefault = variable.defaultValue.map { $0.kind != .null } ?? false
            if !variable.type.fits(expected, nullable: hasDefault || value.expectedHasDefault) {
                try report(
                    "Variable \"\(value.description)\" of type \"\(variable.type.description)\" used in position "
                        + "expecting type \"\(expected.description)\".", value.position)
            }
        }
        guard value.kind == .object, let definition = value.definition,
            definition.directives.contains(where: { $0.name == "oneOf" })
        else { return }
        for child in value.children {
            guard child.value.kind == .variable, let variable = child.value.variable, !variable.type.isNonNull else {
                continue
            }
            try report(
                "Variable \"\(child.value.description)\" is of type \"\(variable.type.description)\" but must be "
                    + "non-nullable to be used for OneOf Input Object \"\(definition.name)\".", variable.position)
        }
    }
}
