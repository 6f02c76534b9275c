import ArgumentParser
import Foundation
import WireFormat

/// `testudo get`: Services with their state.
struct GetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "get", abstract: "List Services, or show one.")

    @OptionGroup var common: CommonOptions
    @Argument(help: "The Service; all of the namespace when absent.") var name: String?
    @Option(name: .shortAndLong, help: "The namespace.") var namespace = "default"

    func run() async throws {
        let client = try NodeClient(state: common.folder, settings: try Settings(reading: common.folder))
        let answer = try await client.call("GET", NodeClient.servicePath(namespace, name))
        let services = answer["items"]?.arrayValue ?? [answer]
        common.show(answer, text: Self.table(services))
    }

    static func table(_ services: [JSONValue]) -> String {
        guard !services.isEmpty else { return "no Services" }
        var rows = [["NAME", "URL", "CLASS", "READY", "REASON"]]
        for service in services {
            let ready = condition("Ready", of: service)
            let template = service["spec"]?["template"]?["spec"]
            rows.append([
                service["metadata"]?["name"]?.stringValue ?? "?",
                service["status"]?["url"]?.stringValue ?? "-",
                template?["runtimeClassName"]?.stringValue ?? "testudo-cvm",
                ready?["status"]?.stringValue ?? "Unknown",
                [ready?["reason"]?.stringValue, ready?["message"]?.stringValue].compactMap { $0 }
                    .filter { !$0.isEmpty }.joined(separator: ": "),
            ])
        }
        return TextTable.render(rows)
    }

    static func condition(_ type: String, of service: JSONValue) -> JSONValue? {
        service["status"]?["conditions"]?.arrayValue?.first { $0["type"]?.stringValue == type }
    }
}

/// `testudo delete`: a Service, its instances and its registration.
struct DeleteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete", abstract: "Delete a Service, stop its instances and retire its manifest.")

    @OptionGroup var common: CommonOptions
    @Argument(help: "The Service.") var name: String
    @Option(name: .shortAndLong, help: "The namespace.") var namespace = "default"

    func run() async throws {
        let settings = try Settings(reading: common.folder)
        let client = try NodeClient(state: common.folder, settings: settings)
        let retired = try await BrokerAdmin(state: common.folder, settings: settings).retireManifests(
            name: name, namespace: namespace)
        // Last: a node that refuses must not keep the keys of what was to go.
        _ = try await client.call("DELETE", NodeClient.servicePath(namespace, name))
        common.show(
            .object(["deleted": .string(name), "retired": .array(retired.map { .string($0) })]),
            text: "deleted \(name); \(retired.count) manifest(s) retired")
    }
}

/// Columns of text, aligned.
enum TextTable {
    /// Lines up `rows`, each cell inert; with a `width`, the last column is broken at words so that lines stay within it.
    static func render(_ rows: [[String]], width: Int? = nil) -> String {
        let rows = rows.map { $0.map { ShownText.line($0) } }
        let columns = rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0 }
        if let width, columns > 1 {
            let start = widths.dropLast().reduce(0) { $0 + $1 + 2 }
            return render(
                rows.flatMap { row -> [[String]] in
                    guard row.count == columns, let text = row.last else { return [row] }
                    let parts = broken(text, width: max(width - start, 24))
                    return parts.enumerated().map { index, part in
                        (index == 0 ? Array(row.dropLast()) : Array(repeating: "", count: columns - 1)) + [part]
                    }
                })
        }
        return rows.map { row in
            var line = ""
            for (column, cell) in row.enumerated() {
                line += cell
                if column < row.count - 1 { line += String(repeating: " ", count: widths[column] - cell.count + 2) }
            }
            while line.last == " " { line.removeLast() }
            return line
        }.joined(separator: "\n")
    }

    /// `text` in lines of at most `width` characters; a longer word stays whole.
    private static func broken(_ text: String, width: Int) -> [String] {
        var lines: [String] = []
        var line = ""
        for word in text.split(separator: " ") {
            if !line.isEmpty, line.count + 1 + word.count > width {
                lines.append(line)
                line = ""
            }
            line += line.isEmpty ? String(word) : " \(word)"
        }
        return lines + [line]
    }

    /// A long digest by its beginning and its end, for eyes that compare; whoever needs the whole asks for it.
    static func short(_ text: String) -> String {
        text.count > 28 && !text.contains(" ") ? "\(text.prefix(16))..\(text.suffix(8))" : text
    }

    /// How wide lines for people may be: the shell's `COLUMNS`, or 100.
    static var lineWidth: Int {
        ProcessInfo.processInfo.environment["COLUMNS"].flatMap { Int($0) }.map { max($0, 40) } ?? 100
    }
}
