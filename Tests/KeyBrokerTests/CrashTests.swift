import Crypto
import CryptoExtras
import Envelope
import Foundation
import Glibc
import HTTPExchange
import NIOPosix
import Testing
import WireFormat

@testable import KeyBroker

@Suite("A broker that is killed", .serialized)
struct CrashTests {
    /// The program beside the tests, built as a dependency of this suite.
    private static let program = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
        .appendingPathComponent("testudo-keybroker")

    @Test(arguments: [3, 11, 24])
    func `keeps each answered write and no half of another`(answers: Int) async throws {
        let folder = NSTemporaryDirectory() + "testudo-crash-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try BrokerSetup.run(folder: folder, listen: "127.0.0.1:0")
        let process = Process()
        let output = Pipe()
        process.executableURL = Self.program
        process.arguments = ["serve", "--config", folder + "/config.json", "--json"]
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        defer { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }
        let event = try JSONValue.parse(Array(output.fileHandleForReading.availableData.dropLast()))
        let pem = try String(contentsOfFile: folder + "/tls.pem", encoding: .utf8)
        let exchanger = HTTPExchanger(
            endpoint: try HTTPEndpoint(
                url: try #require(event["url"]?.stringValue), trust: .pinnedCertificate(pem: pem)),
            dialer: TCPDialer(), eventLoopGroup: MultiThreadedEventLoopGroup.singleton)
        let admin = try Curve25519.Signing.PrivateKey(
            pemRepresentation: try String(contentsOfFile: folder + "/admin.key", encoding: .utf8))
        let token = try JWS.signEdDSA(
            claims: ["role": "admin", "exp": .integer(Int64(Date().timeIntervalSince1970) + 60)], key: admin)
        var answered: Set<Int> = []
        await withTaskGroup(of: Int?.self) { group in
            for index in 0..<40 {
                group.addTask {
                    let request = ExchangeRequest(
                        method: "POST", path: "/kbs/v0/resource/a/b/\(index)",
                        headers: [("Authorization", "Bearer \(token)")], body: Self.secret(index))
                    return (try? await exchanger.send(request))?.status == 200 ? index : nil
                }
            }
            for await index in group {
                if let index { answered.insert(index) }
                if answered.count == answers { kill(process.processIdentifier, SIGKILL) }
            }
        }
        process.waitUntilExit()
        #expect(answered.count >= answers)
        let broker = try await KeyBroker(configuration: try BrokerConfiguration(file: folder + "/config.json"))
        for index in 0..<40 {
            let stored = try await broker.store.resource(try ResourcePath(parsing: "a/b/\(index)"), now: 0)
            #expect(stored?.copyBytes() == Self.secret(index) || (stored == nil && !answered.contains(index)))
        }
    }

    private static func secret(_ index: Int) -> [UInt8] { [UInt8](repeating: UInt8(index), count: 20_000) }
}
