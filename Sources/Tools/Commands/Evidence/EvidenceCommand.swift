import ArgumentParser

/// `testudo evidence`: what evidence says and whether it is to be believed.
struct EvidenceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evidence", abstract: "Inspect and verify attestation evidence.",
        discussion: "Nothing is sent anywhere: evidence and endorsements are read from files and judged here.",
        subcommands: [
            EvidenceInspectCommand.self, EvidenceVerifyCommand.self, EvidenceVerifyCasesCommand.self,
            EvidenceMeasureCommand.self,
        ])
}
