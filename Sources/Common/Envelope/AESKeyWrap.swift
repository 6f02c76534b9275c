import Crypto

/// AES key wrap (RFC 3394).
public enum AESKeyWrap {
    /// Wraps `key` under `wrapping`; the result is eight bytes longer.
    public static func wrap(_ key: SymmetricKey, under wrapping: SymmetricKey) throws(EnvelopeError) -> [UInt8] {
        do { return Array(try AES.KeyWrap.wrap(key, using: wrapping)) } catch {
            throw EnvelopeError("cannot wrap the key")
        }
    }

    /// Unwraps a key; a wrong wrapping key or a changed byte is a failure.
    public static func unwrap(_ wrapped: [UInt8], under wrapping: SymmetricKey) throws(EnvelopeError) -> SymmetricKey {
        do { return try AES.KeyWrap.unwrap(wrapped, using: wrapping) } catch {
            throw EnvelopeError("cannot unwrap the key")
        }
    }
}
