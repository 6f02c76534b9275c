extension Builtin {
    /// The built-in functions that read whole documents: GraphQL, JSON Schema and templates.
    public static let documents: [Builtin] = graphQL + jsonSchema + templates
}
