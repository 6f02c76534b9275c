import ArgumentParser
import Foundation
import WireFormat

/// `testudo key`: keys and secrets in the key broker.
struct KeyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key", abstract: "Create, set, list and delete keys and secrets in the key broker.",
        subcommands: [KeyCreate.self, KeySet.self, KeyList.self, KeyDelete.self])

    /// Accepts `kbs:///a/b/c` and `a/b/c`.
    static func path(_ text: String) throws -> String {
        let path = text.hasPrefix("kbs:///") ? String(text.dropFirst(7)) : text
        let segments = path.split(separator: "/", omittingEmptySubsequences: false)
        let legal = segments.allSatisfy { segment in
            guard let first = segment.first, first != "." else { return false }
            return segment.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_.".contains($0)) }
        }
        guard segments.count == 3, legal else {
            throw CommandFailure(
                "\(text) is not a resource", hint: "use repository/type/tag, for example default/image-key/hello",
                status: 2)
        }
        return path
    }
}

struct KeyCreate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Let the broker make a key; prints the public half. The private half never leaves but to guests.")

    @OptionGroup var common: BrokerOptions
    @Argument(help: "The resource, for example default/image-key/hello.") var resource: String
    @Option(help: "p256, rsa3072 or symmetric.") var kind = "p256"
    @Option(name: .shortAndLong, help: "Write the public key (PEM) to this file.") var output: String?

    func run() async throws {
        let admin = try common.admin()
        let path = try KeyCommand.path(resource)
        let taken =
            "use the key that is there (images are encrypted for it), choose another name, or, if no image needs it "
            + "any more, `testudo key delete \(path)` and create it again"
        let answer = try await admin.json(
            "POST", "/kbs/v0/testudo/keys/\(path)", .object(["kind": .string(kind)]), hints: [409: taken])
        let pem = answer["publicKey"]?.stringValue ?? ""
        if let output { try StateFolder.write(pem, to: output) }
        let made = "created kbs:///\(path); the private half stays in the broker"
        common.show(answer, text: output.map { "\(made); public half in \($0)" } ?? (pem.isEmpty ? made : pem))
    }
}

struct KeySet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set", abstract: "Store a secret from a file or standard input.")

    @OptionGroup var common: BrokerOptions
    @Argument(help: "The resource, for example default/env/api-key.") var resource: String
    @Option(help: "The file with the secret; standard input when absent.") var file: String?

    func run() async throws {
        let admin = try common.admin()
        let path = try KeyCommand.path(resource)
        let bytes: [UInt8]
        if let file {
            bytes = try GivenFile.bytes(file)
        } else {
            bytes = Array(FileHandle.standardInput.readDataToEndOfFile())
        }
        try await admin.call("POST", "/kbs/v0/resource/\(path)", body: bytes, type: "application/octet-stream")
        common.show(
            .object(["resource": .string("kbs:///\(path)"), "bytes": .integer(Int64(bytes.count))]),
            text: "stored kbs:///\(path)")
    }
}

struct KeyList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List resources, never their content.")

    @OptionGroup var common: BrokerOptions

    func run() async throws {
        let admin = try common.admin()
        let answer = try await admin.json("GET", "/kbs/v0/resource")
        let names = (answer.arrayValue ?? answer["resources"]?.arrayValue ?? []).compactMap {
            $0.stringValue ?? $0["path"]?.stringValue
        }
        common.show(
            answer, text: names.isEmpty ? "no keys and secrets" : names.map { "kbs:///\($0)" }.joined(separator: "\n"))
    }
}

struct KeyDelete: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "delete", abstract: "Delete a resource.")

    @OptionGroup var common: BrokerOptions
    @Argument(help: "The resource.") var resource: String

    func run() async throws {
        let admin = try common.admin()
        let path = try KeyCommand.path(resource)
        try await admin.call(
            "DELETE", "/kbs/v0/resource/\(path)", hints: [404: "`testudo key list` shows what is there"])
        common.show(.object(["deleted": .string("kbs:///\(path)")]), text: "deleted kbs:///\(path)")
    }
}
