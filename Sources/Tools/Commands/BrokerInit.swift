import ArgumentParser

/// `testudo broker init`: a new broker's folder, with its first administrator.
struct BrokerInit: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Make a broker's keys, certificate and configuration; what exists is never replaced.",
        discussion: "Takes the options of `testudo-keybroker init`, for example --dir, --root-key, --counter.")

    @Argument(parsing: .captureForPassthrough, help: "Options of `testudo-keybroker init`.") var options: [String] = []

    func run() throws {
        let said = try ChildProcess.require(try Installation.program("testudo-keybroker"), ["init"] + options)
        print(said, terminator: "")
    }
}
