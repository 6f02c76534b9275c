import ArgumentParser
import Foundation
import Rego

/// What a command has to say, and the status with which it ends.
struct PolicyReport: Equatable {
    /// For standard output.
    var output = ""
    /// For standard error.
    var complaint = ""
    var status: Int32 = 0

    /// The report that `work` gives, or one about the errors of policy, data or query: as JSON on standard output, or as
    /// text on standard error.
    static func of(json: Bool, errorStatus: Int32 = 2, _ work: () throws -> PolicyReport) throws -> PolicyReport {
        do {
            return try work()
        } catch {
            let errors: [RegoError]
            var status = errorStatus
            switch error {
            case let found as RegoErrors: errors = found.errors
            case let found as RegoError: errors = [found]
            // As `opa` does: no code, no place.
            case let found as PolicyFileError: (errors, status) = ([RegoError("", found.description)], 2)
            default: throw error
            }
            var report = PolicyReport(status: status)
            if json { report.output = PolicyOutput.errors(errors).prettyText }
            if !json { report.complaint = PolicyOutput.text(errors) }
            return report
        }
    }

    /// Prints it and ends the command.
    func finish() throws {
        if !output.isEmpty { print(output) }
        if !complaint.isEmpty { FileHandle.standardError.write(Data("\(complaint)\n".utf8)) }
        if status != 0 { throw ExitCode(status) }
    }
}
