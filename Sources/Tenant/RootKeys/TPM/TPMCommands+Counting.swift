import Envelope
import WireFormat

extension TPMCommands {
    /// Defines a counter and steps it once, since a counter has no value before.
    func defineCounter(_ wanted: UInt32?) throws(RootKeyFailure) -> TPMCounterFile {
        let primary = try primary(expecting: nil)
        let owner = try ownerWords()
        var attempts = 0
        while true {
            attempts += 1
            let index = wanted ?? UInt32.random(in: 0x0181_0000...0x0181_FFFF)
            let made = TPMCounterFile(index: index, name: [], parent: primary.name)
            let defined = try attempt(
                "tpm2_nvdefine",
                [
                    .text(made.text), "-Q", "-C", "o", "-s", "8", "-g", "sha256", "-a",
                    "authread|authwrite|ownerread|ownerwrite|no_da|nt=counter",
                ] + owner)
            if case .failure(let refusal) = defined {
                guard refusal.response == .nvDefined else { throw failure(refusal) }
                if wanted == nil, attempts < 4 { continue }
                throw failure(
                    .exists, "the counter \(made.text) is not made", "this NV index is in use",
                    "choose another `index`, or none")
            }
            _ = try step(made, primary)
            return TPMCounterFile(index: index, name: try indexName(made), parent: primary.name)
        }
    }

    /// The value of a counter, after one step where `steps` says so.
    func counter(_ file: TPMCounterFile, steps: Bool) throws(RootKeyFailure) -> UInt64 {
        let primary = try primary(expecting: file.parent)
        let name = try indexName(file)
        guard name == file.name else {
            throw failure(
                .otherDevice, "the counter \(file.text) is not the one that was made",
                "its NV index was deleted and defined as something else",
                "find out who uses the TPM; if it was you, make a new counter and accept the store as it is")
        }
        return steps ? try step(file, primary) : try read(file, primary)
    }

    private func step(_ file: TPMCounterFile, _ primary: Primary) throws(RootKeyFailure) -> UInt64 {
        try withSession(.hmac, primary) { session throws(RootKeyFailure) in
            try run("tpm2_nvincrement", [.text(file.text), "-Q", "-C", .text(file.text), "-P", .session(session)])
            return try read(file, session)
        }
    }

    private func read(_ file: TPMCounterFile, _ primary: Primary) throws(RootKeyFailure) -> UInt64 {
        try withSession(.hmac, primary) { session throws(RootKeyFailure) in try read(file, session) }
    }

    private func read(_ file: TPMCounterFile, _ session: MemoryFile) throws(RootKeyFailure) -> UInt64 {
        let bytes = try run(
            "tpm2_nvread", [.text(file.text), "-C", .text(file.text), "-P", .session(session), "-s", "8"])
        guard bytes.count == 8 else {
            throw failure(
                .refused, "the counter \(file.text) cannot be read", "it has \(bytes.count) bytes, not 8",
                "look at it with `tpm2_nvreadpublic`")
        }
        return bytes.withBytes { $0.reduce(0) { $0 << 8 | UInt64($1) } }
    }

    /// The name of an NV index: the digest of its kind, size and attributes.
    private func indexName(_ file: TPMCounterFile) throws(RootKeyFailure) -> [UInt8] {
        let output: SecretBytes
        switch try attempt("tpm2_nvreadpublic", [.text(file.text)]) {
        case .success(let answer): output = answer
        case .failure(let refusal):
            guard refusal.response == .wrongHandle else { throw failure(refusal) }
            throw failure(
                .missing, "the counter \(file.text) is gone",
                "the TPM has no such NV index: it was deleted, or the TPM cleared",
                "find out who uses the TPM; if it was you, make a new counter and accept the store as it is")
        }
        let lines = String(decoding: output.copyBytes(), as: UTF8.self).split(separator: "\n")
        let prefix = "  name: "
        guard let line = lines.first(where: { $0.hasPrefix(prefix) }),
            let name = try? Hex.decode(String(line.dropFirst(prefix.count)), field: "name"), name.count == 34
        else {
            throw failure(
                .refused, "the counter \(file.text) cannot be read", "tpm2_nvreadpublic writes another form",
                "use tpm2-tools 5")
        }
        return name
    }
}
