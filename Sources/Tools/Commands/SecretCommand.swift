import ArgumentParser
import Crypto
import Envelope
import Foundation
import WireFormat

/// `testudo secret`: sealed secrets, as Confidential Containers' guests read them.
struct SecretCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "secret",
        abstract: "Seal secrets into text that may lie with the cluster, and show what sealed text says.",
        subcommands: [SecretKeygen.self, SecretPublish.self, SecretSeal.self, SecretShow.self])

    /// Where the public half lies unless somebody says otherwise.
    static let usualKey = "default/signing-key/sealed-secret"

    /// Reads a P-256 key in PEM.
    static func signingKey(_ path: String) throws -> P256.Signing.PrivateKey {
        let text = try GivenFile.text(path)
        guard let key = try? P256.Signing.PrivateKey(pemRepresentation: text) else {
            throw CommandFailure("\(path) is no P-256 key in PEM", hint: "`testudo secret keygen` makes one", status: 2)
        }
        return key
    }

    /// Reads the public half, which may lie there alone (PEM, or the JWK that guests fetch) or in the private key.
    static func publicHalf(_ path: String) throws -> P256.Signing.PublicKey {
        let text = try GivenFile.text(path)
        if let key = try? P256.Signing.PrivateKey(pemRepresentation: text) { return key.publicKey }
        if let key = try? P256.Signing.PublicKey(pemRepresentation: text) { return key }
        if let jwk = try? JSONWebKey(parsing: try JSONValue.parse(text: text)),
            case .elliptic(.p256, let x, let y) = jwk.material,
            let key = try? P256.Signing.PublicKey(rawRepresentation: x + y)
        {
            return key
        }
        throw CommandFailure(
            "\(path) is neither a P-256 key in PEM nor a public one as a JWK",
            hint: "name what `testudo secret keygen` wrote, or its public half", status: 2)
    }

    /// Refuses to put a public half in the place of another one that is in use.
    static func requireFree(_ path: String, _ admin: BrokerAdmin) async throws {
        guard try await admin.has("/kbs/v0/testudo/resources/\(path)") else { return }
        throw CommandFailure(
            "the broker has a public half in kbs:///\(path) already, and what was sealed with its key depends on it",
            hint:
                "name another --resource, and give it to `secret seal` as --kid; --replace if nothing sealed is in use"
        )
    }

    /// Stores a public half as guests read it; answers it.
    static func store(_ key: P256.Signing.PublicKey, _ path: String, _ admin: BrokerAdmin) async throws -> JSONValue {
        let jwk = JSONWebKey(key).json
        try await admin.call("POST", "/kbs/v0/resource/\(path)", body: jwk.canonicalBytes)
        return .object(["resource": .string("kbs:///\(path)"), "jwk": jwk])
    }
}

struct SecretKeygen: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keygen", abstract: "Make a signing key; its public half becomes a resource that guests fetch.")

    @OptionGroup var common: BrokerOptions
    @Argument(help: "The file for the private key (PEM).") var file: String
    @Option(help: "Store the public half under this resource.") var resource = SecretCommand.usualKey
    @Flag(help: "Replace a public half that is there: what was sealed with the key of before opens nowhere then.")
    var replace = false

    func run() async throws {
        guard !FileManager.default.fileExists(atPath: file) else {
            throw CommandFailure(
                "\(file) is there already",
                hint:
                    "sealed secrets depend on it; name another file, or store its public half with `testudo secret publish \(file)`"
            )
        }
        let key = P256.Signing.PrivateKey()
        let path = try KeyCommand.path(resource)
        let admin = try common.admin()
        if !replace { try await SecretCommand.requireFree(path, admin) }
        try StateFolder.write(key.pemRepresentation + "\n", to: file, mode: 0o600)
        let stored = try await SecretCommand.store(key.publicKey, path, admin)
        common.show(stored, text: "private half in \(file), public half in kbs:///\(path)")
    }
}

struct SecretPublish: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "publish",
        abstract:
            "Store the public half of a signing key that is there, for guests to fetch: at another broker, or again.")

    @OptionGroup var common: BrokerOptions
    @Argument(help: "The signing key (PEM), or its public half (PEM or JWK).") var file: String
    @Option(help: "Store it under this resource.") var resource = SecretCommand.usualKey
    @Flag(help: "Replace a public half that is there: what was sealed with another key opens nowhere then.")
    var replace = false

    func run() async throws {
        let key = try SecretCommand.publicHalf(file)
        let path = try KeyCommand.path(resource)
        let admin = try common.admin()
        if !replace { try await SecretCommand.requireFree(path, admin) }
        let stored = try await SecretCommand.store(key, path, admin)
        common.show(stored, text: "public half of \(file) in kbs:///\(path)")
    }
}

