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
        subcommands: [SecretKeygen.self, SecretSeal.self, SecretShow.self])

    /// Reads a P-256 key in PEM.
    static func signingKey(_ path: String) throws -> P256.Signing.PrivateKey {
        let text = try GivenFile.text(path)
        guard let key = try? P256.Signing.PrivateKey(pemRepresentation: text) else {
            throw CommandFailure("\(path) is no P-256 key in PEM", hint: "`testudo secret keygen` makes one", status: 2)
        }
        return key
    }
}

struct SecretKeygen: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keygen", abstract: "Make a signing key; its public half becomes a resource that guests fetch.")

    @OptionGroup var common: BrokerOptions
    @Argument(help: "The file for the private key (PEM).") var file: String
    @Option(help: "Store the public half under this resource.") var resource = "default/signing-key/sealed-secret"
    @Flag(help: "Replace a public half that is there: what was sealed with the key of before opens nowhere then.")
    var replace = false

    func run() async throws {
        guard !FileManager.default.fileExists(atPath: file) else {
            throw CommandFailure("\(file) is there already", hint: "sealed secrets depend on it; name another file")
        }
        let key = P256.Signing.PrivateKey()
        let path = try KeyCommand.path(resource)
        let jwk = JSONWebKey(key.publicKey).json
        let admin = try common.admin()
        if !replace, try await admin.has("/kbs/v0/testudo/resources/\(path)") {
            throw CommandFailure(
                "the broker has a public half in kbs:///\(path) already, and what was sealed with its key depends on it",
                hint:
                    "name another --resource, and give it to `secret seal` as --kid; --replace if nothing sealed is in use"
            )
        }
        try StateFolder.write(key.pemRepresentation + "\n", to: file, mode: 0o600)
        try await admin.call("POST", "/kbs/v0/resource/\(path)", body: jwk.canonicalBytes)
        common.show(
            .object(["resource": .string("kbs:///\(path)"), "jwk": jwk]),
            text: "private half in \(file), public half in kbs:///\(path)")
    }
}

struct SecretSeal: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "seal",
        abstract: "Print a sealed secret: the name of a resource, or the secret itself under a key of the broker.")

    @OptionGroup var common: BrokerOptions
    @Option(help: "Name this resource (vault).") var resource: String?
    @Option(help: "Seal the secret in this file (envelope).") var file: String?
    @Option(help: "The broker's key for an envelope, NAMESPACE/NAME: aes-256-kw or aes-256-gcm.") var key: String?
    @Option(help: "The signing key (PEM).") var signingKey: String
    @Option(help: "Where guests find its public half.") var kid = "kbs:///default/signing-key/sealed-secret"

    func validate() throws {
        guard (resource == nil) != (file == nil), (file == nil) == (key == nil) else {
            throw ValidationError("name either --resource, or --file and --key")
        }
    }

    func run() async throws {
        let signer = try SecretCommand.signingKey(signingKey)
        let text = try await secret().signed(by: signer, keyID: kid)
        common.show(.object(["sealed": .string(text)]), text: text)
    }

    /// What will be signed.
    func secret() async throws -> SealedSecret {
        if let resource { return SealedSecret(.vault(name: "kbs:///\(try KeyCommand.path(resource))")) }
        return try await envelope(file ?? "", key ?? "")
    }

    private func envelope(_ file: String, _ key: String) async throws -> SealedSecret {
        let admin = try common.admin()
        let kind = try await admin.json("GET", try BrokerKeys.path(key))["kind"]?.stringValue ?? ""
        let bytes = try GivenFile.bytes(file)
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
    @Argument(help: "A file with the sealed text.") var file: String
    @Option(help: "The signing key (PEM).") var signingKey: String

    func run() async throws {
        let text = try GivenFile.text(file).trimmingCharacters(in: .whitespacesAndNewlines)
        let secret = try SealedText(text).verified(by: try SecretCommand.signingKey(signingKey).publicKey)
        common.show(secret.payload, text: secret.payload.prettyText)
    }
}
