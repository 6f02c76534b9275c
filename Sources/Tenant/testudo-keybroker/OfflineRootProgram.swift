import ArgumentParser
import KeyBroker

/// `testudo-keybroker root`: for a machine without a network.
struct OfflineRootProgram: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "root", abstract: "Make a root for issuing authorities, and sign their requests; needs no broker.",
        subcommands: [Create.self, Sign.self])

    struct Create: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Make a root: root.pem, and root.key with mode 0600.")

        @Option(help: "The folder; made with mode 0700.") var dir: String
        @Option(help: "The root's name in its certificate.") var name: String
        @Option(help: "Years for which it is good, at most 20.") var years: Int64 = 20

        func run() throws {
            do {
                try OfflineRoot.create(folder: dir, name: name, years: years)
            } catch {
                throw error.asExit
            }
        }
    }

    struct Sign: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Sign the request of `testudo broker ca request`, and print the certificate.")

        @Option(help: "The folder with root.pem and root.key.") var dir: String
        @Option(help: "The request (PEM).") var request: String
        @Option(help: "A DNS name that may be certified with all below it, whatever the request says; may be repeated.")
        var suffix: [String]
        @Option(help: "Days for which it is good, at most 730.") var days: Int64 = 90

        func run() throws {
            do {
                let root = try OfflineRoot(folder: dir)
                print(try root.sign(requestFile: request, suffixes: suffix, days: days), terminator: "")
            } catch {
                throw error.asExit
            }
        }
    }
}
