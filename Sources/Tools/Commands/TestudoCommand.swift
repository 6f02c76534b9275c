import ArgumentParser
import WireFormat

/// The command line for tenants and operators.
public struct TestudoCommand: AsyncParsableCommand {
    /// The commands, in the order in which they are used.
    public static let configuration = CommandConfiguration(
        commandName: "testudo",
        abstract: "Serverless functions and containers on machines whose owner is not trusted.",
        version: TestudoVersion.text,
        subcommands: [
            UpCommand.self, DownCommand.self, StatusCommand.self, GuestCommand.self, ImageCommand.self, KeyCommand.self,
            ManifestCommand.self, ApplyCommand.self, GetCommand.self, DeleteCommand.self, InvokeCommand.self,
            AttestCommand.self, LogsCommand.self, AuditCommand.self, PolicyCommand.self, EvidenceCommand.self,
            ReferenceValuesCommand.self, BrokerCommand.self, SecretCommand.self, KeyProviderCommand.self,
            DemoCommand.self,
        ])

    /// Creates the command.
    public init() {}
}
