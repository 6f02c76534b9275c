/// What schemas are made of.
extension GraphQL {
    struct SchemaDocument {
        var schemas: [SchemaDefinition] = []
        var schemaExtensions: [SchemaDefinition] = []
        var directives: [DirectiveDefinition] = []
        var definitions: [Definition] = []
        var extensions: [Definition] = []
        var comments: [String]?
    }

    /// The comments around a definition.
    struct Comments {
        var beforeDescription: [String]?
        var afterDescription: [String]?
        var endOfDefinition: [String]?
    }

    final class SchemaDefinition {
        struct OperationType {
            var operation = ""
            var type = ""
            var position: Position?
            var comments: [String]?
        }

        var description = ""
        var directives: [Directive] = []
        var operationTypes: [OperationType] = []
        var position: Position?
        var comments = Comments()
    }

    /// A type, or an extension of one.
    final class Definition {
        enum Kind: String {
            case scalar = "SCALAR"
            case object = "OBJECT"
            case interface = "INTERFACE"
            case union = "UNION"
            case enumeration = "ENUM"
            case input = "INPUT_OBJECT"
        }

        var kind: Kind
        var description = ""
        var name = ""
        var directives: [Directive] = []
        var interfaces: [String] = []
        var fields: [FieldDefinition] = []
        var types: [String] = []
        var values: [EnumValueDefinition] = []
        var position: Position?
        var isBuiltIn = false
        var comments = Comments()

        init(_ kind: Kind) { self.kind = kind }

        var isLeaf: Bool { kind == .enumeration || kind == .scalar }
        var isAbstract: Bool { kind == .interface || kind == .union }
        var isComposite: Bool { kind == .object || isAbstract }
        var isInput: Bool { isLeaf || kind == .input }

        func field(_ name: String) -> FieldDefinition? { fields.first { $0.name == name } }
    }

    /// A field of a type or of an input.
    final class FieldDefinition {
        var description = ""
        var name = ""
        var arguments: [ArgumentDefinition] = []
        var defaultValue: Literal?
        var type = TypeReference()
        var directives: [Directive] = []
        var position: Position?
        var comments = Comments()

        func argument(_ name: String) -> ArgumentDefinition? { arguments.first { $0.name == name } }
    }

    final class ArgumentDefinition {
        var description = ""
        var name = ""
        var defaultValue: Literal?
        var type = TypeReference()
        var directives: [Directive] = []
        var position: Position?
        var comments = Comments()

        /// Whether a call must give it.
        var isRequired: Bool { type.isNonNull && defaultValue == nil }
    }

    final class EnumValueDefinition {
        var description = ""
        var name = ""
        var directives: [Directive] = []
        var position: Position?
        var comments = Comments()
    }

    final class DirectiveDefinition {
        var description = ""
        var name = ""
        var arguments: [ArgumentDefinition] = []
        var locations: [String] = []
        var isRepeatable = false
        var position: Position?
        var comments = Comments()

        func argument(_ name: String) -> ArgumentDefinition? { arguments.first { $0.name == name } }
    }
}
