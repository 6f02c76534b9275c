import Glibc

/// A system call that failed: what was tried, and the error number.
public struct SystemFailure: Error, Equatable, Sendable, CustomStringConvertible {
    /// What was tried, in words.
    public let action: String
    /// The positive error number.
    public let code: Int32

    /// Creates a failure; `code` may be positive or a negated `errno` as the C wrappers return it.
    public init(_ action: String, code: Int32) {
        self.action = action
        self.code = code < 0 ? -code : code
    }

    /// The action followed by the system's own words.
    public var description: String { "\(action): \(String(cString: strerror(code)))" }

    /// Returns `value` when it is not negative; throws otherwise. For wrappers that return `-errno`.
    @discardableResult
    static func check(_ value: Int32, _ action: @autoclosure () -> String) throws(SystemFailure) -> Int32 {
        guard value >= 0 else { throw SystemFailure(action(), code: value) }
        return value
    }

    /// Returns `value` when it is not negative; throws `errno` otherwise. For the C library's own functions.
    @discardableResult
    static func checkErrno(_ value: Int32, _ action: @autoclosure () -> String) throws(SystemFailure) -> Int32 {
        guard value >= 0 else {
            let code = errno
            throw SystemFailure(action(), code: code)
        }
        return value
    }
}