struct SecretSeal: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "seal",
        abstract: "Print a sealed secret: the name of a resource, or the secret itself under a key of the broker.")

    @OptionGroup var common: BrokerOptions
    @Option(help: "Name this resource (vault).") var resource: String?
    @Option(help: "Seal the secret in this file (envelope); - for standard input.") var file: String?
    @Option(help: "The broker's key for an envelope, NAMESPACE/NAME: aes-256-kw or aes-256-gcm.") var key: String?
    @Option(help: "The signing key (PEM).") var signingKey: String
    @Option(help: "The resource in which guests find its public half.") var kid =
        ResourceAddress.scheme + SecretCommand.usualKey

    mutating func validate() throws {
        guard (resource == nil) != (file == nil), (file == nil) == (key == nil) else {
            throw ValidationError("name either --resource, or --file and --key")
        }
        // As --resource takes it.
        if let path = try? KeyCommand.path(kid) { kid = ResourceAddress.scheme + path }
    }

    func run() async throws {
        let signer = try SecretCommand.signingKey(signingKey)
        let text = try await secret().signed(by: signer, keyID: kid)
        common.show(.object(["sealed": .string(text)]), text: text)
        for warning in await warnings() { Warning.say(warning) }
    }

    /// What a guest that opens the text would miss. It is no refusal: the broker may get it later, or be another one.
    func warnings() async -> [String] {
        guard let place = try? ResourceAddress.path(of: kid, "kid") else {
            return [
                "--kid \(kid) is not kbs:///repository/type/tag: guests of Testudo look for the public half nowhere else"
            ]
        }
        let isNamed = common.access.access().url != nil
        guard isNamed || FileManager.default.fileExists(atPath: common.folder.settingsFile) else { return [] }
        var missing: [String] = []
        do {
            let admin = try common.admin()
            if !(try await admin.has("/kbs/v0/testudo/resources/\(place)")) {
                missing.append(
                    "the key broker has no public half in \(kid), and guests open nothing without it: "
                        + "`testudo secret publish \(signingKey) --resource \(place)` stores it")
            }
            if let path = try resource.map(KeyCommand.path),
                !(try await admin.has("/kbs/v0/testudo/resources/\(path)"))
            {
                missing.append(
                    "the key broker has no secret in kbs:///\(path): `testudo key set \(path) --file FILE` stores it")
            }
        } catch {
            let reason = (error as? CommandFailure)?.what ?? "\(error)"
            missing.append("whether the key broker has what guests need was not looked up: \(reason)")
        }
        return missing
    }

    /// What will be signed.
    func secret() async throws -> SealedSecret {
        if let resource { return SealedSecret(.vault(name: "kbs:///\(try KeyCommand.path(resource))")) }
        return try await envelope(file ?? "", key ?? "")
    }

    private func envelope(_ file: String, _ key: String) async throws -> SealedSecret {
        let admin = try common.admin()
        let kind = try await admin.json("GET", try BrokerKeys.path(key))["kind"]?.stringValue ?? ""
        let bytes = try GivenFile.bytesOrInput(file)
        // Only the fresh key goes to the broker, never the secret.
        let sealed = try await SealedEnvelope.seal(SecretBytes(bytes), keyID: "kbs+kms:///\(key)") { fresh in
            let operation = kind == "aes-256-gcm" ? "encrypt" : "wrap"
            let answer = try await admin.json(
                "POST", try BrokerKeys.path(key, "/\(operation)"),
                ["plaintext": .string(Base64.encode(fresh.copyBytes()))])
            return try Base64.decode(answer["ciphertext"]?.stringValue ?? "", field: "ciphertext")
        }
        return SealedSecret(.envelope(sealed))
    }
}

struct SecretShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Check the signature of a sealed secret and print what it says.")

    @OptionGroup var common: CommonOptions
    @Argument(help: "A file with the sealed text; - for standard input.") var file: String
    @Option(help: "The signing key (PEM), or its public half (PEM or JWK).") var signingKey: String

    func run() async throws {
        let text = String(decoding: try GivenFile.bytesOrInput(file), as: UTF8.self)
        let sealed = try SealedText(text.trimmingCharacters(in: .whitespacesAndNewlines))
        let secret = try sealed.verified(by: try SecretCommand.publicHalf(signingKey))
        common.show(secret.payload, text: secret.payload.prettyText)
    }
}
