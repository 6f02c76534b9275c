import ArgumentParser
import Glibc

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

    func run() async throws {
        signal(SIGPIPE, SIG_IGN)
        let files = Files(
            initData: Files.absolute(self.initData), guestImage: Files.absolute(self.guestImage),
            softTEE: Files.absolute(self.softtee), softTEEKeys: Files.absolute(self.softteeKeys),
            state: Files.absolute(self.state))
        let verdict: Verdict
        do {
            verdict = try await Node(attack: self.attack, files: files).play(until: .now + Node.limit)
        } catch {
            let complaint = Array("hostile-node: \(self.attack.rawValue) was not played: \(error)\n".utf8)
            _ = write(STDERR_FILENO, complaint, complaint.count)
            throw ExitCode.failure
        }
        print(verdict.line)
    }
}
