import ArgumentParser
import Crypto
import Envelope
import Foundation
import Unsealing
import WireFormat

/// `testudo logs`: what a Service printed, sealed in the guest and opened here.
struct LogsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs", abstract: "Open the sealed logs of a Service; gaps are reported.")

    @OptionGroup var common: CommonOptions
    @Argument(help: "The Service.") var name: String
    @Option(name: .shortAndLong, help: "The namespace.") var namespace = "default"

    func run() async throws {
        let client = try NodeClient(state: common.folder, settings: try Settings(reading: common.folder))
        _ = try await client.call("GET", NodeClient.servicePath(namespace, name))
        let answer = try await client.call("GET", "/apis/testudo.dev/v1/logs/\(namespace)/\(name)")
        let key = try P256.KeyAgreement.PrivateKey(
            pemRepresentation: try StateFolder.text(common.folder.logKey, hint: "logs are opened where the log key is"))
        var log = VouchedLog(privateKey: key, vouchers: try await vouchers())
        var lines: [JSONValue] = []
        for item in answer["items"]?.arrayValue ?? [] {
            let record = try Base64.decode(item["record"]?.stringValue ?? "", field: "record")
            lines += Self.lines(record, shownAs: item["instance"]?.stringValue ?? "", in: &log)
        }
        common.show(.array(lines), text: lines.map(Self.text).joined(separator: "\n"))
    }

    /// Whom the tenant's broker vouches for: without it nothing that the node shows is verified.
    private func vouchers() async throws -> [LogVoucher] {
        let admin = try BrokerAdmin(state: common.folder, settings: try Settings(reading: common.folder))
        let answer = try await admin.json("GET", "/kbs/v0/testudo/log-keys?service=\(namespace)/\(name)")
        return try (answer.arrayValue ?? []).map { try LogVoucher(parsing: $0) }
    }

    /// The lines of one record. What no attested guest wrote is shown as what it is.
    static func lines(_ record: [UInt8], shownAs label: String, in log: inout VouchedLog) -> [JSONValue] {
        do throws(EnvelopeError) {
            switch try log.read(record, shownAs: label) {
            case .verified(let opened, let instance): return lines(opened, instance: instance, verified: true)
            case .unverified(let opened): return lines(opened, instance: label, verified: false)
            case .plain(let bytes): return [plain(bytes, label)]
            }
        } catch {
            return [
                .object([
                    "instance": .string(label), "verified": false, "refused": .string("\(error)"),
                ])
            ]
        }
    }

    private static func lines(_ opened: OpenedRecord, instance: String, verified: Bool) -> [JSONValue] {
        let marks: [String: JSONValue] = ["instance": .string(instance), "verified": .bool(verified)]
        var lines: [JSONValue] = []
        if opened.missing > 0 {
            lines.append(.object(marks.merging(["missing": .integer(Int64(clamping: opened.missing))]) { $1 }))
        }
        if case .object(let fields)? = try? JSONValue.parse(opened.bytes) {
            // The marks are this program's: a record cannot speak of itself.
            lines.append(.object(fields.merging(marks) { $1 }))
        } else {
            lines.append(.object((plain(opened.bytes, instance).objectValue ?? [:]).merging(marks) { $1 }))
        }
        return lines
    }

    private static func plain(_ bytes: [UInt8], _ instance: String) -> JSONValue {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            return .object([
                "instance": .string(instance), "verified": false, "unreadable": .integer(Int64(bytes.count)),
            ])
        }
        return .object([
            "instance": .string(instance), "verified": false, "stream": "plain", "text": .string(text),
        ])
    }

    static func text(_ line: JSONValue) -> String {
        let label = (line["instance"]?.stringValue ?? "").unicodeScalars.prefix(8)
        let name = ShownText.line(String(String.UnicodeScalarView(label)))
        if let reason = line["refused"]?.stringValue {
            return "\(name) -- REFUSED, from the node: \(ShownText.line(reason)) --"
        }
        let instance = line["verified"]?.boolValue == true ? name : "\(name) [unverified, from the node]"
        if let missing = line["missing"]?.integerValue { return "\(instance) -- \(missing) record(s) missing --" }
        if let bytes = line["unreadable"]?.integerValue {
            return "\(instance) -- \(bytes) bytes not sealed to this key --"
        }
        if line["closed"]?.boolValue == true { return "\(instance) -- end of log --" }
        let milliseconds = line["ms"]?.integerValue.map { "\($0) ms " } ?? ""
        let (stream, text) = (line["stream"]?.stringValue ?? "", line["text"]?.stringValue ?? "")
        return "\(instance) \(milliseconds)\(ShownText.line(stream)): \(ShownText.line(text))"
    }
}
