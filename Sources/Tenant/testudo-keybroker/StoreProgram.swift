import ArgumentParser
import KeyBroker
import RootKeys

/// `testudo-keybroker store`: what an operator does with the store, beside a running broker or without one.
struct StoreProgram: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "store", abstract: "Check, back up, restore the broker's store, and exchange its keys.",
        subcommands: [
            Verify.self, Backup.self, Restore.self, RotateData.self, RotateRoot.self, Reseal.self,
        ])

    struct Configuration: ParsableArguments {
        @Option(help: "The configuration file.") var config: String

        func store() throws -> StoreUpkeep { StoreUpkeep(try BrokerConfiguration(file: config)) }
    }

    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Open everything that is stored, and hold it against the head.")

        @OptionGroup var place: Configuration

        func run() async throws { try await report { try await place.store().verify() } }
    }

    struct Backup: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write all of the store, sealed, into a new file. The root key opens it and is not in it.")

        @OptionGroup var place: Configuration
        @Argument(help: "The file; one that exists is not replaced.") var file: String

        func run() async throws { try await report { try await place.store().backup(to: file) } }
    }

    struct Restore: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write a backup into an empty database. Then start the broker once with --accept-rollback.")

        @OptionGroup var place: Configuration
        @Argument(help: "The backup.") var file: String

        func run() async throws { try await report { try await place.store().restore(from: file) } }
    }

    struct RotateData: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "rotate-data",
            abstract: "Seal everything under a new data key and forget the old one; brokers go on meanwhile.")

        @OptionGroup var place: Configuration

        func run() async throws { try await report { try await place.store().rotateDataKey() } }
    }

    struct RotateRoot: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "rotate-root",
            abstract: "Exchange the root key for the one of another configuration; brokers go on meanwhile.")

        @OptionGroup var place: Configuration
        @Option(help: "A configuration whose rootKey is the new one. Brokers need it when they start again.")
        var to: String

        func run() async throws {
            try await report { try await place.store().rotateRootKey(to: try BrokerConfiguration(file: to)) }
        }
    }

    struct Reseal: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Seal the root key in a TPM anew, after an update changed the registers that it is sealed to.",
            discussion: """
                Needs the recovery file of `init --root-key tpm --recovery FILE`, which is kept off the machine: bring it, seal, \
                and take it away again. It moves the key to another TPM too.
                """)

        @OptionGroup var place: Configuration
        @Option(help: "The recovery file, 64 hexadecimal digits.") var recovery: String
        @Option(help: "Other registers than before, for example sha256:0,2,4,7.") var pcrs: String?

        func run() async throws {
            try await report {
                let selection = try pcrs.map { text throws(BrokerError) in try PCRSelection(option: text) }
                return try await place.store().reseal(recovery: recovery, pcrs: selection)
            }
        }
    }
}

extension PCRSelection {
    /// Reads the option `--pcrs`.
    init(option text: String) throws(BrokerError) {
        do {
            self = try PCRSelection(text)
        } catch {
            throw BrokerError(.failed, check: "init", "--pcrs: \(error.reason)")
        }
    }
}

/// Prints what was done, or says what is wrong and ends with status 1.
private func report(_ body: () async throws -> String) async throws {
    do {
        print(try await body())
    } catch let error as BrokerError {
        throw error.asExit
    }
}
