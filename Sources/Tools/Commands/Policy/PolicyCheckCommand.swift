import ArgumentParser
import Foundation
import Rego

/// `testudo policy check`: parses and compiles; says nothing when all is well.
struct PolicyCheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Parse and compile policies; exit 1 and say where when something is wrong.")

    @OptionGroup var language: PolicyLanguageOptions
    @Flag(help: "Print the errors as JSON.") var json = false
    @Argument(help: ArgumentHelp("Policies, data files and folders of them.", valueName: "file"))
    var files: [String]

    func run() throws { try report().finish() }

    func report() throws -> PolicyReport {
        try PolicyReport.of(json: json, errorStatus: 1) {
            let loaded = try PolicyFiles(reading: files)
            guard !loaded.modules.isEmpty else {
                throw PolicyFileError("no .rego file in \(files.joined(separator: ", "))")
            }
            _ = try Policy.compile(modules: loaded.modules, options: try language.compileOptions())
            return PolicyReport(output: json ? PolicyOutput.errors([]).prettyText : "")
        }
    }
}
