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
        var retired: [JSONValue] = []
        let admin = try BrokerAdmin(state: common.folder, settings: settings)
        let registered = try await admin.json("GET", "/kbs/v0/testudo/manifests")
        for entry in registered.arrayValue ?? registered["manifests"]?.arrayValue ?? [] {
            guard entry["name"]?.stringValue == name, entry["namespace"]?.stringValue == namespace,
                let digest = entry["digest"]?.stringValue, entry["state"]?.stringValue != "retired"
            else { continue }
            try await admin.call("DELETE", "/kbs/v0/testudo/manifests/\(digest)")
            retired.append(.string(digest))
        }
        // Last: a node that refuses must not keep the keys of what was to go.
        _ = try await client.call("DELETE", NodeClient.servicePath(namespace, name))
        common.show(
            .object(["deleted": .string(name), "retired": .array(retired)]),
            text: "deleted \(name); \(retired.count) manifest(s) retired")
    }
}

/// Columns of text, aligned.
enum TextTable {
    static func render(_ rows: [[String]]) -> String {
        let columns = rows.map(\.count).max() ?? 0
        let widths = (0..<columns).map { column in rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0 }
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
}
