import Foundation

/// Runs a program to its end, for tests that check against the tools everybody uses.
///
/// - Returns: What it wrote to standard output.
/// - Throws: ``ProgramFailure`` with what it complained about.
@discardableResult
public func run(
    _ program: String, _ arguments: [String], input: [UInt8] = [], environment: [String: String] = [:]
) throws -> [UInt8] {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [program] + arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    let (stdin, stdout, stderr) = (Pipe(), Pipe(), Pipe())
    process.standardInput = stdin
    process.standardOutput = stdout
    process.standardError = stderr
    try process.run()
    try stdin.fileHandleForWriting.write(contentsOf: Data(input))
    try stdin.fileHandleForWriting.close()
    let output = try stdout.fileHandleForReading.readToEnd() ?? Data()
    let complaint = try stderr.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
        throw ProgramFailure(program: program, complaint: String(decoding: complaint, as: UTF8.self))
    }
    return [UInt8](output)
}

/// A program that failed.
public struct ProgramFailure: Error {
    /// Its name.
    public let program: String
    /// What it wrote to standard error.
    public let complaint: String
}

/// Whether programs are here; tests that need them say `.enabled(if: areInstalled("gpg"))`, so that their absence shows.
public func areInstalled(_ programs: String...) -> Bool {
    programs.allSatisfy { FileManager.default.isExecutableFile(atPath: "/usr/bin/\($0)") }
}
