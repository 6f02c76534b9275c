import ArgumentParser

/// `testudo policy`: write, check, test and explain the Rego policies that decide who gets a key.
struct PolicyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policy", abstract: "Check, evaluate, test and explain Rego policies.",
        discussion: "Nothing is sent anywhere: policies, data and input are read from files and evaluated here.",
        subcommands: [
            PolicyCheckCommand.self, PolicyEvalCommand.self, PolicyTestCommand.self, PolicyExplainCommand.self,
            PolicyBenchCommand.self,
        ])
}
