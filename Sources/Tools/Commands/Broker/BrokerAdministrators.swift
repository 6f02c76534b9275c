import ArgumentParser
import Crypto
import CryptoExtras
import Foundation
import WireFormat

/// `testudo broker admin`: what an administrator needs who calls the key broker with other programs.
struct BrokerAdministrators: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "admin", abstract: "Make an administrator's key pair, or a token for curl.",
        subcommands: [AdministratorToken.self, AdministratorKeygen.self])
}

struct AdministratorToken: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token",
        abstract: "Print a token, for the header Authorization: Bearer TOKEN; no broker is called.",
        discussion: "curl --cacert tls.pem -H \"Authorization: Bearer $(testudo broker admin token)\" …")

    @OptionGroup var common: BrokerOptions
    @Option(help: "How long it holds, 1 to 60.") var minutes: Int64 = 10

    func validate() throws {
        guard (1...60).contains(minutes) else {
            throw ValidationError("--minutes is 1 to 60: brokers take no token that lives longer than an hour")
        }
    }

    func run() async throws {
        let (token, seconds) = try made()
        common.show(["token": .string(token), "seconds": .integer(seconds)], text: token)
    }

    /// The token and how long it holds.
    func made() throws -> (token: String, seconds: Int64) {
        let access = common.access.access()
        guard access.tokenFile == nil else {
            throw CommandFailure("--token-file has a token already", hint: "use the one in the file", status: 2)
        }
        // Some seconds less than the hour that brokers allow, for clocks that differ.
        let seconds = min(minutes * 60, 3590)
        let token = try access.credential(common.folder).token(seconds: seconds)
        return (token, seconds)
    }
}

struct AdministratorKeygen: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keygen",
        abstract: "Make an Ed25519 key pair for an administrator: FILE, and FILE.pub for the broker.")

    @OptionGroup var common: CommonOptions
    @Argument(help: "The file for the private key (PEM), which must not exist.") var file: String

    func run() throws {
        for path in [file, file + ".pub"] where FileManager.default.fileExists(atPath: path) {
            throw CommandFailure("\(path) is there already", hint: "name another file; keys are never replaced")
        }
        let key = Curve25519.Signing.PrivateKey()
        try StateFolder.write(key.pemRepresentation + "\n", to: file, mode: 0o600)
        try StateFolder.write(key.publicKey.pemRepresentation + "\n", to: file + ".pub")
        common.show(
            ["private": .string(file), "public": .string(file + ".pub")],
            text: """
                private half in \(file), public half in \(file).pub
                for an administrator of a tenant: testudo broker tenants set TENANT --admin NAME=\(file).pub
                for one of the broker: add \(file).pub to adminKeys of its configuration
                """)
    }
}

/// `testudo broker token-key`: the keys that sign tokens of guests.
struct BrokerTokenKey: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token-key", abstract: "The key that signs the tokens of guests.",
        subcommands: [TokenKeyRotate.self])
}

struct TokenKeyRotate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotate", abstract: "Sign tokens with a new key; those of the old one hold until they expire.")

    @OptionGroup var common: BrokerOptions

    func run() async throws {
        let answer = try await common.admin().json("POST", "/kbs/v0/testudo/token-key", .object([:]))
        common.show(answer, text: "tokens are signed with key \(answer["kid"]?.stringValue ?? "") from now on")
    }
}

/// `testudo broker cookie-key`: the key that seals sessions of guests.
struct BrokerCookieKey: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cookie-key", abstract: "The key that seals the sessions of guests.",
        subcommands: [CookieKeyRotate.self])
}

struct CookieKeyRotate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotate",
        abstract: "Seal sessions with a new key; those under the one before go on until they end.")

    @OptionGroup var common: BrokerOptions

    func run() async throws {
        try await common.admin().call("POST", "/kbs/v0/testudo/cookie-key", hints: [409: "try again later"])
        common.show(["rotated": true], text: "sessions are sealed with a new key from now on")
    }
}
