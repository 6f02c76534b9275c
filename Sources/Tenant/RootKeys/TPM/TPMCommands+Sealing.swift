import Envelope
import WireFormat

extension TPMCommands {
    /// Seals a secret to the present values of PCRs.
    func seal(_ secret: SecretBytes, _ selection: PCRSelection) throws(RootKeyFailure) -> TPMKeyFile {
        let values = try values(of: selection)
        guard !values.allSatisfy({ $0.allSatisfy { $0 == 0 } }) else {
            throw failure(
                .configuration, "the root key is not sealed to \(selection)",
                "all these PCRs are zero: nothing measured what booted, so that any software would get the key",
                "choose PCRs that the firmware extends (see `tpm2_pcrread`)")
        }
        let primary = try primary(expecting: nil)
        let policy = try memoryFile(selection.policyDigest(values))
        let (publicPart, privatePart) = (try memoryFile(), try memoryFile())
        try withSession(.hmac, primary) { session throws(RootKeyFailure) in
            try run(
                "tpm2_create",
                [
                    "-Q", "-C", .file(primary.context), "-P", .session(session), "-i", "-", "-g", "sha256", "-L",
                    .file(policy), "-a", "fixedtpm|fixedparent|noda", "-u", .file(publicPart), "-r", .file(privatePart),
                ], input: secret)
            try flushObjects()
        }
        let file = TPMKeyFile(
            parent: primary.name, selection: selection, values: values,
            publicPart: publicPart.bytes(limit: 512) ?? [], privatePart: privatePart.bytes(limit: 1024) ?? [],
            check: WrappingSecret(secret).check)
        // Before anyone relies on it, the TPM opens what it sealed.
        guard try unseal(file) == secret else {
            throw failure(
                .refused, "the TPM sealed something else", "it does not give back what it was given", "exchange the TPM"
            )
        }
        return file
    }

    /// Opens a sealed secret.
    func unseal(_ file: TPMKeyFile) throws(RootKeyFailure) -> SecretBytes {
        let primary = try primary(expecting: file.parent)
        let object = try memoryFile()
        let (publicPart, privatePart) = (try memoryFile(file.publicPart), try memoryFile(file.privatePart))
        let loaded = try attempt(
            "tpm2_load",
            [
                "-Q", "-C", .file(primary.context), "-u", .file(publicPart), "-r", .file(privatePart), "-c",
                .file(object),
            ])
        if case .failure(let refusal) = loaded {
            throw failure(
                .damaged, "the TPM does not accept the sealed root key",
                "the key's file was changed, or mixed from two (\(refusal.complaint))",
                "restore the file from a backup, or re-seal from the recovery file")
        }
        try flushObjects()
        return try withSession(.policy, primary) { session throws(RootKeyFailure) in
            try run("tpm2_policypcr", ["-Q", "-S", .file(session), "-l", .text(file.selection.description)])
            let answer = try attempt("tpm2_unseal", ["-c", .file(object), "-p", .session(session)])
            try flushObjects()
            switch answer {
            case .success(let secret):
                guard secret.count == WrappingSecret.size else { throw wrongSize(secret.count) }
                return secret
            case .failure(let refusal):
                guard refusal.response == .policyFail || refusal.response == .pcrChanged else {
                    throw failure(refusal)
                }
                throw try platformChanged(file)
            }
        }
    }

    private func wrongSize(_ count: Int) -> RootKeyFailure {
        failure(
            .damaged, "the sealed root key cannot be used", "it has \(count) bytes, not \(WrappingSecret.size)",
            "restore its file from a backup")
    }

    /// Says which PCRs changed.
    private func platformChanged(_ file: TPMKeyFile) throws(RootKeyFailure) -> RootKeyFailure {
        let present = try values(of: file.selection)
        let changed = zip(file.selection.registers, zip(file.values, present)).filter { $1.0 != $1.1 }
            .map { "\($0.0) (\(PCRSelection.meaning(of: $0.0)))" }
        let reason =
            changed.isEmpty
            ? "PCRs of \(file.selection) changed while the key was asked for"
            : "PCR \(changed.joined(separator: ", PCR ")) changed since the key was sealed to \(file.selection)"
        return failure(
            .platformChanged, "the TPM keeps the root key to itself", reason,
            "if you changed that yourself (an update), re-seal from the recovery file; otherwise find out who did")
    }
}
