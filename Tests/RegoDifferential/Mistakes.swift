/// Rules that are errors: at compile time, or when they are evaluated.
enum Mistakes {
    /// What is wrong, and rules that hold it.
    private static let all: [(name: String, rules: String)] = [
        ("call of no function", "wrong := no_such_function(1)"),
        ("wrong number of arguments", "wrong := count(1, 2, 3)"),
        ("recursion of rules", "wrong := other\n\nother := wrong"),
        ("recursion of a function", "again(a) := again(a)\n\nwrong := again(1)"),
        ("unsafe variable", "wrong := unbound + 1"),
        ("conflict of complete rules", "wrong := 1\n\nwrong := 2"),
        ("conflict of functions", "twice(a) := 1\n\ntwice(a) := a\n\nwrong := twice(2)"),
        ("conflict of pairs", "wrong[\"a\"] := 1\n\nwrong[\"a\"] := 2"),
        ("conflict in a comprehension", "wrong := {k: w | k := [\"a\", \"a\"][_]; w := [1, 2][_]}"),
        ("equal keys in a literal", "wrong := {\"a\": 1, \"a\": 2}"),
        ("two defaults", "default wrong := 1\n\ndefault wrong := 2"),
        ("default that is no constant", "default wrong := input.n"),
        ("a name for a set and a value", "wrong contains 1\n\nwrong := 3"),
        ("a name for a function and a value", "wrong(a) := a\n\nwrong := 3"),
        ("array without an end", "wrong := [1, 2"),
        ("string without an end", "wrong := \"abc"),
        ("operator without an operand", "wrong := := 2"),
    ]

    /// One of them, counted.
    static func pick(_ terms: inout TermGenerator) -> String {
        let (name, rules) = terms.random.pick(all)
        terms.mark("mistake: \(name)")
        return rules
    }
}
