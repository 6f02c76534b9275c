import ArgumentParser

/// `testudo reference-values`: what claims of evidence are compared with.
struct ReferenceValuesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reference-values",
        abstract: "Add, list, remove and import the reference values of the key broker, or of a file.",
        subcommands: [
            ReferenceValuesAdd.self, ReferenceValuesList.self, ReferenceValuesRemove.self, ReferenceValuesImport.self,
        ])
}
