import ArgumentParser
import Glibc
import PodManifest
import Sandbox

/// A node with ill will: starts a tenant's pod with altered inputs and tells in one line what it saw.
@main
struct HostileNode: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hostile-node", abstract: "Plays one attack of a node on a pod; exits with 0 when it was played.")

    @Argument(help: "What is altered.") var attack: Attack
    @Option(help: "The tenant's init-data document.") var initData: String
    @Option(help: "The folder of the guest image.") var guestImage: String
    @Option(help: "The program testudo-softtee.") var softtee: String
    @Option(help: "The folder with the keys of testudo-softtee.") var softteeKeys: String
    @Option(help: "A folder for what the node keeps while it runs.") var state: String
    @Option(help: "For `broker`: the URL of the key broker that the guest is sent to.") var brokerURL: String?
    @Option(help: "For `broker`: the file with that broker's certificate in PEM.") var brokerCertificate: String?

    func validate() throws {
        let places = [self.brokerURL, self.brokerCertificate].compactMap { $0 }.count
        guard places == (self.attack == .broker ? 2 : 0) else {
            throw ValidationError("`broker`, and nothing else, takes --broker-url and --broker-certificate")
        }
    }

    func run() async throws {
        signal(SIGPIPE, SIG_IGN)
        let files = Files(
            initData: Files.absolute(self.initData), guestImage: Files.absolute(self.guestImage),
            softTEE: Files.absolute(self.softtee), softTEEKeys: Files.absolute(self.softteeKeys),
            state: Files.absolute(self.state))
        let verdict: Verdict
        do {
            let node = Node(attack: self.attack, files: files, broker: try self.otherBroker())
            verdict = try await node.play(until: .now + Node.limit)
        } catch {
            let complaint = Array("hostile-node: \(self.attack.rawValue) was not played: \(error)\n".utf8)
            _ = write(STDERR_FILENO, complaint, complaint.count)
            throw ExitCode.failure
        }
        print(verdict.line)
    }

    /// Who stands in for the tenant's key broker.
    private func otherBroker() throws -> PodKeyBroker? {
        guard let url = self.brokerURL, let certificate = self.brokerCertificate else { return nil }
        let pem = try AtomicFile.read(Files.absolute(certificate), limit: 64 << 10)
        return PodKeyBroker(url: url, certificate: String(decoding: pem, as: UTF8.self))
    }
}
