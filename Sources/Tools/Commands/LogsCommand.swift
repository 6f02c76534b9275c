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
        var openings: [String: LogOpening] = [:]
        var lines: [JSONValue] = []
        for item in answer["items"]?.arrayValue ?? [] {
            let instance = item["instance"]?.stringValue ?? ""
            let record = try Base64.decode(item["record"]?.stringValue ?? "", field: "record")
            var opening = openings[instance] ?? LogOpening(privateKey: key)
            lines += Self.lines(record, instance: instance, opening: &opening)
            openings[instance] = opening
        }
        common.show(.array(lines), text: lines.map(Self.text).joined(separator: "\n"))
    }

    /// The lines of one record. A record that this key does not open is shown as what it is.
    private static func lines(_ record: [UInt8], instance: String, opening: inout LogOpening) -> [JSONValue] {
        do throws(EnvelopeError) {
            let opened = try opening.open(record)
            var lines: [JSONValue] = []
            if opened.missing > 0 {
                lines.append(
                    .object(["instance": .string(instance), "missing": .integer(Int64(clamping: opened.missing))]))
            }
            if case .object(var fields)? = try? JSONValue.parse(opened.bytes) {
                fields["instance"] = .string(instance)
                lines.append(.object(fields))
            } else {
                lines.append(plain(opened.bytes, instance))
            }
            return lines
        } catch {
            return [plain(record, instance)]
        }
    }

    private static func plain(_ bytes: [UInt8], _ instance: String) -> JSONValue {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            return .object(["instance": .string(instance), "unreadable": .integer(Int64(bytes.count))])
        }
        return .object(["instance": .string(instance), "stream": "plain", "text": .string(text)])
    }

    private static func text(_ line: JSONValue) -> String {
        let instance = line["instance"]?.stringValue?.prefix(8) ?? ""
        if let missing = line["missing"]?.integerValue { return "\(instance) -- \(missing) record(s) missing --" }
        if let bytes = line["unreadable"]?.integerValue {
            return "\(instance) -- \(bytes) bytes not sealed to this key --"
        }
        if line["closed"]?.boolValue == true { return "\(instance) -- end of log --" }
        let milliseconds = line["ms"]?.integerValue.map { "\($0) ms " } ?? ""
        return "\(instance) \(milliseconds)\(line["stream"]?.stringValue ?? ""): \(line["text"]?.stringValue ?? "")"
    }
}
