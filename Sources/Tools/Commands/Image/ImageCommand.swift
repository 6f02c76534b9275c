import ArgumentParser
import Envelope
import Foundation
import ImageFormat
import WireFormat

/// `testudo image`: encrypt, sign and look at images.
struct ImageCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "image", abstract: "Encrypt, sign and inspect container images.",
        subcommands: [ImageEncrypt.self, ImageSign.self, ImageInspect.self])
}

struct ImageEncrypt: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "encrypt",
        abstract: "Copy an image and encrypt its layers, so that only guests that the key broker trusts can read them.",
        discussion: """
            Each layer gets a fresh random key, wrapped under a key-encryption key that the key broker holds as KEY-ID. Without \
            --key-file the key is made here and stored in the broker of this deployment; with it, the file holds (or gets) 32 \
            raw bytes, and storing them in the broker is left to you. The image's configuration stays readable.
            """)

    @OptionGroup var common: CommonOptions
    @Argument(help: "The plain image: docker://HOST/REPOSITORY:TAG or oci:FOLDER:TAG.") var source: String
    @Argument(help: "Where the encrypted image goes, in the same forms.") var destination: String
    @Option(help: "The key's address in the broker, for example kbs:///default/image-key/hello.") var keyId: String?
    @Option(help: "A file with the 32-byte key-encryption key; it is made if it does not exist.") var keyFile: String?
    @Option(help: "Also encrypt for the holder of this public key (P-256 or RSA, PEM). May be given again.")
    var recipient: [String] = []

    func validate() throws {
        guard keyId != nil || !recipient.isEmpty else { throw ValidationError("give --key-id or --recipient") }
        guard keyId != nil || keyFile == nil else { throw ValidationError("--key-file needs --key-id") }
    }

    func run() async throws {
        var recipients: [OcicryptRecipient] = []
        if let keyId {
            let path = try KeyCommand.path(keyId)
            recipients.append(.broker(identifier: "kbs:///\(path)", key: try await keyEncryptionKey(path)))
        }
        for file in recipient {
            recipients.append(.publicKey(pem: try StateFolder.text(file, hint: "name a PEM file that exists")))
        }
        let encryption = ImageEncryption(
            source: try ImageStore(source), destination: try ImageStore(destination), recipients: recipients)
        let outcome = try await encryption.run(progress: Progress(quiet: common.json))
        common.show(
            [
                "source": .string(encryption.source.description),
                "destination": .string(encryption.destination.description),
                "digest": .string(outcome.digest.description),
                "layers": .array(outcome.manifest.layers.map { .string($0.digest.description) }),
            ],
            text: "\(encryption.destination) \(outcome.digest)")
    }

    /// The key from its file, or a new one that is in the file or in the broker before anything is encrypted with it.
    private func keyEncryptionKey(_ path: String) async throws -> SecretBytes {
        if let keyFile, FileManager.default.fileExists(atPath: keyFile) {
            let key = SecretBytes(try StateFolder.read(keyFile))
            guard key.count == 32 else { throw CommandFailure("\(keyFile) has \(key.count) bytes, not 32") }
            return key
        }
        let key = SecretBytes(random: 32)
        if let keyFile {
            try StateFolder.write(key.copyBytes(), to: keyFile, mode: 0o600)
        } else {
            let admin = try BrokerAdmin(state: common.folder, settings: try Settings(reading: common.folder))
            try await admin.call(
                "POST", "/kbs/v0/resource/\(path)", body: key.copyBytes(), type: "application/octet-stream")
        }
        return key
    }
}

struct ImageSign: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sign",
        abstract: "Sign an image as cosign does and push the signature beside it; prints the digest that was signed.")

    @OptionGroup var common: CommonOptions
    @Argument(help: "The image: HOST/REPOSITORY:TAG or @DIGEST.") var image: String
    @Option(help: "A P-256 private key in PEM (default: the deployment's signing key).") var key: String?

    func run() async throws {
        let reference = try ImageStore.reference(image)
        let digest = try await ImageSigner(key: key ?? common.folder.signingKey).sign(image)
        let pinned = reference.pinned(to: digest).description
        common.show(
            [
                "image": .string(pinned), "digest": .string(digest.description),
                "signature": .string("\(reference.name):\(CosignSignature.tag(of: digest))"),
            ], text: pinned)
    }
}
