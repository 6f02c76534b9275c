import Rego
import RegoCrypto
import Synchronization

/// Runs one case through parser, compiler and engine under small limits. What must never happen ends the process.
enum Harness {
    private static let functions = Builtin.documents + Builtin.cryptography
    private static let jsonLimits = JSONLimits(depth: 200, bytes: 1 << 20)

    private static let limits: Limits = {
        var limits = Limits()
        limits.iterations = 20_000
        limits.values = 20_000
        limits.callDepth = 200
        return limits
    }()

    static func run(_ test: FuzzCase) {
        var sources = test.modules.enumerated().map { index, bytes in
            (name: "m\(index)", source: String(decoding: bytes, as: UTF8.self))
        }
        let query = String(decoding: test.query, as: UTF8.self)
        var invariants = Invariants(sources, query: query)
        let data = document(test.data, &invariants) ?? .object(ObjectValue([]))
        let input = document(test.input, &invariants)
        var parse = ParseOptions(v0: test.flags.contains(.v0))
        parse.futureKeywords = test.flags.contains(.futureKeywords)
        sources.removeAll { !isParsed($0.source, file: $0.name, parse, &invariants) }
        do throws(RegoErrors) {
            evaluate(
                try policy(sources, test.flags, &invariants).prepare(query: query), test, input: input, data: data,
                &invariants)
        } catch {
            invariants.check(error)
        }
    }

    private static func options(_ flags: FuzzCase.Flags) -> CompileOptions {
        var options = CompileOptions()
        options.v0 = flags.contains(.v0)
        options.strict = flags.contains(.strict)
        options.hoistsNegation = flags.contains(.hoistsNegation)
        options.functions = functions
        return options
    }

    /// The policy of no modules for each combination of flags.
    private static let empty: [Policy?] = (0..<64).map { flags in
        try? Policy.compile(
            modules: [(name: String, source: String)](), options: options(FuzzCase.Flags(rawValue: flags)))
    }

    /// Modules that do not compile leave the query, which may be worth something without them.
    private static func policy(
        _ sources: [(name: String, source: String)], _ flags: FuzzCase.Flags, _ invariants: inout Invariants
    ) throws(RegoErrors) -> Policy {
        do throws(RegoErrors) {
            if !sources.isEmpty { return try Policy.compile(modules: sources, options: options(flags)) }
        } catch {
            invariants.check(error)
        }
        guard let policy = empty[Int(flags.rawValue & 63)] else { fatalError("invariant: no modules do not compile") }
        return policy
    }

    private static func document(_ bytes: [UInt8], _ invariants: inout Invariants) -> Value? {
        guard !bytes.isEmpty else { return nil }
        do throws(RegoError) {
            let value = try JSONReader.parse(bytes, limits: jsonLimits)
            invariants.check(value)
            return value
        } catch {
            invariants.require(error.code == "json_parse_error", "JSON error \(error)")
            return nil
        }
    }

    private static func isParsed(
        _ source: String, file: String, _ options: ParseOptions, _ invariants: inout Invariants
    ) -> Bool {
        do throws(RegoErrors) {
            invariants.check(try Module.parse(source, file: file, options: options), options)
            return true
        } catch {
            invariants.check(error)
            return false
        }
    }

    private static func evaluate(
        _ query: PreparedQuery, _ test: FuzzCase, input: Value?, data: Value, _ invariants: inout Invariants
    ) {
        func rows() -> Result<[PreparedQuery.Row], RegoError> {
            do throws(RegoError) {
                return .success(try query.evaluate(input: input, data: data, limits: limits, context: context(test)))
            } catch {
                return .failure(error)
            }
        }
        let first = rows()
        switch first {
        case .success(let rows):
            for row in rows.prefix(8) {
                for expression in row.expressions { invariants.check(expression.value) }
                for expression in row.expressions { invariants.check(expression.location) }
            }
        case .failure(let error): invariants.check(error)
        }
        // Every so often, by the length alone, so that a replay does the same.
        if test.query.count % 4 == 0 { invariants.requireEqual(first, rows()) }
        if test.flags.contains(.explains) {
            do throws(RegoError) {
                let explanation = try query.explain(
                    input: input, data: data, limits: limits, context: context(test), attempts: 50)
                invariants.check(explanation)
            } catch {
                invariants.check(error)
            }
        }
    }

    /// The same time and the same random bytes each time.
    private static func context(_ test: FuzzCase) -> EvaluationContext {
        var context = EvaluationContext()
        context.now = 1_700_000_000_123_456_789
        context.strictBuiltinErrors = test.flags.contains(.strictBuiltinErrors)
        let generator = Generator()
        context.random = { generator.bytes($0) }
        context.print = { _, _ in }
        return context
    }

    private final class Generator: Sendable {
        private let state = Mutex<UInt64>(0x9E37_79B9_7F4A_7C15)

        func bytes(_ count: Int) -> [UInt8] {
            state.withLock { state in
                (0..<count).map { _ in
                    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                    return UInt8(truncatingIfNeeded: state >> 56)
                }
            }
        }
    }
}
