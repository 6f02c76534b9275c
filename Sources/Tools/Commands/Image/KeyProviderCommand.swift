import ArgumentParser
import Envelope
import Foundation
import WireFormat

/// `testudo keyprovider`: the ocicrypt key-provider protocol in its command form, for skopeo, nerdctl, buildah and the like.
struct KeyProviderCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keyprovider",
        abstract: "Wrap and unwrap image keys for other tools: one JSON request on standard input.",
        discussion: """
            Name it in the file of OCICRYPT_KEYPROVIDER_CONFIG: \
            {"key-providers": {"attestation-agent": {"cmd": {"path": "testudo", "args": ["keyprovider"]}}}}, then encrypt with \
            provider:attestation-agent:keyid=kbs:///REPOSITORY/TYPE/TAG::keypath=FILE, FILE holding 32 raw bytes.
            """)

    @Option(help: "A file with the 32-byte key-encryption key, for requests that name none.") var keyFile: String?

    func run() async throws {
        let request = Array(FileHandle.standardInput.readDataToEndOfFile())
        let answer = try KeyProvider(keyFile: keyFile).answer(request)
        FileHandle.standardOutput.write(Data(answer))
    }
}
