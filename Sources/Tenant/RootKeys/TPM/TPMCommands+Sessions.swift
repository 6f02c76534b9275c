import Envelope
import WireFormat

extension TPMCommands {
    /// A storage primary in the form of a context, and its name.
    struct Primary {
        let context: MemoryFile
        let name: [UInt8]
    }

    enum SessionKind: String {
        /// Authorises by a policy.
        case policy = "--policy-session"
        /// Authorises by values, here empty ones, and protects requests and answers.
        case hmac = "--hmac-session"
    }

    /// Has the TPM make its storage primary.
    ///
    /// - Parameter expected: The name that it must have, from the making of the key; nil at the making.
    func primary(expecting expected: [UInt8]?) throws(RootKeyFailure) -> Primary {
        // What an earlier program left behind when it was killed would take the room.
        try flushObjects()
        let context = try memoryFile()
        try run(
            "tpm2_createprimary",
            [
                "-Q", "-C", "o", "-G", "ecc256", "-g", "sha256", "-a", .text(StoragePrimary.attributes), "-c",
                .file(context),
            ]
                + ownerWords())
        try flushObjects()
        let name: [UInt8]
        do {
            name = try StoragePrimary.name(inContext: context.bytes(limit: 8192) ?? [])
        } catch {
            throw failure(
                .refused, "the TPM's storage key cannot be read", error.description,
                "use tpm2-tools 5; this program reads their context files")
        }
        guard let expected, expected != name else { return Primary(context: context, name: name) }
        throw failure(
            .otherDevice, "this is not the TPM that the key was made on",
            "its storage key is \(Hex.encode(name)), and it was \(Hex.encode(expected)): "
                + "the TPM or its board was exchanged, or the TPM was cleared",
            "bring back the TPM, or re-seal on this one from the recovery file")
    }

    /// The authorisation of the owner hierarchy as words of a command line; none when it is empty.
    func ownerWords() throws(RootKeyFailure) -> [Word] {
        guard let path = settings.ownerAuth else { return [] }
        let secret = try OwnerOnlyFile(kind: kind, what: "owner's authorisation", path: path).read(limit: 64)
        let file = try memoryFile(secret.copyBytes())
        return ["-P", .secret(file)]
    }

    /// Runs `body` with a session whose parameters are encrypted, salted to the primary; what is left in the TPM
    /// afterwards is flushed.
    func withSession<Result>(
        _ session: SessionKind, _ primary: Primary, _ body: (MemoryFile) throws(RootKeyFailure) -> Result
    ) throws(RootKeyFailure) -> Result {
        let file = try memoryFile()
        try run(
            "tpm2_startauthsession",
            [.text(session.rawValue), "-g", "sha256", "-c", .file(primary.context), "-S", .file(file)])
        defer { _ = try? attempt("tpm2_flushcontext", [.file(file)]) }
        try flushObjects()
        return try body(file)
    }

    /// Frees the places of loaded objects. A resource manager does that when a program ends; a bare TPM has three.
    func flushObjects() throws(RootKeyFailure) { try run("tpm2_flushcontext", ["-t"]) }

    /// The values of PCRs.
    func values(of selection: PCRSelection) throws(RootKeyFailure) -> [[UInt8]] {
        let output = try memoryFile()
        try run("tpm2_pcrread", ["-Q", .text(selection.description), "-o", .file(output)])
        let size = selection.bank.digestSize
        guard let bytes = output.bytes(limit: 24 * size), bytes.count == size * selection.registers.count else {
            throw failure(
                .configuration, "the PCRs \(selection) cannot be read",
                "the TPM has no values for them: its bank \(selection.bank.rawValue) is not in use",
                "choose another bank, or turn this one on in the firmware")
        }
        return stride(from: 0, to: bytes.count, by: size).map { Array(bytes[$0..<$0 + size]) }
    }
}
