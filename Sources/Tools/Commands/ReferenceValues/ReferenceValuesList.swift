import ArgumentParser
import Foundation
import Verifier
import WireFormat

/// `testudo reference-values list`: what is known, since when, until when and from whom.
struct ReferenceValuesList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the reference values with their state, end and origin.")

    @OptionGroup var place: ReferenceValuePlace

    func run() async throws {
        let entries = try await self.entries(now: ReferenceValueFile.now)
        place.common.show(.array(entries), text: ReferenceValueText.table(entries))
    }

    func entries(now: Int64) async throws -> [JSONValue] {
        guard let file = place.file else {
            return try await place.admin().json("GET", "/kbs/v0/reference-value").arrayValue ?? []
        }
        return try ReferenceValueFile(path: file).load(mustExist: true).all.map { entry in
            var members = entry.json.objectValue ?? [:]
            members["state"] = .string(entry.standing(at: now).reason ?? "valid")
            return .object(members)
        }
    }
}

/// `testudo reference-values remove`: forgets names, or a release of the guest.
struct ReferenceValuesRemove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "Forget reference values by name, or a version of the guest.",
        discussion: "An older issue of a removed document stays refused.")

    @OptionGroup var place: ReferenceValuePlace
    @Option(help: ArgumentHelp("Forget what this version of the guest published.", valueName: "version"))
    var guest: String?
    @Argument(help: "The names.") var names: [String] = []

    func validate() throws {
        if names.isEmpty, guest == nil { throw ValidationError("Give names, or --guest.") }
    }

    func run() async throws {
        if let file = place.file {
            try remove(from: ReferenceValueFile(path: file))
        } else {
            let admin = try place.admin()
            for name in names {
                try await admin.call("DELETE", "/kbs/v0/reference-value/\(Self.escaped(name, keeping: "/"))")
            }
            if let guest {
                try await admin.call("DELETE", "/kbs/v0/testudo/reference-values/\(Self.escaped(guest))")
            }
        }
        let all = names + (guest.map { ["guest \($0)"] } ?? [])
        place.common.show(
            .object(["removed": .array(all.map { .string($0) })]),
            text: all.map { "removed \($0)" }.joined(separator: "\n"))
    }

    private func remove(from file: ReferenceValueFile) throws {
        var store = try file.load(mustExist: true)
        for name in names where !store.remove(name) { throw CommandFailure("\(name): has no value") }
        if let guest {
            let source = ReferenceReader.source(ofGuest: guest)
            let signers = Set(store.all.filter { $0.provenance.source == source }.map(\.provenance.signer))
            guard !signers.isEmpty else { throw CommandFailure("version \(guest) of the guest has no values") }
            for signer in signers { _ = store.remove(source: source, signer: signer) }
        }
        try file.save(store)
    }

    /// What a path of a request cannot hold, percent-encoded.
    private static func escaped(_ text: String, keeping kept: String = "") -> String {
        var allowed = CharacterSet(charactersIn: "-._~" + kept)
        allowed.formUnion(CharacterSet(charactersIn: UnicodeScalar("a")...UnicodeScalar("z")))
        allowed.formUnion(CharacterSet(charactersIn: UnicodeScalar("A")...UnicodeScalar("Z")))
        allowed.formUnion(CharacterSet(charactersIn: UnicodeScalar("0")...UnicodeScalar("9")))
        return text.addingPercentEncoding(withAllowedCharacters: allowed) ?? text
    }
}
