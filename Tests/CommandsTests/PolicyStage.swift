import Foundation
import TestSupport

@testable import Commands

/// Policy files in a folder of their own, and the commands run on them.
struct PolicyStage {
    let folder: ScratchFolder

    init(_ files: [String: String]) throws {
        folder = try ScratchFolder()
        for (name, text) in files {
            let path = path(name)
            try FileManager.default.createDirectory(
                atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
            try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        }
    }

    func path(_ name: String) -> String { "\(folder.path)/\(name)" }

    /// Arguments that begin with `@` name files of the stage.
    private func arguments(_ words: [String]) -> [String] {
        words.map { $0.hasPrefix("@") ? path(String($0.dropFirst())) : $0 }
    }

    /// What a command says, without the stage's folder in it.
    private func shown(_ report: PolicyReport) -> PolicyReport {
        var report = report
        report.output = report.output.replacingOccurrences(of: "\(folder.path)/", with: "")
        report.complaint = report.complaint.replacingOccurrences(of: "\(folder.path)/", with: "")
        return report
    }

    func eval(_ words: String...) throws -> PolicyReport { try eval(words) }

    func eval(_ words: [String]) throws -> PolicyReport {
        shown(try PolicyEvalCommand.parse(arguments(words)).report())
    }

    func check(_ words: String...) throws -> PolicyReport {
        shown(try PolicyCheckCommand.parse(arguments(words)).report())
    }

    func test(_ words: String...) throws -> PolicyReport {
        shown(try PolicyTestCommand.parse(arguments(words)).report())
    }

    func explain(_ words: [String]) throws -> PolicyReport {
        shown(try PolicyExplainCommand.parse(arguments(words)).report())
    }

    func bench(_ words: String...) throws -> PolicyReport {
        shown(try PolicyBenchCommand.parse(arguments(words)).report())
    }
}
