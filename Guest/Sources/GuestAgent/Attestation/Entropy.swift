import CGuest
import Crypto
import NIOPosix

/// Randomness of a confidential guest (rule R16).
///
/// The kernel does not credit the boot loader's seed, which is the host's; it does credit the processor's generator, which
/// is the guest's own (see the command line). A confidential guest without RDRAND and RDSEED does not start. What the host
/// cannot know - the broker's answer inside the pinned TLS connection - is mixed in as soon as there is one, before any
/// other key is made.
///
/// One key cannot wait for that: the ephemeral one of the first TLS connection to the broker, through which the nonce
/// comes. It rests on the processor's generator alone, and so does the secrecy of that nonce. Under emulation the
/// instructions are the emulator's: such entropy is simulated, as everything there is.
enum Entropy {
    /// Refuses a machine whose processor offers no randomness.
    static func check() throws(EvidenceFailure) {
        guard cg_has_random_instruction() == 1 else {
            throw EvidenceFailure("the processor offers no random numbers to this guest")
        }
    }

    /// Makes keys on a thread of their own.
    ///
    /// The cryptographic library keeps a generator for each thread, seeded from the kernel's at its first use and then
    /// for thousands of keys. On a thread that made a key before the pool was stirred, stirring would come too late.
    static func onFreshThread<R: Sendable>(_ make: @escaping @Sendable () throws -> R) async throws -> R {
        let thread = NIOThreadPool(numberOfThreads: 1)
        thread.start()
        let made: Result<R, any Error>
        do { made = .success(try await thread.runIfActive { try make() }) } catch { made = .failure(error) }
        try await thread.shutdownGracefully()
        return try made.get()
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
