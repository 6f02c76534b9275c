import Synchronization

/// What a compiled regular expression was made of: a pattern or, with delimiters, a glob.
struct PatternKey: Hashable, Sendable {
    let pattern: Text
    var delimiters: [UInt32]?
}

/// Regular expressions shared by all evaluations of a program: most patterns stand in the policy and come again with
/// each decision, others hold something of the input and never do.
///
/// There are two generations: when the young one is full it becomes the old one, and what nobody asked for since is gone.
final class RegexStore: Sendable {
    private struct Generations {
        var young: [PatternKey: Regex] = [:]
        var old: [PatternKey: Regex] = [:]
    }

    /// How many a generation holds, and how large each may be.
    private static let mostYoung = 64
    private static let mostInstructions = 4_096

    private let generations = Mutex(Generations())

    /// The compiled pattern, when it is known.
    func find(_ key: PatternKey) -> Regex? {
        generations.withLock { generations in
            if let regex = generations.young[key] { return regex }
            guard let regex = generations.old[key] else { return nil }
            Self.put(regex, key, &generations)
            return regex
        }
    }

    func keep(_ regex: Regex, _ key: PatternKey) {
        guard regex.program.instructions.count <= Self.mostInstructions else { return }
        generations.withLock { Self.put(regex, key, &$0) }
    }

    private static func put(_ regex: Regex, _ key: PatternKey, _ generations: inout Generations) {
        if generations.young.count >= mostYoung {
            generations.old = generations.young
            generations.young = [:]
        }
        generations.young[key] = regex
    }
}

extension Builtin {
    /// The compiled pattern. Each evaluation pays for it once, whether it was known or not: what a budget allows must
    /// not depend on other evaluations.
    static func regex(
        _ key: PatternKey, _ context: inout Context, compile: () throws(Failure) -> Regex
    ) throws(Failure) -> Regex {
        if let known = context.cache.regexes[key] { return known }
        try context.charge(key.pattern.string.utf8.count * 4)
        let regex: Regex
        if let known = context.cache.shared.find(key) {
            regex = known
        } else {
            regex = try compile()
            context.cache.shared.keep(regex, key)
        }
        try context.charge(regex.program.instructions.count)
        if context.cache.regexes.count >= 100 { context.cache.regexes.removeAll() }
        context.cache.regexes[key] = regex
        return regex
    }
}
