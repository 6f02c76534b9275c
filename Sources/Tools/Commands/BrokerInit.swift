import ArgumentParser
import Foundation

/// `testudo broker init`: a new broker's folder, with its first administrator.
struct BrokerInit: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Make a broker's keys, certificate and configuration; what exists is never replaced.",
        discussion: "Takes the options of `testudo-keybroker init`, for example --dir, --root-key, --counter.")

    @Argument(parsing: .captureForPassthrough, help: "Options of `testudo-keybroker init`.") var options: [String] = []

    func run() throws {
        let outcome = try ChildProcess.run(try Installation.program("testudo-keybroker"), ["init"] + options)
        print(outcome.output, terminator: "")
        // The program's own words and status, which say more than that it failed.
        guard outcome.status == 0 else {
            FileHandle.standardError.write(Data(outcome.errors.utf8))
            throw ExitCode(outcome.status)
        }
    }
}
