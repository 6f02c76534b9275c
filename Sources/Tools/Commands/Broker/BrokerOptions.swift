import ArgumentParser
import Crypto
import Envelope
import Foundation
import HTTPExchange
import NIOSSL
import WireFormat
import X509

/// Which key broker is meant and who calls it: any broker with `--broker`, else the one of `testudo up`.
///
/// The second names are those of `kbs-client`.
struct BrokerAccessOptions: ParsableArguments {
    @Option(
        name: [.customLong("broker"), .customLong("url")],
        help: ArgumentHelp(
            "The key broker (default: that of the deployment, or TESTUDO_BROKER).", valueName: "url"))
    var broker: String?
    @Option(
        name: [.customLong("ca"), .customLong("cert-file")],
        help: ArgumentHelp(
            "The broker's own certificate, or the authorities of its certificate, PEM (or TESTUDO_BROKER_CA).",
            valueName: "file"))
    var authority: String?
    @Option(
        name: [.customLong("admin-key"), .customLong("auth-private-key")],
        help: ArgumentHelp(
            "The administrator's private key, Ed25519, PEM (or TESTUDO_BROKER_ADMIN_KEY).", valueName: "file"))
    var adminKey: String?
    @Option(
        help: ArgumentHelp(
            "Call as the administrator of this tenant, with its key (or TESTUDO_BROKER_TENANT).", valueName: "name"))
    var tenant: String?
    @Option(
        help: ArgumentHelp(
            "Call with the token of an identity provider in this file, instead of a key (or TESTUDO_BROKER_TOKEN_FILE).",
            valueName: "file"))
    var tokenFile: String?
    @Option(
        help: ArgumentHelp(
            "Who calls, as the broker's audit log names it (or TESTUDO_BROKER_SUBJECT; default: \(AdministratorName.account)).",
            valueName: "name"))
    var subject: String?
    @Option(
        help: ArgumentHelp(
            "The client certificate for a broker with adminListen, PEM (or TESTUDO_BROKER_CLIENT_CERTIFICATE).",
            valueName: "file"))
    var clientCertificate: String?
    @Option(
        help: ArgumentHelp(
            "The key of the client certificate, PEM (or TESTUDO_BROKER_CLIENT_KEY).", valueName: "file"))
    var clientKey: String?

    func validate() throws {
        if let subject, !AdministratorName.isName(subject) {
            throw ValidationError("--subject is a name of 1 to 64 bytes on one line")
        }
        if subject != nil, tokenFile != nil {
            throw ValidationError("--subject goes with --admin-key; a token says itself whose it is")
        }
        if adminKey != nil, tokenFile != nil {
            throw ValidationError("give either --admin-key, to make a token, or --token-file, which has one")
        }
        if tenant != nil, tokenFile != nil {
            throw ValidationError("--tenant goes with --admin-key; a token says itself whose it is")
        }
    }

    /// What was chosen, by the options and by the environment where they say nothing.
    func access(_ environment: [String: String] = ProcessInfo.processInfo.environment) -> BrokerAccess {
        func known(_ option: String?, _ name: String) -> String? {
            option ?? environment[name].flatMap { $0.isEmpty ? nil : $0 }
        }
        var access = BrokerAccess()
        access.url = known(broker, "TESTUDO_BROKER")
        access.authority = known(authority, "TESTUDO_BROKER_CA")
        access.clientCertificate = known(clientCertificate, "TESTUDO_BROKER_CLIENT_CERTIFICATE")
        access.clientKey = known(clientKey, "TESTUDO_BROKER_CLIENT_KEY")
        access.subject = known(subject, "TESTUDO_BROKER_SUBJECT")
        // Who is named on the command line is meant, whoever the environment names.
        access.adminKey = known(adminKey, tokenFile == nil ? "TESTUDO_BROKER_ADMIN_KEY" : "")
        access.tenant = known(tenant, tokenFile == nil ? "TESTUDO_BROKER_TENANT" : "")
        access.tokenFile = known(tokenFile, adminKey == nil ? "TESTUDO_BROKER_TOKEN_FILE" : "")
        return access
    }
}

