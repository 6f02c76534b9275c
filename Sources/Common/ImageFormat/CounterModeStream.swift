import Crypto
import CryptoExtras

/// AES-256 in counter mode over chunks of any size: sealing and opening are the same operation.
package struct CounterModeStream: Sendable {
    private let key: SymmetricKey
    private var counter: [UInt8]
    /// How many bytes of the current counter block are used up (0..<16).
    private var used = 0

    /// Starts at a 16-byte counter block, which counts up as one big-endian number.
    package init(key: SymmetricKey, nonce: [UInt8]) {
        self.key = key
        self.counter = nonce
    }

    /// Applies the key stream to the next bytes.
    package mutating func apply(_ bytes: [UInt8]) throws(OcicryptError) -> [UInt8] {
        guard !bytes.isEmpty else { return [] }
        let padded = self.used == 0 ? bytes : [UInt8](repeating: 0, count: self.used) + bytes
        let output: [UInt8]
        do {
            let nonce = try AES._CTR.Nonce(nonceBytes: self.counter)
            output = Array(try AES._CTR.encrypt(padded, using: self.key, nonce: nonce))
        } catch {
            throw OcicryptError("the cipher refused its key or nonce")
        }
        let result = self.used == 0 ? output : Array(output.dropFirst(self.used))
        self.advance(by: UInt64(padded.count / 16))
        self.used = padded.count % 16
        return result
    }

    private mutating func advance(by blocks: UInt64) {
        var carry = blocks
        for index in self.counter.indices.reversed() where carry != 0 {
            let sum = UInt64(self.counter[index]) + (carry & 0xFF)
            self.counter[index] = UInt8(truncatingIfNeeded: sum)
            carry = (carry >> 8) + (sum >> 8)
        }
    }
}
