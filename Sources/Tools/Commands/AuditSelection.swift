import ArgumentParser
import Foundation
import Verifier
import WireFormat

/// Which lines of the audit log are shown.
struct AuditSelection: ParsableArguments {
    @Option(help: "Show at most this many of the newest lines.") var last = 20
    @Option(
        help: ArgumentHelp(
            "Show what happened since then: a time such as 2027-01-31T00:00:00Z, or 30m, 2h, 7d ago.",
            valueName: "time")) var since: String?
    @Flag(help: "Show refusals.") var denied = false
    @Option(help: "Show what this check decided, for example manifest-unregistered.") var check: String?
    @Option(help: ArgumentHelp("Show what is about this Service.", valueName: "[namespace/]name")) var service: String?
    @Option(
        help: ArgumentHelp(
            "Show guests whose manifest's digest begins so, as the column `who` has it.", valueName: "digits"))
    var manifest: String?
    @Option(
        help: ArgumentHelp(
            "Show what is about secrets whose names begin so (default/env), about keys (kms/default) or names of certificates.",
            valueName: "prefix")) var resource: String?

    func validate() throws {
        guard last > 0 else { throw ValidationError("--last takes a number of lines from 1") }
        if let since, Self.seconds(since, now: 0) == nil {
            throw ValidationError(
                "--since \(ShownText.line(since)): not a time such as 2027-01-31T00:00:00Z, nor 30m, 2h or 7d")
        }
    }

    /// Whether the broker has to send more than it shows.
    var isNarrow: Bool { denied || check != nil || service != nil || manifest != nil || resource != nil }

    /// The call's parameters.
    func query(now: Int64 = ReferenceValueFile.now) -> String {
        var parts: [String] = []
        if let start = since.flatMap({ Self.seconds($0, now: now) }) { parts.append("since=\(start)") }
        if !isNarrow { parts.append("last=\(last)") }
        return parts.isEmpty ? "" : "?" + parts.joined(separator: "&")
    }

    /// The newest of the lines that are wanted.
    func select(_ lines: [JSONValue]) -> [JSONValue] { Array(lines.filter(isWanted).suffix(last)) }

    private func isWanted(_ line: JSONValue) -> Bool {
        func text(_ member: String) -> String { line[member]?.stringValue ?? "" }
        if denied, text("decision") != "deny" { return false }
        if let check, text("check") != check { return false }
        if let service, !Self.isMeant(text("service"), by: service) { return false }
        if let manifest {
            let digits = manifest.hasPrefix("sha256:") ? String(manifest.dropFirst(7)) : manifest
            guard Audit.manifest(line).hasPrefix(digits.lowercased()) else { return false }
        }
        if let resource, !Self.names(text("resource")).contains(where: { $0.hasPrefix(Self.plain(resource)) }) {
            return false
        }
        return true
    }

    /// Whether `given`, with or without its namespace, is a Service. Whoever registers a manifest chooses the name in it, slashes too.
    private static func isMeant(_ service: String, by given: String) -> Bool {
        if given.contains("/") { return service == given }
        return service.firstIndex(of: "/").map { service[service.index(after: $0)...] == given } ?? false
    }

    /// What a line's `resource` names: itself and, for an administrator's call, what its path leads to.
    private static func names(_ resource: String) -> [String] {
        let words = resource.split(separator: " ").map(String.init)
        guard words.count == 2 else { return words }
        let folders = ["resource/", "testudo/resources/", "testudo/keys/", "testudo/"]
        return words + folders.filter { words[1].hasPrefix($0) }.map { String(words[1].dropFirst($0.count)) }
    }

    private static func plain(_ prefix: String) -> String {
        for (scheme, folder) in [("kbs:///", ""), ("kbs+kms:///", "kms/")] where prefix.hasPrefix(scheme) {
            return folder + prefix.dropFirst(scheme.count)
        }
        return prefix
    }

    /// A time, seconds since 1970, or how long ago.
    static func seconds(_ text: String, now: Int64) -> Int64? {
        if let seconds = ReferenceTime.seconds(parsing: text) ?? Int64(text) { return seconds < 0 ? nil : seconds }
        let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
        guard let unit = text.last.flatMap({ units[$0] }), let count = Int64(text.dropLast()),
            (0...1_000_000_000).contains(count)
        else { return nil }
        return max(0, now - count * unit)
    }
}
