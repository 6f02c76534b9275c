import ArgumentParser
import Foundation
import WireFormat

/// `testudo broker ca`: the tenants' issuing authorities.
struct BrokerAuthority: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ca", abstract: "Establish a tenant's certificate authority, and revoke certificates of guests.",
        subcommands: [
            AuthorityRequest.self, AuthorityInstall.self, AuthorityCertify.self, AuthorityShow.self,
            AuthorityLeaves.self,
            AuthorityRevoke.self, AuthorityList.self,
        ])
}

/// Which authority is meant.
struct AuthorityOptions: ParsableArguments {
    @Option(help: "The tenant's namespace.") var namespace = "default"
    @Option(help: "tenant, for guests that hardware protects, or simulated.") var line = "tenant"

    func validate() throws {
        guard BrokerKeys.isSegment(namespace[...]) else { throw ValidationError("\(namespace) is no namespace") }
        guard ["tenant", "simulated"].contains(line) else { throw ValidationError("--line is tenant or simulated") }
    }

    var path: String { "/kbs/v0/testudo/authority/\(namespace)/\(line)" }
}

struct AuthorityRequest: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "request", abstract: "Make an issuing key in the broker and print a request for its certificate.")

    @OptionGroup var common: BrokerOptions
    @OptionGroup var authority: AuthorityOptions
    @Option(help: "A DNS name that may be certified with all below it; may be given several times.") var suffix:
        [String]

    func run() async throws {
        let admin = try common.admin()
        let answer = try await admin.json(
            "POST", "\(authority.path)/request", ["suffixes": .array(suffix.map { .string($0) })])
        common.show(answer, text: answer["request"]?.stringValue ?? "")
    }
}

struct AuthorityInstall: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "install", abstract: "Install the certificate that a root made of the last request.")

    @OptionGroup var common: BrokerOptions
    @OptionGroup var authority: AuthorityOptions
    @Option(help: "The issuing certificate (PEM).") var certificate: String
    @Option(help: "The root's certificate (PEM).") var root: String

    func run() async throws {
        let admin = try common.admin()
        let answer = try await admin.json(
            "POST", "\(authority.path)/install",
            [
                "certificate": .string(try GivenFile.text(certificate)),
                "root": .string(try GivenFile.text(root)),
            ])
        common.show(answer, text: "guests of \(authority.namespace) get certificates under this authority from now on")
    }
}

struct AuthorityCertify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "certify", abstract: "Establish the authority under a root that the broker keeps itself.",
        discussion:
            "One that issues already, under whatever root, is replaced with --replace only, which renews it too.")

    @OptionGroup var common: BrokerOptions
    @OptionGroup var authority: AuthorityOptions
    @Option(help: "A DNS name that may be certified with all below it; may be given several times.") var suffix:
        [String]
    @Option(help: "Days for which the issuing certificate is good.") var days: Int64 = 90
    @Flag(help: "Go on where the authority issues certificates already: they will be another key's.") var replace =
        false

    func run() async throws {
        let admin = try common.admin()
        if !replace, try await admin.has(authority.path) {
            throw CommandFailure(
                "namespace \(authority.namespace) has an authority of line \(authority.line) that issues certificates",
                hint: """
                    say --replace to renew it under the broker's own root; clients that trust another root refuse its \
                    certificates then (`testudo broker ca show` prints the root)
                    """)
        }
        let answer = try await admin.json(
            "POST", "\(authority.path)/certify",
            ["suffixes": .array(suffix.map { .string($0) }), "days": .integer(days)])
        common.show(answer, text: answer["root"]?.stringValue ?? "")
    }
}

struct AuthorityShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Print the root that clients trust, and the issuing certificate with --issuing.")

    @OptionGroup var common: BrokerOptions
    @OptionGroup var authority: AuthorityOptions
    @Flag(help: "Print the issuing certificate.") var issuing = false

    func run() async throws {
        let admin = try common.admin()
        let answer = try await admin.json(
            "GET", authority.path,
            hints: [
                404:
                    "namespace \(authority.namespace) has no authority of its own: `testudo broker ca certify` makes one"
            ])
        common.show(answer, text: answer[issuing ? "certificate" : "root"]?.stringValue ?? "")
    }
}

struct AuthorityLeaves: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "leaves", abstract: "List the certificates of guests that have not expired.")

    @OptionGroup var common: BrokerOptions
    @OptionGroup var authority: AuthorityOptions

    func run() async throws {
        let admin = try common.admin()
        let answer = try await admin.json("GET", "/kbs/v0/testudo/leaves/\(authority.namespace)")
        let lines = (answer.arrayValue ?? []).map { leaf in
            let names = (leaf["names"]?.arrayValue ?? []).compactMap(\.stringValue).joined(separator: " ")
            let state = leaf["revoked"] == nil ? "" : " revoked (\(leaf["reason"]?.stringValue ?? ""))"
            return "\(leaf["serial"]?.stringValue ?? "") \(names) until \(leaf["notAfter"]?.integerValue ?? 0)\(state)"
        }
        common.show(
            answer,
            text: lines.isEmpty
                ? "no certificates of namespace \(authority.namespace) are in force" : lines.joined(separator: "\n"))
    }
}

struct AuthorityRevoke: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke",
        abstract: "Revoke a certificate, or all of a guest or a manifest, which then get no others.")

    @OptionGroup var common: BrokerOptions
    @OptionGroup var authority: AuthorityOptions
    @Option(help: "A certificate's serial number in hexadecimal.") var serial: String?
    @Option(help: "A guest's instance.") var instance: String?
    @Option(help: "A manifest's digest.") var manifest: String?
    @Option(help: "unspecified, key-compromise, superseded, cessation or privilege-withdrawn.") var reason =
        "unspecified"

    func validate() throws {
        guard [serial, instance, manifest].compactMap(\.self).count == 1 else {
            throw ValidationError("name one of --serial, --instance and --manifest")
        }
    }

    func run() async throws {
        let admin = try common.admin()
        var members: [String: JSONValue] = ["reason": .string(reason)]
        for (name, value) in [("serial", serial), ("instance", instance), ("manifest", manifest)] {
            if let value { members[name] = .string(value) }
        }
        let answer = try await admin.json(
            "POST", "/kbs/v0/testudo/leaves/\(authority.namespace)", .object(members))
        common.show(answer, text: "\(answer["revoked"]?.integerValue ?? 0) certificates revoked")
    }
}

struct AuthorityList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "crl", abstract: "Write the list of revoked certificates (DER) to a file.")

    @OptionGroup var common: BrokerOptions
    @OptionGroup var authority: AuthorityOptions
    @Option(help: "The version of the issuing key.") var version: UInt32 = 1
    @Option(name: .shortAndLong, help: "The file.") var output: String

    func run() async throws {
        let admin = try common.admin()
        let list = try await admin.call(
            "GET", "/kbs/v0/testudo/crl/\(authority.namespace)/\(authority.line)/\(version)")
        try StateFolder.write(list, to: output)
        common.show(.object(["bytes": .integer(Int64(list.count))]), text: "\(list.count) bytes in \(output)")
    }
}
