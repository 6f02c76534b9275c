import Crypto
import CryptoExtras
import Envelope
import Foundation
import HTTPExchange
import KeyBroker
import NIOPosix
import WireFormat

/// The broker's program in a folder of its own, on one core of its own.
final class Broker {
    let url: String
    private let process = Process()
    private let folder: String
    private let pem: String

    /// Starts `program` on processor 0.
    init(program: String, folder: String, softRoot: [UInt8]) throws {
        self.folder = folder
        try BrokerSetup.run(folder: folder, listen: "127.0.0.1:0", softRoots: [Hex.encode(softRoot)])
        let path = folder + "/config.json"
        guard case .object(var members) = try JSONValue.parse(Array(try Data(contentsOf: URL(fileURLWithPath: path))))
        else { throw Failure("the configuration is no object") }
        let open: JSONValue = ["perSecond": 1_000_000, "burst": 1_000_000]
        members["rateLimits"] = ["auth": open, "attest": open, "addresses": 1024]
        try Data(JSONValue.object(members).canonicalBytes).write(to: URL(fileURLWithPath: path))
        pem = try String(contentsOfFile: folder + "/tls.pem", encoding: .utf8)
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/taskset")
        process.arguments = ["-c", "0", program, "serve", "--config", path, "--json"]
        process.standardOutput = output
        try process.run()
        guard let event = try? JSONValue.parse(Array(output.fileHandleForReading.availableData.dropLast())),
            let url = event["url"]?.stringValue
        else { throw Failure("the broker did not start") }
        self.url = url
    }

    deinit { process.terminate() }

    struct Failure: Error {
        let text: String
        init(_ text: String) { self.text = text }
    }

    /// A client with a connection of its own.
    func client() throws -> HTTPExchanger {
        HTTPExchanger(
            endpoint: try HTTPEndpoint(url: url, trust: .pinnedCertificate(pem: pem)), dialer: TCPDialer(),
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton)
    }

    /// Registers the guest, releases its measurement and stores 32 bytes.
    func prepare(_ guest: Guest) async throws {
        let token = try JWS.signEdDSA(
            claims: ["role": "admin", "exp": .integer(Int64(Date().timeIntervalSince1970) + 600)], key: try key("admin")
        )
        let release = try JWS.signEdDSA(
            claims: [
                "version": "0.1.0",
                "values": [
                    [
                        "technology": "soft-snp", "measurement": .string(Hex.encode(Guest.measurement)), "vcpus": 1,
                        "debug": false,
                    ]
                ],
            ], key: try key("release"))
        let registration: JSONValue = [
            "name": "bench", "namespace": "default", "hostnames": [], "resources": ["default/key/one"],
            "measurements": "any-reference", "guestVersion": "0.1.0", "simulated": true,
        ]
        let client = try client()
        for (method, path, body) in [
            ("PUT", "testudo/manifests/\(Hex.encode(guest.digest))", registration.canonicalBytes),
            ("PUT", "testudo/reference-values", Array(release.utf8)),
            ("POST", "resource/default/key/one", SecretBytes(random: 32).copyBytes()),
        ] {
            let answer = try await client.send(
                ExchangeRequest(
                    method: method, path: "/kbs/v0/\(path)", headers: [("Authorization", "Bearer \(token)")], body: body
                ))
            guard answer.status == 200 else { throw Failure(String(decoding: answer.body, as: UTF8.self)) }
        }
    }

    private func key(_ name: String) throws -> Curve25519.Signing.PrivateKey {
        try .init(pemRepresentation: try String(contentsOfFile: "\(folder)/\(name).key", encoding: .utf8))
    }

    /// What the program has used of the processor, in seconds.
    func usedSeconds() throws -> Double {
        let text = try String(contentsOfFile: "/proc/\(process.processIdentifier)/stat", encoding: .utf8)
        let fields = text.split(separator: ")").last.map { $0.split(separator: " ") } ?? []
        guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else {
            throw Failure("/proc/PID/stat cannot be read")
        }
        return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    /// The program's resident memory in bytes.
    func residentBytes() throws -> Int {
        let text = try String(contentsOfFile: "/proc/\(process.processIdentifier)/statm", encoding: .utf8)
        guard let pages = text.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else {
            throw Failure("/proc/PID/statm cannot be read")
        }
        return pages * sysconf(Int32(_SC_PAGESIZE))
    }
}
