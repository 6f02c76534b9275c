import Glibc
import Synchronization

/// A file descriptor with one owner: closed when the owner goes away, unless it was handed on.
public final class OwnedDescriptor: Sendable {
    private let number: Mutex<CInt?>

    /// Takes ownership of an open descriptor.
    public init(_ number: CInt) { self.number = Mutex(number) }

    deinit { self.close() }

    /// The number, or nil when the descriptor was closed or handed on.
    public var value: CInt? { self.number.withLock { $0 } }

    /// Gives ownership to the caller; the second call returns nil.
    public func take() -> CInt? {
        self.number.withLock { number in
            defer { number = nil }
            return number
        }
    }

    /// Closes now; closing twice does nothing.
    public func close() {
        if let number = self.take() { _ = Glibc.close(number) }
    }
}
