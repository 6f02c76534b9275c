import Envelope
import Foundation
import WireFormat

/// A root key that a TPM 2.0 gives out only to the software that was measured when the key was made.
///
/// The key is 32 random bytes, sealed under the TPM's storage primary with a policy over PCRs. It is unsealed once, when
/// it is opened, and then lies in the broker's memory: wrapping needs no TPM. On the way from the TPM it is encrypted
/// in a session that is salted to the storage primary whose name the key's file remembers.
///
/// A recovery file, made with the key and kept elsewhere, is the only way to go on after a lost TPM or an update of
/// what the PCRs measure.
public struct TPMRootKey: RootKey {
    /// Always `tpm`.
    public let kind = "tpm"
    private let secret: WrappingSecret

    /// Unseals the key in the file at `path`.
    public static func open(file path: String, _ settings: TPMSettings) async throws(RootKeyFailure) -> TPMRootKey {
        let file = try TPMKeyFile.read(path)
        let secret = try await blocking(settings) { commands throws(RootKeyFailure) in
            WrappingSecret(try commands.unseal(file))
        }
        guard secret.check == file.check else {
            throw RootKeyFailure(
                .otherKey, kind: "tpm", "the sealed root key \(path) holds another key than it says",
                because: "its `check` does not fit", remedy: "restore the file from a backup")
        }
        return TPMRootKey(secret: secret)
    }

    /// Makes a key, seals it to the present values of `pcrs`, and writes its file; existing files are not replaced.
    ///
    /// - Parameter recovery: Where the key goes in plain (64 hexadecimal digits, 0600), to be taken elsewhere. Without
    ///   it an update of what the PCRs measure, or the loss of the TPM, loses the store.
    public static func create(
        file path: String, pcrs: PCRSelection = .standard, recovery: String?, _ settings: TPMSettings
    ) async throws(RootKeyFailure) {
        for other in [path, recovery].compactMap({ $0 }) {
            let file = OwnerOnlyFile(kind: "tpm", what: "root key's file", path: other)
            guard !file.exists else {
                throw file.failure(.exists, "is not replaced", "it exists already", "move it away first")
            }
        }
        let secret = SecretBytes(random: WrappingSecret.size)
        let sealed = try await blocking(settings) { commands throws(RootKeyFailure) in try commands.seal(secret, pcrs) }
        if let recovery { try FileRootKey.write(secret, to: recovery, kind: "tpm", what: "recovery file") }
        do {
            try sealed.write(to: path, replacing: false)
        } catch {
            if let recovery { unlink(recovery) }
            throw error
        }
    }

    /// Seals the key in the recovery file to the present TPM and the present values of its PCRs.
    ///
    /// - Parameters:
    ///   - path: The key's file, which is replaced; the recovery file must hold the same key. Where the file is lost it is
    ///     made again, and the store shows whether it is the right key.
    ///   - pcrs: Other PCRs than before.
    public static func reseal(
        file path: String, pcrs: PCRSelection? = nil, recovery: String, _ settings: TPMSettings
    ) async throws(RootKeyFailure) {
        let secret = try FileRootKey.read(recovery, kind: "tpm", what: "recovery file")
        let exists = OwnerOnlyFile(kind: "tpm", what: "sealed root key", path: path).exists
        let old = exists ? try TPMKeyFile.read(path) : nil
        if let old, old.check != WrappingSecret(secret).check {
            throw RootKeyFailure(
                .otherKey, kind: "tpm", "the recovery file \(recovery) does not belong to \(path)",
                because: "it holds another key", remedy: "use the recovery file that was made with this key")
        }
        let selection = pcrs ?? old?.selection ?? .standard
        let sealed = try await blocking(settings) { commands throws(RootKeyFailure) in
            try commands.seal(secret, selection)
        }
        try sealed.write(to: path, replacing: exists)
    }

    /// Wraps a 32-byte key in the broker's memory, bound to `context`.
    public func wrap(_ key: SecretBytes, context: [UInt8]) async throws(RootKeyFailure) -> [UInt8] {
        try secret.wrap(key, context: context, kind: kind)
    }

    /// Opens what ``wrap(_:context:)`` made with the same context.
    public func unwrap(_ wrapped: [UInt8], context: [UInt8]) async throws(RootKeyFailure) -> SecretBytes {
        try secret.unwrap(wrapped, context: context, kind: kind)
    }

    private static func blocking<Result: Sendable>(
        _ settings: TPMSettings, _ body: @escaping @Sendable (TPMCommands) throws(RootKeyFailure) -> Result
    ) async throws(RootKeyFailure) -> Result {
        try await SerialThread().run(on: settings, body)
    }
}

extension SerialThread {
    /// Runs commands of one operation; the programs have a deadline of their own, which ends a little earlier.
    func run<Result: Sendable>(
        on settings: TPMSettings, _ body: @escaping @Sendable (TPMCommands) throws(RootKeyFailure) -> Result
    ) async throws(RootKeyFailure) -> Result {
        let late = RootKeyFailure(
            .timedOut, kind: "tpm", "the TPM did not answer",
            because: "an operation did not end within \(settings.timeoutSeconds) seconds",
            remedy: "check that the TPM runs and that nothing else holds it")
        return try await run(within: .seconds(settings.timeoutSeconds + 3), late: late) {
            () throws(RootKeyFailure) in try body(TPMCommands(settings))
        }
    }
}