/// The options of commands that call the key broker: those that every command takes, and which broker is meant.
struct BrokerOptions: ParsableArguments {
    @OptionGroup var common: CommonOptions
    @OptionGroup(title: "Key broker options") var access: BrokerAccessOptions

    var json: Bool { common.json }
    var folder: StateFolder { common.folder }

    /// Prints the JSON form or the text form of a result.
    func show(_ value: JSONValue, text: @autoclosure () -> String) { common.show(value, text: text()) }

    /// The broker's administration interface.
    func admin() throws -> BrokerAdmin { try access.access().admin(folder) }
}

/// Which key broker, whom to believe to be it, and who calls.
struct BrokerAccess: Sendable, Equatable {
    /// The broker's URL; nil for the broker of the deployment.
    var url: String?
    /// The file that says whom to believe.
    var authority: String?
    /// The file of the administrator's private key.
    var adminKey: String?
    /// The tenant whose administrator calls.
    var tenant: String?
    /// The file of a token.
    var tokenFile: String?
    /// Who calls, for the audit log; nil for the account.
    var subject: String?
    /// The file of the client's certificate.
    var clientCertificate: String?
    /// The file of its key.
    var clientKey: String?

    /// Connects to nothing yet; reads all files.
    func admin(_ state: StateFolder) throws -> BrokerAdmin {
        BrokerAdmin(endpoint: try endpoint(state), credential: try credential(state), isOfDeployment: url == nil)
    }

    private func endpoint(_ state: StateFolder) throws -> HTTPEndpoint {
        guard (clientCertificate == nil) == (clientKey == nil) else {
            throw CommandFailure(
                clientKey == nil
                    ? "a client certificate is named and no key" : "a client's key is named and no certificate",
                hint: "give both --client-certificate FILE and --client-key FILE", status: 2)
        }
        var identity: ClientIdentity?
        if let clientCertificate, let clientKey {
            identity = ClientIdentity(
                certificates: try GivenFile.text(clientCertificate), key: try GivenFile.text(clientKey))
        }
        let address: String
        let trust: TLSTrust
        if let url {
            guard let authority else {
                throw CommandFailure(
                    "nothing says which certificate \(ShownText.line(url)) has",
                    hint:
                        "--ca FILE: the broker's own certificate (tls.pem of its folder), or the authority that signed it",
                    status: 2)
            }
            (address, trust) = (url, try Self.trust(authority))
        } else {
            address = try Settings(reading: state, hint: Self.noDeployment).broker
            trust =
                try authority.map(Self.trust)
                ?? .pinnedCertificate(pem: try StateFolder.text("\(state.broker)/tls.pem"))
        }
        do {
            return try HTTPEndpoint(url: address, trust: trust, identity: identity)
        } catch {
            throw CommandFailure(
                "\(ShownText.line(address)) is no address of a key broker: \(error.reason)",
                hint: "--broker takes https://HOST:PORT, without a path", status: 2)
        }
    }

    static let noDeployment =
        "run `testudo up` first, or name a broker with --broker URL --ca FILE --admin-key FILE"

    /// A single certificate that has names is the broker's own, and compared byte for byte; all else are authorities, and the
    /// name in the URL has to be in what they signed.
    static func trust(_ path: String) throws -> TLSTrust {
        let text = try GivenFile.text(path)
        guard let certificates = try? NIOSSLCertificate.fromPEMBytes(Array(text.utf8)), let first = certificates.first
        else {
            throw CommandFailure(
                "\(path) holds no certificate", hint: "--ca takes certificates in PEM form", status: 2)
        }
        let names = try? Certificate(derEncoded: try first.toDERBytes()).extensions.subjectAlternativeNames
        return certificates.count == 1 && names?.isEmpty == false ? .pinnedCertificate(pem: text) : .roots(pem: [text])
    }

