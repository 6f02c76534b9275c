/// Input and data of a case: the shape is fixed, so that paths have kinds, the contents are not.
struct Documents {
    let input: String
    let data: String

    static let words = ["alice", "bob", "carol", "admin", "dev", "ops", "read", "write", "", "a", "Zoë", "x-y", "a.b"]

    init(_ random: inout SeededRandom) {
        input = """
            {"n": \(random.within(-5...20)), "m": \(random.pick(["0.5", "2.25", "-1.5", "3", "1000000", "0.1"])), \
            "s": \(Self.word(&random)), "b": \(random.chance(60)), "nothing": null, "off": false, \
            "list": \(Self.integers(&random)), "words": \(Self.texts(&random)), "user": \(Self.person(&random)), \
            "people": [\((0..<random.within(1...3)).map { _ in Self.person(&random) }.joined(separator: ", "))], \
            "scores": {"alice": \(random.within(0...9)), "bob": \(random.within(0...9)), "x": \(random.within(0...9))}, \
            "matrix": [\(Self.integers(&random)), \(Self.integers(&random))]}
            """
        data = """
            {"base": {"limit": \(random.within(0...10)), "label": \(Self.word(&random)), "enabled": \(random.chance(70)), \
            "primes": [2, 3, 5, 7], "tags": \(Self.texts(&random)), \
            "grants": {"admin": ["read", "write"], "dev": ["read"], "ops": \(Self.texts(&random))}, \
            "staff": [\((0..<random.within(1...3)).map { _ in Self.person(&random) }.joined(separator: ", "))], \
            "quota": {"a": \(random.within(0...9)), "dev": \(random.within(0...9))}}}
            """
    }

    /// What can be named by a path.
    static let paths: [Source] =
        [
            ("input.n", .integer), ("input.m", .number), ("input.s", .string), ("input.b", .bool),
            ("input.list", .array(.integer)), ("input.words", .array(.string)), ("input.user", .person),
            ("input.user.name", .string), ("input[\"user\"].age", .integer), ("input.user.roles", .array(.string)),
            ("input.people", .array(.person)), ("input.scores", .object(.integer)),
            ("input.matrix", .array(.array(.integer))), ("input.people[0].name", .string),
        ].map { Source(text: $0, kind: $1, construct: "reference into input") }
        + [
            ("data.base.limit", .integer), ("data.base.label", .string), ("data.base.enabled", .bool),
            ("data.base.primes", .array(.integer)), ("data.base.primes[2]", .integer),
            ("data.base.tags", .array(.string)), ("data.base.grants", .object(.array(.string))),
            ("data.base.grants.admin", .array(.string)), ("data.base.staff", .array(.person)),
            ("data[\"base\"].staff[0].age", .integer), ("data.base.quota", .object(.integer)),
        ].map { Source(text: $0, kind: $1, construct: "reference into data") }

    private static func word(_ random: inout SeededRandom) -> String { "\"\(random.pick(words))\"" }

    private static func integers(_ random: inout SeededRandom) -> String {
        "[\((0..<random.within(1...4)).map { _ in String(random.within(-3...12)) }.joined(separator: ", "))]"
    }

    private static func texts(_ random: inout SeededRandom) -> String {
        "[\((0..<random.within(1...4)).map { _ in word(&random) }.joined(separator: ", "))]"
    }

    private static func person(_ random: inout SeededRandom) -> String {
        "{\"name\": \(word(&random)), \"age\": \(random.within(1...90)), \"roles\": \(texts(&random))}"
    }
}
