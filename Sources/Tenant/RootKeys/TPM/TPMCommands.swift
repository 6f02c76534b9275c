import CLinux
import Envelope
import Foundation
import Glibc
import WireFormat

/// Commands to a TPM through the programs of tpm2-tools; blocks, so it belongs on a ``SerialThread``.
///
/// What the programs keep between them (contexts, sessions, blobs) lies in memory files that they inherit; nothing of it
/// has a name in the file system. A session file holds the key of the session and is as secret as what it protects.
final class TPMCommands {
    let settings: TPMSettings
    let kind = "tpm"
    private let deadline: ContinuousClock.Instant

    init(_ settings: TPMSettings) {
        self.settings = settings
        deadline = .now + .seconds(settings.timeoutSeconds)
    }

    /// One word of a command line.
    enum Word: ExpressibleByStringLiteral {
        case text(String)
        /// The path of a memory file.
        case file(MemoryFile)
        /// A session as authorisation.
        case session(MemoryFile)
        /// An authorisation in a memory file.
        case secret(MemoryFile)

        init(stringLiteral text: String) { self = .text(text) }
    }

    /// A command that the TPM or the program refused.
    struct Refusal: Error {
        let program: String
        /// The response code of the TPM without handle, session and parameter numbers; nil when the TPM said nothing.
        let response: UInt32?
        /// A line of what the program complained about.
        let complaint: String
    }

    func memoryFile(_ bytes: [UInt8] = []) throws(RootKeyFailure) -> MemoryFile {
        guard let file = MemoryFile(bytes) else {
            throw failure(
                .missing, "no memory for a command", OwnerOnlyFile.text(errno),
                "look at the machine's memory and limits")
        }
        return file
    }

    /// Runs one program; a refusal becomes a failure with the program's own words.
    @discardableResult
    func run(_ program: String, _ words: [Word], input: SecretBytes? = nil) throws(RootKeyFailure) -> SecretBytes {
        switch try attempt(program, words, input: input) {
        case .success(let output): return output
        case .failure(let refusal): throw failure(refusal)
        }
    }

    /// Runs one program, whose refusal the caller gives a meaning.
    func attempt(
        _ program: String, _ words: [Word], input: SecretBytes? = nil
    ) throws(RootKeyFailure) -> Result<SecretBytes, Refusal> {
        var files: [Int32] = []
        func path(_ file: MemoryFile) -> String {
            let index = files.firstIndex(of: file.descriptor) ?? files.endIndex
            if index == files.endIndex { files.append(file.descriptor) }
            return "/dev/fd/\(3 + index)"
        }
        var arguments: [String] = []
        for word in words {
            switch word {
            case .text(let text): arguments.append(text)
            case .file(let file): arguments.append(path(file))
            case .session(let file): arguments.append("session:" + path(file))
            case .secret(let file): arguments.append("file:" + path(file))
            }
        }
        let program = Program(
            path: "\(settings.programs)/\(program)", arguments: arguments,
            environment: ["PATH=/usr/bin:/bin", "LC_ALL=C", "TPM2TOOLS_TCTI=\(settings.tcti)"], files: files,
            input: input)
        switch program.run(until: deadline) {
        case .late:
            let limit = "\(program.path) did not end within \(settings.timeoutSeconds) seconds (\(settings.tcti))"
            throw failure(
                .timedOut, "the TPM did not answer", limit, "check that the TPM runs and that nothing else holds it")
        case .talkative:
            throw failure(
                .refused, "\(program.path) was stopped", "it wrote more than any answer of a TPM has",
                "use tpm2-tools 5")
        case .notStarted(let cause):
            throw failure(
                .missing, "\(program.path) cannot be started", OwnerOnlyFile.text(cause), "install tpm2-tools")
        case .ended(let outcome) where outcome.status == 0: return .success(outcome.output)
        case .ended(let outcome):
            return .failure(
                Refusal(
                    program: program.path, response: Self.response(in: outcome.complaint),
                    complaint: Self.line(of: outcome.complaint)))
        }
    }

    /// Gives a refusal the meaning that it has after any command.
    func failure(_ refusal: Refusal) -> RootKeyFailure {
        let name = (refusal.program as NSString).lastPathComponent
        switch refusal.response {
        case nil:
            return failure(
                .missing, "the TPM cannot be reached", "\(name) says: \(refusal.complaint)",
                "check `tcti` (\(settings.tcti)), that the TPM runs, and that the broker's account may use it")
        case .answerRefused:
            return failure(
                .refused, "an answer of the TPM is not believed",
                "it was changed on its way, or did not come from the TPM (\(name))",
                "find out what lies between the broker and the TPM")
        case .authFail, .badAuth:
            return failure(
                .credential, "the TPM refuses the owner's authorisation", "\(name) says: \(refusal.complaint)",
                "put the owner's authorisation in a file (0600) and name it as `ownerAuth`")
        case .lockout:
            return failure(
                .credential, "the TPM is locked", "too many wrong authorisations were tried (\(name))",
                "wait, or reset the lock with `tpm2_dictionarylockout -c`")
        default:
            return failure(
                .refused, "the TPM refused a command", "\(name) says: \(refusal.complaint)",
                "look at the TPM with tpm2-tools; a restart of the machine clears what is left in it")
        }
    }

    func failure(
        _ code: RootKeyFailure.Code, _ event: String, _ reason: String, _ remedy: String
    ) -> RootKeyFailure {
        RootKeyFailure(code, kind: kind, event, because: reason, remedy: remedy)
    }

    /// The response code in a complaint such as `Esys_Unseal(0x99D) - …` or `ErrorCode (0x0000099d)`.
    static func response(in complaint: String) -> UInt32? {
        for part in complaint.components(separatedBy: "(0x").dropFirst() {
            let digits = part.prefix { $0.isHexDigit }
            guard let code = UInt32(digits, radix: 16), code != 0, part.dropFirst(digits.count).first == ")" else {
                continue
            }
            if code == .answerRefused { return code }
            // Other codes of the software stack, which lie above the TPM's own, say that the TPM was not reached.
            guard code < 0x1_0000 else { continue }
            // Format 1 carries the number of a handle, session or parameter in bits 6 and 8 to 11 (TPM 2.0 Part 2, 6.6).
            return code & 0x80 != 0 ? code & 0x0BF : code & 0xFFF
        }
        return nil
    }

    private static func line(of complaint: String) -> String {
        let lines = complaint.split(separator: "\n")
        let told = lines.first { $0.hasPrefix("ERROR: ") && $0.contains("(0x") } ?? lines.first { $0.contains("ERROR") }
        return ShownText.cut(told ?? "nothing", bytes: 200)
    }
}

extension UInt32 {
    // Response codes of TPM 2.0 Part 2, section 6.6.3, in the form of `response(in:)`.
    /// The ESAPI found a wrong HMAC in an answer (TSS2_ESYS_RC_RSP_AUTH_FAILED).
    fileprivate static let answerRefused: UInt32 = 0x7001B
    fileprivate static let authFail: UInt32 = 0x08E
    fileprivate static let badAuth: UInt32 = 0x0A2
    fileprivate static let lockout: UInt32 = 0x921
    static let policyFail: UInt32 = 0x09D
    static let pcrChanged: UInt32 = 0x128
    static let nvDefined: UInt32 = 0x14C
    static let wrongHandle: UInt32 = 0x08B
    static let nvUninitialised: UInt32 = 0x14A
}

extension Optional<UInt32> {
    fileprivate static func ~= (code: UInt32, response: UInt32?) -> Bool { response == code }
}