    /// What shows the broker who calls.
    func credential(_ state: StateFolder) throws -> BrokerCredential {
        if let tokenFile {
            let token = try GivenFile.text(tokenFile).trimmingCharacters(in: .whitespacesAndNewlines)
            guard token.split(separator: ".", omittingEmptySubsequences: false).count == 3,
                token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f })
            else {
                throw CommandFailure(
                    "\(tokenFile) holds no token", hint: "--token-file takes a JWT, three texts with dots between them",
                    status: 2)
            }
            return .token(token)
        }
        let subject = subject ?? AdministratorName.account
        guard AdministratorName.isName(subject) else {
            throw CommandFailure(
                "TESTUDO_BROKER_SUBJECT is no name of 1 to 64 bytes on one line", hint: "give --subject NAME", status: 2
            )
        }
        return .key(try key(state), tenant: tenant, subject: subject)
    }

    /// The administrator's key: the deployment's own, unless one is named.
    func key(_ state: StateFolder) throws -> Curve25519.Signing.PrivateKey {
        if let adminKey {
            do {
                return try Ed25519PEM.privateKey(try GivenFile.text(adminKey))
            } catch let error as GivenFile.Failure {
                throw error
            } catch {
                throw CommandFailure(
                    "\(adminKey) is no Ed25519 private key in PEM form",
                    hint: "admin.key of `testudo-keybroker init`, or `testudo broker admin keygen FILE`", status: 2)
            }
        }
        if let tenant {
            throw CommandFailure(
                "no key is named for the administrator of tenant \(ShownText.line(tenant))",
                hint: "--admin-key FILE: the private half of a key of `testudo broker tenants set --admin`", status: 2)
        }
        guard url == nil else {
            throw CommandFailure(
                "nothing says who calls the key broker",
                hint: "--admin-key FILE for an administrator's key, or --token-file FILE for a token", status: 2)
        }
        return try Ed25519PEM.privateKey(try StateFolder.text("\(state.broker)/admin.key", hint: Self.noDeployment))
    }
}

/// What the audit log calls whoever calls with an administrator's key.
enum AdministratorName {
    /// The account that runs this program, `user@host`, in characters that need no escape.
    static let account: String = {
        var buffer = [CChar](repeating: 0, count: 256)
        let isKnown = gethostname(&buffer, buffer.count - 1) == 0
        let host =
            isKnown ? String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self) : ""
        return account(user: NSUserName(), host: host)
    }()

    static func account(user: String, host: String) -> String {
        func plain(_ text: String, _ limit: Int, orElse other: String) -> String {
            let kept = text.filter { $0.isASCII && ($0.isLetter || $0.isNumber || "-_.".contains($0)) }.prefix(limit)
            return kept.isEmpty ? other : String(kept)
        }
        return "\(plain(user, 31, orElse: "unknown"))@\(plain(host, 32, orElse: "unknown"))"
    }

    /// Whether the log shows a text as it is.
    static func isName(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count) && ShownText.line(text) == text
    }
}

/// A file that was named on the command line.
enum GivenFile {
    typealias Failure = PolicyFileError

    static func bytes(_ path: String) throws -> [UInt8] { try PolicyFiles.bytes(at: path) }
    static func text(_ path: String) throws -> String { try PolicyFiles.text(at: path) }

    /// A file's content, or what comes in for `-`.
    static func bytesOrInput(_ path: String) throws -> [UInt8] {
        path == "-" ? Array(FileHandle.standardInput.readDataToEndOfFile()) : try bytes(path)
    }

    static func json(_ path: String) throws -> JSONValue {
        do {
            return try JSONValue.parse(try bytes(path))
        } catch let error as WireError {
            throw PolicyFileError("\(path): \(error)")
        }
    }
}

/// What shows a broker that an administrator calls.
enum BrokerCredential: Sendable {
    /// A key that makes a short-lived token for each call; of a tenant's administrator, or of the broker's own. The subject is his
    /// name in the audit log.
    case key(Curve25519.Signing.PrivateKey, tenant: String?, subject: String = AdministratorName.account)
    /// A token that somebody else made.
    case token(String)

    /// A token, for `seconds` from now where it is made here.
    func token(seconds: Int64 = 120) throws -> String {
        switch self {
        case .token(let token): return token
        case .key(let key, let tenant, let subject):
            let now = Int64(Date().timeIntervalSince1970)
            var claims: [String: JSONValue] = [
                "role": .string(tenant == nil ? "admin" : "tenant-admin"), "iat": .integer(now),
                "exp": .integer(now + seconds), "sub": .string(subject),
            ]
            if let tenant { claims["tenant"] = .string(tenant) }
            return try JWS.signEdDSA(claims: .object(claims), key: key)
        }
    }
}
