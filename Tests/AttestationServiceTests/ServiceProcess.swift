import Foundation
import Glibc
import TestSupport
import Testing
import WireFormat

/// The program `testudo-attestation` on free ports of this machine, with a folder for its files.
final class ServiceProcess: Sendable {
    static let clientToken = "client-token-of-the-tests"
    static let adminToken = "admin-token-of-the-tests!"

    let folder: ScratchFolder
    let ports: [String: Int64]
    private let process: Process

    /// The program beside the tests, built as a dependency of this suite.
    static let program = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
        .appendingPathComponent("testudo-attestation")

    init(_ options: [String] = [], folder: ScratchFolder? = nil, hasTokens: Bool = true, keepsKey: Bool = true) throws {
        let folder = try folder ?? ScratchFolder()
        self.folder = folder
        func secret(_ name: String, _ text: String) throws -> String {
            let path = try folder.write(name, Array(text.utf8))
            chmod(path, 0o600)
            return path
        }
        process = Process()
        process.executableURL = Self.program
        var arguments = [
            "--grpc", "127.0.0.1:0", "--rest", "127.0.0.1:0", "--json",
        ]
        if keepsKey { arguments += ["--signing-key", folder.path + "/signing.pem"] }
        if hasTokens {
            arguments += [
                "--client-tokens", try secret("clients", Self.clientToken + "\n"), "--admin-tokens",
                try secret("admins", Self.adminToken + "\n"),
            ]
        }
        // No test asks the vendors themselves.
        if !options.contains("--kds"), !options.contains("--offline") { arguments.append("--offline") }
        process.arguments = arguments + options
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        var found: [String: Int64] = [:]
        var text: [UInt8] = []
        while found.count < 2 {
            let data = output.fileHandleForReading.availableData
            guard !data.isEmpty else { throw WireError(field: "testudo-attestation", reason: "ended") }
            text += data
            while let end = text.firstIndex(of: UInt8(ascii: "\n")) {
                let event = try JSONValue.parse(Array(text[..<end]))
                text.removeFirst(end + 1)
                if let wire = event["wire"]?.stringValue { found[wire] = event["port"]?.integerValue }
            }
        }
        ports = found
    }

    deinit {
        process.terminate()
        process.waitUntilExit()
    }

    /// What Google's client got for each of its calls: the status and the reply.
    func call(_ credentials: [String] = [], client: String = clientToken) throws -> JSONValue {
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
            "Client/client.py")
        let output = try run(
            try #require(Self.python),
            [
                script.path, String(try #require(ports["grpc"])), client, Self.adminToken,
                Vectors.url("trustee/attestation-service/tests/e2e/evidence.json").path,
            ] + credentials)
        return try JSONValue.parse(output)
    }

    /// A request over HTTP by curl: the status and the body.
    func http(_ path: String, token: String? = nil, body: [UInt8]? = nil) throws -> (status: String, body: [UInt8]) {
        var arguments = ["-s", "-o", folder.path + "/reply", "-w", "%{http_code}"]
        if let token { arguments += ["-H", "Authorization: Bearer \(token)"] }
        if let body { arguments += ["--data-binary", "@" + (try folder.write("request", body))] }
        arguments.append("http://127.0.0.1:\(try #require(ports["http"]))\(path)")
        let status = try run("curl", arguments)
        let reply = FileManager.default.contents(atPath: folder.path + "/reply") ?? Data()
        return (String(decoding: status, as: UTF8.self), Array(reply))
    }

    /// The Python that has Google's gRPC: the one of the path, or Debian's own, which has it from `scripts/setup`.
    static let python = ["python3", "/usr/bin/python3"].first { (try? run($0, ["-c", "import grpc"])) != nil }
}
