import ArgumentParser
import Foundation
import Verifier
import WireFormat

/// Where reference values are kept: in the key broker, or in a file.
struct ReferenceValuePlace: ParsableArguments {
    @OptionGroup var common: BrokerOptions
    @Option(
        help: ArgumentHelp(
            "Keep the values in this file instead of the key broker, for --reference-values of other commands.",
            valueName: "file"))
    var file: String?

    /// The administration interface of the deployment's broker.
    func admin() throws -> BrokerAdmin {
        try common.admin()
    }
}

/// Until when values hold, and what is said about them.
struct ReferenceValueLife: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "When the values expire: a time such as 2027-01-31T00:00:00Z, a date, or never (default: what a document says, "
                + "or in 12 months).", valueName: "time"))
    var expires: String?
    @Option(help: ArgumentHelp("Where the values come from, in your words.", valueName: "text"))
    var provenance: String?

    func validate() throws { _ = try expiry() }

    func expiry() throws -> ReferenceReader.Expiry {
        guard let expires else { return .usual }
        if expires == "never" { return .never }
        guard let seconds = ReferenceTime.seconds(parsing: expires) else {
            throw ValidationError("--expires \(expires): not a time such as 2027-01-31T00:00:00Z, and not never.")
        }
        return .at(seconds)
    }

    /// The members of a message to the broker that say so.
    func members() throws -> [String: JSONValue] {
        var members: [String: JSONValue] = [:]
        switch try expiry() {
        case .usual: break
        case .never: members["expires"] = "never"
        case .at(let time): members["expires"] = .string(ReferenceTime.text(time))
        }
        if let provenance { members["note"] = .string(provenance) }
        return members
    }
}

/// A file of reference values.
struct ReferenceValueFile {
    let path: String

    /// The seconds since 1970.
    static var now: Int64 { Int64(Date().timeIntervalSince1970) }

    /// What the file holds; a file that is not there yet holds nothing.
    func load(mustExist: Bool = false) throws -> ReferenceValueStore {
        guard FileManager.default.fileExists(atPath: path) else {
            if mustExist { throw CommandFailure("\(path): no such file", status: 2) }
            return ReferenceValueStore()
        }
        let bytes = try PolicyFiles.bytes(at: path)
        guard Self.isStore(bytes) else {
            throw CommandFailure(
                "\(path): is no store of reference values",
                hint: "`testudo reference-values import` takes other documents", status: 2)
        }
        do throws(WireError) {
            return try Self.store(in: bytes)
        } catch {
            throw CommandFailure("\(path): \(error)", status: 2)
        }
    }

    private static let limits = JSONLimits(size: ReferenceValueStore.sizeLimit)

    /// Whether bytes are the document of a store.
    static func isStore(_ bytes: [UInt8]) -> Bool {
        (try? JSONValue.parse(bytes, limits: limits))?["kind"]?.stringValue == ReferenceValueStore.kind
    }

    /// Reads the document of a store.
    static func store(in bytes: [UInt8]) throws(WireError) -> ReferenceValueStore {
        try ReferenceValueStore(json: try JSONValue.parse(bytes, limits: limits))
    }

    /// Replaces the file's content in one step.
    func save(_ store: ReferenceValueStore) throws { try StateFolder.write(store.json.prettyText + "\n", to: path) }
}

/// What the commands say.
enum ReferenceValueText {
    /// The table of values; `state` is what the clock says.
    static func table(_ entries: [JSONValue]) -> String {
        if entries.isEmpty { return "no reference values" }
        let rows = entries.map { entry in
            [
                entry["name"]?.stringValue ?? "", ShownText.cut(entry["value"]?.canonicalText ?? "", bytes: 40),
                entry["state"]?.stringValue ?? "", entry["expires"]?.stringValue ?? "never",
                ShownText.cut(entry["provenance"]?["source"]?.stringValue ?? "", bytes: 32),
                entry["provenance"]?["signer"]?.stringValue.map { String($0.prefix(16)) } ?? "unsigned",
                entry["provenance"]?["note"]?.stringValue ?? "",
            ]
        }
        return TextTable.render([["name", "value", "state", "expires", "source", "signer", "note"]] + rows)
    }

    /// What an import did.
    static func change(_ written: [String], _ removed: [String], unread: Int) -> String {
        var lines =
            written.map { "stored \($0)" } + removed.map { "removed \($0): the newer document does not state it" }
        if unread > 0 {
            lines.append("\(unread) parts of the document were not understood and are no reference values")
        }
        return lines.isEmpty ? "the document states nothing" : lines.joined(separator: "\n")
    }

    static func json(_ change: ReferenceChange, unread: Int) -> JSONValue {
        [
            "written": .array(change.written.sorted().map { .string($0) }),
            "removed": .array(change.removed.sorted().map { .string($0) }), "unread": .integer(Int64(unread)),
        ]
    }
}
