/// What one evaluation may spend. What is exceeded ends it with `eval_limit_error`.
public struct Limits: Sendable {
    /// Loop rounds, calls and rule evaluations.
    public var iterations = 20_000_000
    /// Rules and functions within one another.
    public var callDepth = 2_000
    /// Values made, and bytes of text made by builtins (in units of 64).
    public var values = 20_000_000
    /// The time, in nanoseconds of `clock`, at which evaluation ends.
    public var deadline: Int64?
    /// A clock that only goes forward; without it there is no deadline.
    public var clock: (@Sendable () -> Int64)?

    /// Creates it from its parts.
    public init() {}

    /// The defaults.
    public static let standard = Limits()
}

/// What an evaluation gets besides input and data.
public struct EvaluationContext: Sendable {
    /// Nanoseconds since 1970 for `time.now_ns`; nil lets it fail.
    public var now: Int64?
    /// Random bytes; nil lets what needs them fail.
    public var random: (@Sendable (Int) -> [UInt8])?
    /// Takes what `print` prints; without it `print` does nothing.
    public var print: (@Sendable (String, Location) -> Void)?
    /// Asked now and then; true ends the evaluation with `eval_cancel_error`.
    public var isCancelled: (@Sendable () -> Bool)?
    /// Errors of builtins end the evaluation instead of being undefined.
    public var strictBuiltinErrors = false

    /// Creates it from its parts.
    public init() {}
}

/// What is left of the limits.
final class Budget {
    private var iterations: Int
    private var values: Int
    private let limits: Limits
    private let isCancelled: (@Sendable () -> Bool)?

    init(_ limits: Limits, isCancelled: (@Sendable () -> Bool)?) {
        self.limits = limits
        self.isCancelled = isCancelled
        iterations = limits.iterations
        values = limits.values
    }

    /// Counts one step.
    @inline(__always)
    func step() throws(RegoError) {
        iterations -= 1
        if iterations & 0xFF == 0 || iterations < 0 { try look() }
    }

    /// Counts values made.
    @inline(__always)
    func make(_ count: Int) throws(RegoError) {
        values -= count
        if values < 0 { throw Self.exceeded("values", limits.values) }
    }

    /// Counts the work of builtins, which is also time.
    func work(_ amount: Int) throws(RegoError) {
        try make(amount / 64 + 1)
        let before = iterations
        iterations -= amount / 64 + 1
        if before >> 8 != iterations >> 8 || iterations < 0 { try look() }
    }

    private func look() throws(RegoError) {
        if iterations < 0 { throw Self.exceeded("iterations", limits.iterations) }
        if let isCancelled, isCancelled() { throw RegoError("eval_cancel_error", "caller cancelled query execution") }
        if let deadline = limits.deadline, let clock = limits.clock, clock() >= deadline {
            throw RegoError("eval_limit_error", "time limit exceeded")
        }
    }

    static func exceeded(_ name: String, _ limit: Int) -> RegoError {
        RegoError("eval_limit_error", "\(name) limit of \(limit) exceeded")
    }
}
