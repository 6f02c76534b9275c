import ArgumentParser
import Foundation
import WireFormat

/// `testudo broker keys`: the named keys of the broker's key management.
struct BrokerKeys: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys",
        abstract: "Make, import, list, rotate, move and destroy keys that attested guests use without having them.",
        discussion: """
            An administrator encrypts and wraps, and never sees what was sealed: to decrypt, unwrap, sign, compute a MAC or derive \
            is for attested guests, by POST /kbs/v0/kms/NAMESPACE/NAME/OPERATION, where their manifest's registration says \
            "keys": ["kms:NAME:OPERATION"] or a policy with a prefix that begins with kms allows it.
            """,
        subcommands: [
            KeysCreate.self, KeysList.self, KeysShow.self, KeysEncrypt.self, KeysWrap.self, KeysRotate.self,
            KeysRewrap.self, KeysDestroy.self,
        ])

    /// What to do about a refusal, by its words.
    static func hint(_ key: String) -> (String) -> String? {
        let namespace = key.split(separator: "/").first ?? ""
        return { detail in
            if detail.contains("is the newest of") {
                return "`testudo broker keys rotate \(key)` first, or say --newest when it is meant"
            }
            if detail.contains("has no version") || detail.contains("was destroyed") {
                return "`testudo broker keys show \(key)` lists its versions"
            }
            if detail.hasPrefix("there is no key") || detail.hasPrefix("there is, or was, a key") {
                return "`testudo broker keys list \(namespace)` shows the keys that are there"
            }
            if detail.contains(" keys already") {
                return "a namespace keeps no more, destroyed ones included: make the key in another namespace"
            }
            if detail.contains("was not made for") || detail.contains("cannot ") {
                return "`testudo broker keys show \(key)` tells what it can"
            }
            return detail.hasPrefix("kind: ") ? "for example --kind aes-256-gcm" : nil
        }
    }

    /// The path of `NAMESPACE/NAME`, and what follows it.
    static func path(_ key: String, _ rest: String = "") throws -> String {
        let segments = key.split(separator: "/", omittingEmptySubsequences: false)
        guard segments.count == 2, segments.allSatisfy({ isSegment($0) }) else {
            throw CommandFailure(
                "\(ShownText.line(key)) is not a key", hint: "use NAMESPACE/NAME, for example default/disk", status: 2)
        }
        return "/kbs/v0/testudo/kms/\(key)\(rest)"
    }

    static func isSegment(_ text: Substring) -> Bool {
        guard let first = text.first, first != "." else { return false }
        return text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_.".contains($0)) }
    }

    /// One line for a key and one for each version.
    static func text(_ key: JSONValue) -> String {
        let operations = (key["operations"]?.arrayValue ?? []).compactMap(\.stringValue).joined(separator: " ")
        var lines = ["\(key["key"]?.stringValue ?? "") \(key["kind"]?.stringValue ?? ""): \(operations)"]
        for version in key["versions"]?.arrayValue ?? [] {
            let number = version["version"]?.integerValue ?? 0
            var line = "  version \(number) \(version["state"]?.stringValue ?? "")"
            if number == key["primary"]?.integerValue { line += ", the newest" }
            for (member, words) in [("activates", "from"), ("notAfter", "not after"), ("overlapEnds", "overlap until")]
            {
                if let seconds = version[member]?.integerValue { line += ", \(words) \(seconds)" }
            }
            lines.append(line)
        }
        return lines.joined(separator: "\n")
    }
}

/// Where the material of a new version comes from.
struct KeyMaterialOptions: ParsableArguments {
    @Option(help: "Import the key in this file (raw bytes).") var raw: String?
    @Option(help: "Import the key in this file (JWK).") var jwk: String?
    @Option(help: "Import the key in this file, as `testudo broker keys` wrapped it.") var wrapped: String?
    @Option(help: "The name of the AES-KW key of the namespace that wrapped it.") var by: String?

    func validate() throws {
        guard [raw, jwk, wrapped].compactMap(\.self).count <= 1, (wrapped == nil) == (by == nil) else {
            throw ValidationError("name one of --raw, --jwk, and --wrapped with --by")
        }
    }

    /// The `material` member; nil when the broker makes the key.
    func material() throws -> JSONValue? {
        if let raw { return ["raw": .string(Base64.encode(try GivenFile.bytes(raw)))] }
        if let jwk { return ["jwk": try GivenFile.json(jwk)] }
        guard let wrapped, let by else { return nil }
        return ["wrapped": .string(Base64.encode(try GivenFile.bytes(wrapped))), "by": .string(by)]
    }
}

struct KeysCreate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create", abstract: "Make or import a key under a name that was never used.")

    @OptionGroup var common: BrokerOptions
    @OptionGroup var material: KeyMaterialOptions
    @Argument(help: "NAMESPACE/NAME.") var key: String
    @Option(
        help: """
            aes-256-gcm, aes-256-kw, ecdsa-p256, ecdsa-p384, ed25519, hmac-sha-256, hmac-sha-384, hkdf-sha-256 or \
            hkdf-sha-384.
            """) var kind: String
    @Option(help: "An operation that is allowed; may be given several times (default: all of the kind).")
    var operation: [String] = []
    @Flag(help: "Let attested guests with a grant for export have the key itself.") var exportable = false
    @Option(help: "Seconds for which an older version goes on after a rotation (default: 30 days).") var overlap: Int64?
    @Option(help: "The second since 1970 after which nothing new is made with it.") var notAfter: Int64?

    func run() async throws {
        let admin = try common.admin()
        let made = try await admin.json("PUT", try BrokerKeys.path(key), try body(), hint: BrokerKeys.hint(key))
        common.show(made, text: BrokerKeys.text(made))
    }

    func body() throws -> JSONValue {
        var members: [String: JSONValue] = ["kind": .string(kind)]
        if !operation.isEmpty { members["operations"] = .array(operation.map { .string($0) }) }
        if exportable { members["exportable"] = true }
        if let overlap { members["overlap"] = .integer(overlap) }
        if let notAfter { members["notAfter"] = .integer(notAfter) }
        if let material = try material.material() { members["material"] = material }
        return .object(members)
    }
}

