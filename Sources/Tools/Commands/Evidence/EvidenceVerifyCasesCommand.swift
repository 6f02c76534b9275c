import ArgumentParser
import EvidenceCases
import Foundation
import WireFormat

/// `testudo evidence verify-cases`: a manifest of cases, one result a line.
struct EvidenceVerifyCasesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify-cases",
        abstract: "Verify the cases of a manifest; print one JSON object a line.",
        discussion: """
            Each line has id, verdict (accept, conditional, reject), tcb_status, reason, claims and digest. Of a case only \
            its technology, files and parameters are read, never what it expects.
            """)

    @Option(name: .customLong("case"), help: ArgumentHelp("Only this case; may be given often.", valueName: "id"))
    var cases: [String] = []
    @Argument(help: "The manifest; the paths in it count from its folder.") var manifest: String

    /// The cases that were asked for.
    func read() throws(CommandFailure) -> [EvidenceCase] {
        do { return try EvidenceCase.read(manifest, ids: Set(cases)) } catch {
            throw CommandFailure("\(manifest): \(error)")
        }
    }

    func run() throws {
        let found: [EvidenceCase]
        do throws(CommandFailure) { found = try read() } catch {
            throw CommandFailure(error.what, status: 2)
        }
        let missing = Set(cases).subtracting(found.map(\.id))
        guard missing.isEmpty else {
            throw ValidationError("\(manifest) has no case \(missing.sorted().joined(separator: ", ")).")
        }
        for known in found {
            FileHandle.standardOutput.write(Data("\(ShownText.json(CaseRunner.run(known).json.canonicalText))\n".utf8))
        }
    }
}
