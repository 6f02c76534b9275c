import ArgumentParser
import AuditTrail
import Foundation
import WireFormat

/// `testudo broker audit`: the audit log, and its own proof.
struct BrokerAudit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "The key broker's audit log: its lines, and whether its files are whole.",
        subcommands: [AuditList.self, AuditVerify.self], defaultSubcommand: AuditList.self)
}

/// `testudo broker audit list`, which is `testudo audit`.
struct AuditList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Show the key broker's decisions and their reasons.")

    @OptionGroup var common: BrokerOptions
    @OptionGroup var selection: AuditSelection

    func run() async throws { try await Audit.show(selection, common) }
}

/// `testudo broker audit verify`: whether a line was removed, changed, added or reordered.
struct AuditVerify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Check the chain of the audit log's files against the last line that the broker's store knows.")

    @OptionGroup var common: BrokerOptions
    @Argument(help: "The files, the oldest first; those of the local broker when none is named.") var files: [String] =
        []
    @Option(help: "A line that was noted elsewhere, NUMBER:HASH; may be given several times.") var head: [String] = []
    @Flag(help: "Do not ask the broker for the last line that its store knows.") var offline = false
    @Option(help: "The replica whose log it is.") var replica = "single"

    func run() async throws {
        var heads: [AuditHead] = []
        for text in head {
            guard let known = AuditHead(text) else {
                throw CommandFailure(
                    "--head takes NUMBER:HASH, not \(ShownText.line(text))",
                    hint: "`testudo broker audit verify` prints it as `the last is …`", status: 2)
            }
            heads.append(known)
        }
        if !offline {
            let known = try await common.admin().json("GET", "/kbs/v0/testudo/audit/head")
            guard let text = known[replica]?.stringValue, let noted = AuditHead(text) else {
                throw CommandFailure(
                    "the key broker's store knows no line of replica \(ShownText.line(replica))",
                    hint: "name another one with --replica, or check the chain alone with --offline")
            }
            heads.append(noted)
            // Lines that were noted once and that the broker itself has missed since.
            for (name, value) in known.objectValue ?? [:] where name.hasPrefix("\(replica)#") {
                if let missing = value.stringValue.flatMap({ AuditHead($0) }) { heads.append(missing) }
            }
        }
        if files.isEmpty, common.access.access().url != nil {
            throw CommandFailure(
                "the log of a broker that is named lies on its machine, in its configuration's auditLog",
                hint: "name its files, the oldest first", status: 2)
        }
        // The head was noted before the files are read, so that they hold it already.
        let paths = files.isEmpty ? try Self.files("\(common.folder.broker)/audit.jsonl") : files
        let check = try Self.check(paths, heads: heads)
        common.show(Self.json(check, paths), text: Self.text(check, paths))
        guard check.breaks.isEmpty else { throw ExitCode(1) }
    }

    /// The full files by their numbers, then the one that is written.
    static func files(_ path: String) throws -> [String] {
        let folder = (path as NSString).deletingLastPathComponent
        let name = (path as NSString).lastPathComponent + "."
        let numbers = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasPrefix(name) }
            .compactMap { Int($0.dropFirst(name.count)) }
        return numbers.sorted().map { "\(path).\($0)" } + [path]
    }

    /// Reads files in their order.
    static func check(_ paths: [String], heads: [AuditHead]) throws -> AuditCheck {
        var check = AuditCheck(heads: heads)
        for path in paths {
            let text = try bytes(path)
            try requireLog(text, path)
            check.read(text: text)
        }
        check.finish()
        return check
    }

    private static let place =
        "the log is what `auditLog` of the broker's configuration names (audit.jsonl of its folder)"

    private static func bytes(_ path: String) throws -> [UInt8] {
        if let data = FileManager.default.contents(atPath: path) { return [UInt8](data) }
        let isThere = FileManager.default.fileExists(atPath: path)
        throw CommandFailure(
            isThere ? "\(path) cannot be read" : "\(path): no such file",
            hint: isThere ? "the log is readable by the broker's account only" : place, status: 2)
    }

    /// Refuses a file of which no line is one of a log, not even one that was cut short or changed.
    private static func requireLog(_ text: [UInt8], _ path: String) throws {
        var alone = AuditCheck()
        alone.read(text: text)
        let begins = text.split(separator: UInt8(ascii: "\n")).contains { $0.starts(with: Array("{\"".utf8)) }
        guard alone.lines == 0 || alone.last != nil || begins else {
            throw CommandFailure("\(path) is no audit log: no line of it is one of a log", hint: place, status: 2)
        }
    }

    static func json(_ check: AuditCheck, _ paths: [String]) -> JSONValue {
        [
            "whole": .bool(check.breaks.isEmpty), "files": .array(paths.map { .string($0) }),
            "lines": .integer(Int64(check.lines)), "fragments": .integer(Int64(check.fragments)),
            "first": check.first.map { .string($0.text) } ?? .null,
            "last": check.last.map { .string($0.text) } ?? .null,
            "breaks": .array(
                check.breaks.map { ["line": .integer(Int64($0.place)), "reason": .string($0.reason)] }),
        ]
    }

    static func text(_ check: AuditCheck, _ paths: [String]) -> String {
        var lines = check.breaks.map { "line \($0.place): \($0.reason)" }
        let count = "\(check.lines) lines in \(paths.count) files"
        lines.append(
            check.breaks.isEmpty ? "whole: \(count), the last is \(check.last?.text ?? "none")" : "broken: \(count)")
        if check.fragments > 0 { lines.append("\(check.fragments) lines were cut short by a crash") }
        return lines.joined(separator: "\n")
    }
}
