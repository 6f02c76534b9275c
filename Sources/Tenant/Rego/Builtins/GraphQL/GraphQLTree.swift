/// The parts that queries and schemas share.
extension GraphQL {
    /// A type as it is written.
    final class TypeReference {
        var name = ""
        var element: TypeReference?
        var isNonNull = false
        var position: Position?

        init(name: String = "", element: TypeReference? = nil, isNonNull: Bool = false, position: Position? = nil) {
            self.name = name
            self.element = element
            self.isNonNull = isNonNull
            self.position = position
        }

        /// The name inside all lists.
        var innermost: String {
            var type = self
            while type.name.isEmpty, let element = type.element { type = element }
            return type.name
        }

        var description: String {
            (name.isEmpty ? "[\(element?.description ?? "")]" : name) + (isNonNull ? "!" : "")
        }

        /// Whether a value of this type can stand where `other` is expected.
        func fits(_ other: TypeReference, nullable: Bool = false) -> Bool {
            guard name == other.name else { return false }
            if let element {
                guard let otherElement = other.element, element.fits(otherElement) else { return false }
            }
            return !other.isNonNull || nullable || isNonNull
        }
    }

    /// A value as it is written.
    final class Literal {
        /// What it is, by OPA's numbers.
        enum Kind: Int {
            case variable, int, float, string, block, boolean, null, enumeration, list, object
        }

        struct Child {
            var name = ""
            var value: Literal
            var position: Position?
            var comments: [String]?
        }

        var kind: Kind
        var raw = ""
        var children: [Child] = []
        var position: Position?
        var comments: [String]?
        // Known once checked.
        var definition: Definition?
        var variable: VariableDefinition?
        var expected: TypeReference?
        var expectedHasDefault = false

        init(_ kind: Kind, raw: String = "", position: Position? = nil, comments: [String]? = nil) {
            self.kind = kind
            self.raw = raw
            self.position = position
            self.comments = comments
        }

        var description: String {
            switch kind {
            case .variable: "$\(raw)"
            case .int, .float, .enumeration, .boolean, .null: raw
            case .string, .block: GoQuote.quote(raw)
            case .list: "[\(children.map(\.value.description).joined(separator: ","))]"
            case .object: "{\(children.map { "\($0.name):\($0.value.description)" }.joined(separator: ","))}"
            }
        }

        /// Whether every number in it is one that 64 bits hold.
        var isReadable: Bool {
            switch kind {
            case .int: Int64(raw) != nil
            case .float: Double(raw).map { $0.isFinite } ?? false
            case .list, .object: children.allSatisfy { $0.value.isReadable }
            default: true
            }
        }
    }

    final class Argument {
        var name = ""
        var value: Literal
        var position: Position?
        var comments: [String]?

        init(name: String, value: Literal) {
            self.name = name
            self.value = value
        }
    }

    /// A use of a directive.
    final class Directive {
        var name = ""
        var arguments: [Argument] = []
        var position: Position?
        // Known once checked.
        var definition: DirectiveDefinition?
        var location = ""
    }
}

/// What queries are made of.
extension GraphQL {
    struct QueryDocument {
        var operations: [OperationDefinition] = []
        var fragments: [FragmentDefinition] = []

        func fragment(_ name: String) -> FragmentDefinition? { fragments.first { $0.name == name } }
    }

    final class OperationDefinition {
        var operation = "query"
        var name = ""
        var variables: [VariableDefinition] = []
        var directives: [Directive] = []
        var selections: [Selection] = []
        var position: Position?
        var comments: [String]?

        /// The operation; what is not named is a query.
        var kind: String { operation.isEmpty ? "query" : operation }
    }

    final class VariableDefinition {
        var name = ""
        var type = TypeReference()
        var defaultValue: Literal?
        var directives: [Directive] = []
        var position: Position?
        var comments: [String]?
        // Known once checked.
        var definition: Definition?
        var isUsed = false
    }

    final class FragmentDefinition {
        var name = ""
        var variables: [VariableDefinition] = []
        var typeCondition = ""
        var directives: [Directive] = []
        var selections: [Selection] = []
        var position: Position?
        var comments: [String]?
        // Known once checked.
        var definition: Definition?
    }

    enum Selection {
        case field(Field)
        case spread(FragmentSpread)
        case inline(InlineFragment)
    }

    final class Field {
        var alias = ""
        var name = ""
        var arguments: [Argument] = []
        var directives: [Directive] = []
        var selections: [Selection] = []
        var position: Position?
        var comments: [String]?
        // Known once checked.
        var definition: FieldDefinition?
        var parent: Definition?

        /// The name in the answer.
        var responseName: String { alias.isEmpty ? name : alias }
    }

    final class FragmentSpread {
        var name = ""
        var directives: [Directive] = []
        var position: Position?
        var comments: [String]?
        // Known once checked.
        var definition: FragmentDefinition?
        var parent: Definition?
    }

    final class InlineFragment {
        var typeCondition = ""
        var directives: [Directive] = []
        var selections: [Selection] = []
        var position: Position?
        var comments: [String]?
        // Known once checked.
        var parent: Definition?
    }
}
