import CLinux

/// Key material that is wiped when its last owner goes away.
///
/// It prints as `<secret>`, has no `Codable` or `Hashable` form, and compares in constant time. Copies that leave through
/// ``copyBytes()`` are no longer protected.
public final class SecretBytes: @unchecked Sendable {
    // Written only by the initialisers, before anyone else can see the object: hence @unchecked Sendable.
    private let storage: UnsafeMutableRawBufferPointer

    /// The number of bytes.
    public var count: Int { storage.count }

    /// Copies `bytes`; the caller's array is not wiped.
    public init(_ bytes: [UInt8]) {
        storage = Self.allocate(bytes.count)
        storage.copyBytes(from: bytes)
    }

    /// Copies borrowed bytes, such as those of a symmetric key.
    public init(copying bytes: UnsafeRawBufferPointer) {
        storage = Self.allocate(bytes.count)
        storage.copyMemory(from: bytes)
    }

    /// Takes `count` bytes from the kernel's generator.
    public init(random count: Int) {
        storage = Self.allocate(count)
        // getrandom cannot fail once seeded; if it ever does there is no safe way to go on.
        precondition(cl_getrandom(storage.baseAddress, count) == 0, "the kernel gives no randomness")
    }

    deinit {
        cl_wipe(storage.baseAddress, storage.count)
        storage.deallocate()
    }

    private static func allocate(_ count: Int) -> UnsafeMutableRawBufferPointer {
        .allocate(byteCount: count, alignment: 16)
    }

    /// Lends the bytes; they must not outlive the call.
    public func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try body(UnsafeRawBufferPointer(storage))
    }

    /// Copies the bytes out of the protection.
    public func copyBytes() -> [UInt8] { Array(storage) }
}

extension SecretBytes: Equatable {
    /// Compares in a time that depends on the lengths alone.
    public static func == (left: SecretBytes, right: SecretBytes) -> Bool {
        left.count == right.count
            && cl_equal_ct(left.storage.baseAddress, right.storage.baseAddress, left.count) == 1
    }
}

extension SecretBytes: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Never the bytes.
    public var description: String { "<secret>" }
    /// Never the bytes.
    public var debugDescription: String { "<secret>" }
    /// Shows no children, so that `dump` prints nothing either.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// Compares in a time that depends on the lengths alone.
public func constantTimeEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    left.count == right.count && cl_equal_ct(left, right, left.count) == 1
}
