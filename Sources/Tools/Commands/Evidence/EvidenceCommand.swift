import ArgumentParser

/// `testudo evidence`: what evidence says and whether it is to be believed.
struct EvidenceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evidence", abstract: "Inspect and verify attestation evidence.",
        discussion: """
            Evidence is judged here. `verify` asks AMD's and Intel's services for what they publish about its processor, which \
            tells them the chip or the family; with --offline nothing is sent anywhere.
            """,
        subcommands: [
            EvidenceInspectCommand.self, EvidenceVerifyCommand.self, EvidenceVerifyCasesCommand.self,
            EvidenceMeasureCommand.self,
        ])
}
