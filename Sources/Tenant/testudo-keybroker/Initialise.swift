import ArgumentParser
import Foundation
import KeyBroker
import RootKeys
import WireFormat

/// `testudo-keybroker init`: the first administrator and all that a broker needs; what exists is never replaced.
struct Initialise: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init", abstract: "Make keys, certificate and configuration in a new folder.")

    /// What keeps the root key.
    enum RootKeyKind: String, ExpressibleByArgument, CaseIterable {
        case file, tpm, pkcs11
    }

    /// What notices that the whole store was put back.
    enum CounterKind: String, ExpressibleByArgument, CaseIterable {
        case file, tpm
    }

    @Option(help: "The folder; made with mode 0700.") var dir: String
    @Option(help: "The address to listen on.") var listen = "127.0.0.1:8480"
    @Option(help: "The fingerprint of a soft root to trust; may be repeated.") var softRoot: [String] = []
    @Option(help: "What keeps the root key.") var rootKey = RootKeyKind.file
    @Option(help: "What notices that the whole store was put back; nothing when absent.") var counter: CounterKind?
    @Option(help: "The counter's file, in another store than the broker's.") var counterFile: String?
    @Option(help: "The TPM, as tpm2-tools names it.") var tcti = "device:/dev/tpmrm0"
    @Option(help: "The registers that the key is sealed to, for example sha256:0,2,4,7.") var pcrs: String?
    @Option(help: "For a TPM: the file for the key in plain, to be kept elsewhere.") var recovery: String?
    @Option(help: "The PKCS #11 library.") var pkcs11Module: String?
    @Option(help: "The label of the PKCS #11 token.") var pkcs11Token: String?
    @Option(help: "The file with the token's PIN.") var pinFile: String?
    @Option(help: "The label of the key on the token.") var pkcs11Key = "testudo-root"

    func validate() throws {
        guard rootKey != .pkcs11 || (pkcs11Module != nil && pkcs11Token != nil && pinFile != nil) else {
            throw ValidationError("a PKCS #11 key needs --pkcs11-module, --pkcs11-token and --pin-file")
        }
        guard (counter == .file) == (counterFile != nil) else {
            throw ValidationError("--counter file and --counter-file go together")
        }
        do {
            try BrokerSetup.check(listen: listen, softRoots: softRoot)
        } catch {
            throw ValidationError(error.detail)
        }
    }

    func run() async throws {
        do throws(BrokerError) {
            try await BrokerSetup.run(
                folder: dir, listen: listen, softRoots: softRoot, rootKey: rootKeyMember, counter: counterMember,
                pcrs: try selection(), recovery: recovery)
        } catch {
            throw error.asExit
        }
        print(
            BrokerSetup.report(
                folder: dir, listen: listen, rootKey: rootKeyMember, counter: counterMember, recovery: recovery))
    }

    private var rootKeyMember: JSONValue {
        switch rootKey {
        case .file: "root.key"
        case .tpm: ["kind": "tpm", "file": "root.tpm", "tcti": .string(tcti)]
        case .pkcs11:
            [
                "kind": "pkcs11", "module": .string(Self.absolute(pkcs11Module)), "token": .string(pkcs11Token ?? ""),
                "pinFile": .string(Self.absolute(pinFile)), "key": .string(pkcs11Key),
            ]
        }
    }

    private var counterMember: JSONValue? {
        switch counter {
        case nil: nil
        case .file: ["kind": "file", "file": .string(Self.absolute(counterFile))]
        case .tpm: ["kind": "tpm", "file": "counter.tpm", "tcti": .string(tcti)]
        }
    }

    /// Paths of the command line start where it was given, those of the configuration at its folder.
    private static func absolute(_ path: String?) -> String {
        guard let path, !path.hasPrefix("/") else { return path ?? "" }
        return FileManager.default.currentDirectoryPath + "/" + path
    }

    private func selection() throws(BrokerError) -> PCRSelection {
        guard let pcrs else { return .standard }
        return try PCRSelection(option: pcrs)
    }
}