struct KeysList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List the keys of a namespace.")

    @OptionGroup var common: BrokerOptions
    @Argument(help: "The namespace.") var namespace = "default"

    func run() async throws {
        let admin = try common.admin()
        guard BrokerKeys.isSegment(namespace[...]) else {
            throw CommandFailure(
                "\(ShownText.line(namespace)) is no namespace",
                hint: "use letters, digits, dots, hyphens and underscores, for example default", status: 2)
        }
        let listed = try await admin.json("GET", "/kbs/v0/testudo/kms/\(namespace)")
        let keys = listed.arrayValue ?? []
        common.show(
            listed,
            text: keys.isEmpty
                ? "no keys in namespace \(namespace)" : keys.map(BrokerKeys.text).joined(separator: "\n"))
    }
}

struct KeysShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show a key and its versions, or its public half as a JWK.")

    @OptionGroup var common: BrokerOptions
    @Argument(help: "NAMESPACE/NAME.") var key: String
    @Flag(help: "Print the public half.") var publicKey = false

    func run() async throws {
        let admin = try common.admin()
        if publicKey {
            let shown = try await admin.json(
                "POST", try BrokerKeys.path(key, "/public-key"), .object([:]), hint: BrokerKeys.hint(key))
            common.show(shown, text: (shown["jwk"] ?? .null).prettyText)
        } else {
            let shown = try await admin.json("GET", try BrokerKeys.path(key), hint: BrokerKeys.hint(key))
            common.show(shown, text: BrokerKeys.text(shown))
        }
    }
}

struct KeysRotate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotate", abstract: "Add a version, which becomes the newest; older ones go on for the overlap.")

    @OptionGroup var common: BrokerOptions
    @OptionGroup var material: KeyMaterialOptions
    @Argument(help: "NAMESPACE/NAME.") var key: String
    @Option(help: "Seconds for which older versions go on (default: what the key says).") var overlap: Int64?
    @Option(help: "The second since 1970 in which it comes into use (default: now).") var activates: Int64?
    @Option(help: "The second since 1970 after which nothing new is made with it.") var notAfter: Int64?

    func run() async throws {
        let admin = try common.admin()
        var members: [String: JSONValue] = [:]
        if let overlap { members["overlap"] = .integer(overlap) }
        if let activates { members["activates"] = .integer(activates) }
        if let notAfter { members["notAfter"] = .integer(notAfter) }
        if let material = try material.material() { members["material"] = material }
        let rotated = try await admin.json(
            "POST", try BrokerKeys.path(key, "/rotate"), .object(members), hint: BrokerKeys.hint(key))
        common.show(rotated, text: BrokerKeys.text(rotated))
    }
}

struct KeysRewrap: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rewrap", abstract: "Move a message or wrapped key in a file to the newest version.")

    @OptionGroup var common: BrokerOptions
    @Argument(help: "NAMESPACE/NAME.") var key: String
    @Argument(help: "The file; it is replaced.") var file: String
    @Option(help: "The associated data, as text.") var associated: String?

    func run() async throws {
        let admin = try common.admin()
        let bytes = try GivenFile.bytes(file)
        var members: [String: JSONValue] = ["ciphertext": .string(Base64.encode(bytes))]
        if let associated { members["associated"] = .string(Base64.encode(Array(associated.utf8))) }
        let moved = try await admin.json(
            "POST", try BrokerKeys.path(key, "/rewrap"), .object(members), hint: BrokerKeys.hint(key))
        try StateFolder.write(
            try Base64.decode(moved["ciphertext"]?.stringValue ?? "", field: "ciphertext"), to: file)
        common.show(.object(["rewrapped": .string(file)]), text: "\(file) is now of the newest version of \(key)")
    }
}

struct KeysDestroy: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "destroy", abstract: "Destroy a version for good: what it sealed is lost.")

    @OptionGroup var common: BrokerOptions
    @Argument(help: "NAMESPACE/NAME.") var key: String
    @Option(help: "The version's number.") var version: UInt32
    @Flag(help: "Destroy it even though it is the newest.") var newest = false
    @Flag(name: .shortAndLong, help: "Do not ask whether it is meant.") var yes = false

    func run() async throws {
        if !yes {
            try Confirmation.ask(
                "Version \(version) of \(key) will be gone for good, and what it sealed with it.", "\(key)/\(version)")
        }
        let path = try BrokerKeys.path(key, "/\(version)\(newest ? "?newest=true" : "")")
        let left = try await common.admin().json("DELETE", path, hint: BrokerKeys.hint(key))
        common.show(left, text: BrokerKeys.text(left))
    }
}
