import WireFormat

/// The bytes of a wrapped key: which root key it belongs to, and the key sealed with AES-256-GCM.
///
///     version 1 | id of the root key 8 | nonce 12 | ciphertext 32 | tag 16
///
/// Version, id and context are authenticated. The id is no secret; it lets an error tell a wrong root key from damage.
struct WrappedKey: Equatable {
    static let keyBytes = 32
    static let idBytes = 8
    static let nonceBytes = 12
    static let tagBytes = 16
    static let size = 1 + idBytes + nonceBytes + keyBytes + tagBytes
    static let maxContextBytes = 256
    private static let version: UInt8 = 1

    /// Names the root key.
    let id: [UInt8]
    let nonce: [UInt8]
    /// Ciphertext and tag.
    let sealed: [UInt8]

    init(id: [UInt8], nonce: [UInt8], sealed: [UInt8]) {
        self.id = id
        self.nonce = nonce
        self.sealed = sealed
    }

    init(_ bytes: [UInt8], kind: String) throws(RootKeyFailure) {
        func refusal(_ reason: String) -> RootKeyFailure {
            RootKeyFailure(
                .damaged, kind: kind, "a wrapped key cannot be read", because: reason,
                remedy: "restore the store from a backup")
        }
        guard bytes.count == Self.size else {
            throw refusal("it has \(bytes.count) bytes, not \(Self.size)")
        }
        guard bytes[0] == Self.version else {
            throw refusal("its version is \(bytes[0]), and this program knows \(Self.version)")
        }
        id = Array(bytes[1..<9])
        nonce = Array(bytes[9..<21])
        sealed = Array(bytes[21...])
    }

    var bytes: [UInt8] { [Self.version] + id + nonce + sealed }

    /// What is authenticated beside the key; the part before the context has a fixed length.
    static func authenticated(id: [UInt8], context: [UInt8]) -> [UInt8] {
        Array("testudo root key wrap".utf8) + [version] + id + context
    }

    /// The refusal of a wrapped key whose id is another root key's.
    func requireID(_ expected: [UInt8], kind: String) throws(RootKeyFailure) {
        guard id == expected else {
            throw RootKeyFailure(
                .otherKey, kind: kind, "a wrapped key does not open",
                because: "it was wrapped by root key \(Hex.encode(id)), and this one is \(Hex.encode(expected))",
                remedy: "configure the root key that the store was made with, or restore the matching backup")
        }
    }

    static func doesNotOpen(kind: String) -> RootKeyFailure {
        RootKeyFailure(
            .damaged, kind: kind, "a wrapped key does not open",
            because: "its bytes were changed, or it was wrapped for another place in the store",
            remedy: "restore the store from a backup, and find out who can write to it")
    }

    static func checkLengths(key: Int, context: [UInt8], kind: String) throws(RootKeyFailure) {
        guard key == keyBytes else {
            throw RootKeyFailure(
                .configuration, kind: kind, "a key cannot be wrapped", because: "it has \(key) bytes, not \(keyBytes)",
                remedy: "wrap keys of \(keyBytes) bytes")
        }
        try checkContext(context, kind: kind)
    }

    static func checkContext(_ context: [UInt8], kind: String) throws(RootKeyFailure) {
        guard context.count <= maxContextBytes else {
            throw RootKeyFailure(
                .configuration, kind: kind, "a key cannot be wrapped or unwrapped",
                because: "its context has \(context.count) bytes, more than \(maxContextBytes)",
                remedy: "use a shorter name for the key")
        }
    }
}
