/// Makes terms of a wanted kind. What it has in scope, statements and rules add to.
struct TermGenerator {
    var random: SeededRandom
    /// Names of what the case holds, for the table of constructs.
    var constructs: Set<String> = []
    /// Variables of the body that is being written, innermost last.
    var variables: [Source] = []
    /// Rules written so far, and imported documents.
    var documents: [Source] = []
    var functions: [Function] = []
    /// How a path into input or data may be written besides.
    var aliases: [Source] = []
    /// How many comprehensions are open.
    var nesting = 0
    /// How many set literals are open.
    var nestedSets = 0
    private var names = 0

    init(_ random: SeededRandom) { self.random = random }

    /// Whether to write what regopy is known to get wrong or refuse: seldom, so that the rest of a case is compared.
    mutating func dares() -> Bool { random.chance(2) }

    mutating func mark(_ construct: String) { constructs.insert(construct) }

    /// A variable's name that the module has not seen; never `v1`, which regopy takes for the import `rego.v1`.
    mutating func fresh(_ prefix: String = "y") -> String {
        names += 1
        return "\(prefix)\(names)"
    }

    /// A term of a kind. `depth` bounds how far terms nest.
    mutating func term(_ kind: Kind, _ depth: Int) -> String {
        // Now and then the wrong type: both sides must agree on what is undefined.
        if depth > 0, random.below(1000) < 4 {
            mark("term of the wrong type")
            return term(random.pick([.integer, .string, .bool, .array(.integer), .set(.string)]), 0)
        }
        if depth <= 0 || random.chance(30) { return leaf(kind) }
        if random.chance(8), let call = call(kind, depth) { return call }
        if random.chance(6), let element = element(kind) { return element }
        switch kind {
        case .integer: return integer(depth)
        case .number: return random.chance(60) ? integer(depth) : number(depth)
        case .string: return string(depth)
        case .bool: return bool(depth)
        case .array(let member): return array(member, depth)
        case .set(let member): return set(member, depth)
        case .object(let member): return object(member, depth)
        case .person: return leaf(kind)
        }
    }

    /// Terms with commas between them.
    mutating func terms(_ kind: Kind, _ count: Int, _ depth: Int) -> String {
        (0..<count).map { _ in term(kind, depth) }.joined(separator: ", ")
    }

    /// A variable, rule, path or constant.
    mutating func leaf(_ kind: Kind) -> String {
        let near = variables.suffix(6).filter { kind.admits($0.kind) }
        if !near.isEmpty, random.chance(50) { return use(random.pick(near)) }
        let known = (documents + aliases).filter { kind.admits($0.kind) && ($0.isCertain || random.chance(4)) }
        if !known.isEmpty, random.chance(45) { return use(random.pick(known)) }
        let paths = Documents.paths.filter { kind.admits($0.kind) }
        if !paths.isEmpty, random.chance(50) || kind == .person { return use(random.pick(paths)) }
        return constant(kind)
    }

    mutating func use(_ source: Source) -> String {
        mark(source.construct)
        return source.text
    }

    /// A literal.
    mutating func constant(_ kind: Kind) -> String {
        switch kind {
        case .integer:
            if random.chance(3) {
                mark("big integer")
                return random.pick(["9007199254740993", "18446744073709551616", "-9223372036854775809", "1e10"])
            }
            mark("integer")
            return String(random.within(-4...12))
        case .number:
            if random.chance(50) { return constant(.integer) }
            mark("fraction")
            return random.pick(["0.5", "2.25", "-1.5", "0.1", "3.0", "1e3", "2.5e-1", "7.75"])
        case .string: return text()
        case .bool:
            mark("boolean")
            return random.chance(70) ? "true" : "false"
        case .array(let member):
            mark("array literal")
            return "[\((0..<random.within(0...3)).map { _ in constant(member) }.joined(separator: ", "))]"
        case .set(let member):
            mark("set literal")
            nestedSets += 1
            let members = (0..<random.within(0...3)).map { _ in constant(member) }
            nestedSets -= 1
            // regopy refuses some sets that hold `set()`.
            if members.isEmpty, nestedSets > 0, !dares() { return "{\(constant(member))}" }
            return members.isEmpty ? "set()" : "{\(members.joined(separator: ", "))}"
        case .object(let member):
            mark("object literal")
            let keys = ["a", "b", "alice", "x"].prefix(random.within(0...3))
            return "{\(keys.map { "\"\($0)\": \(constant(member))" }.joined(separator: ", "))}"
        case .person:
            return "{\"name\": \(text()), \"age\": \(random.within(1...90)), \"roles\": [\(text())]}"
        }
    }

    private mutating func text() -> String {
        if random.chance(10) {
            mark("raw string")
            return random.pick(["`raw`", "`two words`"] + (dares() ? ["`a\\b`", "`\"q\"`"] : []))
        }
        // regopy takes the escapes of a string for its characters.
        if dares(), random.chance(50) {
            mark("string with escapes")
            return random.pick([#""tab\tend""#, #""line\nend""#, #""\"quoted\"""#, #""back\\slash""#, #""\u00e9""#])
        }
        mark("string")
        return "\"\(random.pick(Documents.words))\""
    }

    /// A call of a function of the policy.
    mutating func call(_ kind: Kind, _ depth: Int) -> String? {
        let fitting = functions.filter { kind.admits($0.result) && ($0.isTotal || random.chance(15)) }
        guard !fitting.isEmpty else { return nil }
        let function = random.pick(fitting)
        mark("call of a function of the policy")
        return "\(function.name)(\(function.arguments.map { term($0, depth - 1) }.joined(separator: ", ")))"
    }

    /// A member that is there for certain: of a person, or under a key that the documents hold.
    private mutating func element(_ kind: Kind) -> String? {
        let people = variables.filter { $0.kind == .person }
        if let person = people.last {
            switch kind {
            case .integer, .number: return "\(use(person)).age"
            case .string: return "\(use(person)).name"
            case .array(.string): return "\(use(person))[\"roles\"]"
            default: break
            }
        }
        switch kind {
        case .integer, .number:
            mark("reference with a computed key")
            return "input.list[\(random.pick(["0", "count([])", "1 - 1"]))]"
        case .string:
            mark("reference with a computed key")
            return "input.words[count(set())]"
        default: return nil
        }
    }
}
