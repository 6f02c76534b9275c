import SealedStorage
import WireFormat

/// Why the key management did not do what was asked; names the field and never holds key material or messages.
public struct KeyFailure: Error, Equatable, Sendable, CustomStringConvertible {
    /// What kind of failure it is; callers choose an answer to their client by it.
    public enum Kind: String, Sendable {
        /// The request itself makes no sense.
        case malformed
        /// The caller may not do this.
        case denied
        /// There is no such key or version.
        case notFound = "not-found"
        /// The key is not in a state for this, or is not of a kind for it.
        case conflict
        /// A message does not open or a limit of a key is used up.
        case refused
        /// The store cannot be read or written now.
        case store
        /// Something that never should be otherwise is.
        case failed
    }

    /// The kind.
    public let kind: Kind
    /// The field of the request, or the part of the key, that is at fault.
    public let field: String
    /// What is wrong with it, in one sentence.
    public let reason: String

    /// Creates a failure.
    public init(_ kind: Kind, _ field: String, _ reason: String) {
        self.kind = kind
        self.field = field
        self.reason = reason
    }

    /// A field that cannot be read.
    public init(_ error: WireError) { self.init(.malformed, error.field, error.reason) }

    init(_ failure: StoreFailure) { self.init(.store, "store", failure.description) }

    /// Field and reason in one line.
    public var description: String { "\(field): \(reason)" }

    /// Lets only this type of error out.
    public static func wrapping<R>(_ body: () async throws -> R) async throws(KeyFailure) -> R {
        do {
            return try await body()
        } catch let failure as KeyFailure {
            throw failure
        } catch let failure as StoreFailure {
            throw KeyFailure(failure)
        } catch let error as WireError {
            throw KeyFailure(error)
        } catch {
            throw KeyFailure(.failed, "key", "the operation failed")
        }
    }
}
