import ArgumentParser
import Foundation
import WireFormat

/// What is sealed with a key of the broker, and where the sealed bytes go.
struct KeySealingOptions: ParsableArguments {
    @OptionGroup var common: BrokerOptions
    @Argument(help: "NAMESPACE/NAME.") var key: String
    @Option(help: "The file with what is sealed, at most 64 KiB; - for standard input.") var file: String
    @Option(name: .shortAndLong, help: "The file for the sealed bytes.") var output: String

    /// Has the broker do `operation` with the file, and writes what it made.
    func seal(_ operation: String, _ more: [String: JSONValue] = [:]) async throws {
        let path = try BrokerKeys.path(key, "/\(operation)")
        let plaintext = try GivenFile.bytesOrInput(file)
        let members = more.merging(["plaintext": .string(Base64.encode(plaintext))]) { $1 }
        let answer = try await common.admin().json("POST", path, .object(members), hint: BrokerKeys.hint(key))
        let sealed = try Base64.decode(answer["ciphertext"]?.stringValue ?? "", field: "ciphertext")
        try StateFolder.write(sealed, to: output)
        common.show(
            ["output": .string(output), "bytes": .integer(Int64(sealed.count))],
            text: "\(sealed.count) bytes in \(output); attested guests that may use \(key) open it")
    }
}

struct KeysEncrypt: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "encrypt", abstract: "Encrypt a file for attested guests, with a key of kind aes-256-gcm.")

    @OptionGroup var sealing: KeySealingOptions
    @Option(help: "The associated data, as text; guests say the same when they decrypt.") var associated: String?

    func run() async throws {
        let members = associated.map { ["associated": JSONValue.string(Base64.encode(Array($0.utf8)))] }
        try await sealing.seal("encrypt", members ?? [:])
    }
}

struct KeysWrap: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "wrap",
        abstract: "Wrap a key in a file for attested guests, or for --wrapped of create, with a key of kind aes-256-kw."
    )

    @OptionGroup var sealing: KeySealingOptions

    func run() async throws { try await sealing.seal("wrap") }
}
