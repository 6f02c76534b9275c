#if canImport(Glibc)
    import Glibc
#endif

/// A string compared by its UTF-8 bytes, as Rego compares strings; Swift's own comparison is by canonical equivalence.
public struct Text: Sendable, Hashable, Comparable, ExpressibleByStringLiteral, CustomStringConvertible {
    /// The string.
    public let string: String

    /// Wraps a string, in contiguous UTF-8.
    public init(_ string: String) {
        var string = string
        string.makeContiguousUTF8()
        self.string = string
    }

    /// UTF-8 bytes; what is not valid becomes U+FFFD.
    init(decoding bytes: UnsafeRawBufferPointer) { string = String(decoding: bytes, as: UTF8.self) }

    /// A literal.
    public init(stringLiteral value: String) { self.init(value) }

    /// The string itself.
    public var description: String { string }

    /// Bytes first to last, as numbers without sign; a prefix comes before what it is a prefix of.
    public static func order(_ left: Text, _ right: Text) -> Int {
        let result = left.string.utf8.withContiguousStorageIfAvailable { first in
            right.string.utf8.withContiguousStorageIfAvailable { second -> Int in
                let common = min(first.count, second.count)
                if common > 0, let one = first.baseAddress, let other = second.baseAddress {
                    let difference = memcmp(one, other, common)
                    if difference != 0 { return difference < 0 ? -1 : 1 }
                }
                return first.count == second.count ? 0 : (first.count < second.count ? -1 : 1)
            }
        }
        if case .some(.some(let order)) = result { return order }
        return slowOrder(left, right)
    }

    /// Never needed for contiguous strings, and kept apart because it would make those count references.
    @inline(never)
    private static func slowOrder(_ left: Text, _ right: Text) -> Int {
        let (first, second) = (Array(left.string.utf8), Array(right.string.utf8))
        return first == second ? 0 : (first.lexicographicallyPrecedes(second) ? -1 : 1)
    }

    /// Equal in value.
    public static func == (left: Text, right: Text) -> Bool {
        left.string.utf8.count == right.string.utf8.count && order(left, right) == 0
    }

    /// Comes before in order.
    public static func < (left: Text, right: Text) -> Bool { order(left, right) < 0 }

    /// Equal values hash alike.
    public func hash(into hasher: inout Hasher) {
        let bytes: Void? = string.utf8.withContiguousStorageIfAvailable {
            hasher.combine(bytes: UnsafeRawBufferPointer($0))
        }
        if bytes == nil { Array(string.utf8).withUnsafeBytes { hasher.combine(bytes: $0) } }
    }
}
