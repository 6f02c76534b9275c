/// A function that policies can call but not define.
public struct Builtin: Sendable {
    /// How a call ended that gave no value.
    public enum Failure: Error, Sendable {
        /// The call is undefined (or an `eval_builtin_error` where builtin errors are strict).
        case builtin(String)
        /// An operand has the wrong type: `eval_type_error` under strictness, undefined otherwise. The text is OPA's,
        /// e.g. `operand 1 must be string but got number` (the engine puts `name: ` before it).
        case type(String)
        /// Ends the evaluation whatever the strictness.
        case fatal(RegoError)
    }

    /// What a call may use besides its arguments.
    public struct Context {
        /// Nanoseconds since 1970, given by the caller of the evaluation, the same for the whole evaluation; nil when the
        /// caller gives no time: `time.now_ns` then fails.
        public var now: Int64?
        /// Random bytes from the caller; nil when there are none.
        public var random: (@Sendable (Int) -> [UInt8])?
        /// Memory of one evaluation, by builtin name, e.g. for `rand.intn` and `uuid.rfc4122`, which give equal results
        /// for equal arguments within one evaluation, and for compiled regular expressions.
        public var cache: EvaluationCache
        /// Where the call stands.
        public var location: Location?
        /// Counts work that grows with the input: call it for every so many bytes or elements produced; throws a limit
        /// error when the evaluation's budget is spent.
        public var charge: (Int) throws(Failure) -> Void
    }

    /// OPA's name, e.g. `io.jwt.decode`.
    public let name: String
    /// How many arguments it takes; -1 for any number (`print`).
    public let arity: Int
    /// Whether equal arguments give equal results whenever; `time.now_ns` and `rand.intn` do not.
    public let isPure: Bool
    /// The result; nil is undefined.
    public let call: @Sendable (_ arguments: [Value], _ context: inout Context) throws(Failure) -> Value?

    /// Creates it from its parts.
    public init(
        _ name: String, _ arity: Int, isPure: Bool = true,
        _ call: @escaping @Sendable (_ arguments: [Value], _ context: inout Context) throws(Failure) -> Value?
    ) {
        self.name = name
        self.arity = arity
        self.isPure = isPure
        self.call = call
    }
}

/// What builtins remember within one evaluation. Not shared between evaluations or threads.
public final class EvaluationCache {
    var values: [String: [Value: Value]] = [:]
    var objects: [String: AnyObject] = [:]
    var regexes: [PatternKey: Regex] = [:]
    /// Regular expressions that other evaluations compiled.
    let shared: RegexStore

    /// Creates it from its parts.
    public convenience init() { self.init(shared: RegexStore()) }

    init(shared: RegexStore) { self.shared = shared }
}
