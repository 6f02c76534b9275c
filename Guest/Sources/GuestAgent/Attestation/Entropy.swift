import CGuest
import Crypto

/// Randomness of a confidential guest (rule R16).
///
/// The kernel credits neither the boot loader's seed nor the processor's generator (see the command line), so its pool
/// counts as filled only by what the guest itself gathered, and `getrandom`, which all keys come from, waits for that. A
/// confidential guest without RDRAND and RDSEED does not start. What the host cannot know - the broker's answer inside
/// the pinned TLS connection - is mixed in as soon as there is one, before the keys that outlive the handshake are made.
/// Under emulation the instructions are the emulator's: such entropy is simulated, as everything there is.
enum Entropy {
    /// Refuses a machine whose processor offers no randomness.
    static func check() throws(EvidenceFailure) {
        guard cg_has_random_instruction() == 1 else {
            throw EvidenceFailure("the processor offers no random numbers to this guest")
        }
    }

    /// Stirs a secret answer of the broker into the kernel's generator. Only its hash goes in.
    static func mix(_ secret: [UInt8]) throws(SystemFailure) {
        var hasher = SHA256()
        hasher.update(data: Array("testudo-entropy-v1".utf8))
        hasher.update(data: secret)
        let seed = Array(hasher.finalize())
        try SystemFailure.check(cg_mix_entropy(seed, seed.count), "mix entropy")
    }
}
