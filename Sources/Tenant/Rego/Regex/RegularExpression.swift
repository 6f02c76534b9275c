/// A regular expression for others than policies: RE2 syntax, and a time that grows linearly with the text, whoever wrote it.
public struct RegularExpression: Sendable {
    /// Why a pattern is none.
    public struct Fault: Error, CustomStringConvertible, Sendable {
        /// The reason, in Go's words.
        public let description: String
    }

    private let regex: Regex

    /// Compiles a pattern.
    public init(_ pattern: String) throws(Fault) {
        do {
            regex = try Regex(pattern)
        } catch {
            throw Fault(description: error.description)
        }
    }

    /// Whether the pattern is found anywhere in `text`; anchors belong into the pattern.
    public func isFound(in text: String) -> Bool {
        // Only what counts the work could fail, and nobody counts it here.
        (try? regex.isMatch(text) { _ in }) ?? false
    }
}
