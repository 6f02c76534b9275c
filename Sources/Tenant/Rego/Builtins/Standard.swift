extension Builtin {
    /// The built-in functions that need nothing but this module.
    public static let standard: [Builtin] = [
        arithmetic, comparison, aggregates, arrays, sets, objects, types, bits, numbers, strings, stringEdits,
        formatting, encodings,
        semanticVersions, identifiers, regularExpressions, globs, units,
        graphs, networks, times, json, jsonPaths, yaml, debugging,
    ].flatMap { $0 }
}
