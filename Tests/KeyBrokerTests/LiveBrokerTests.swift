import AttestedChannel
import Crypto
import Envelope
import Evidence
import Foundation
import HTTPExchange
import Logging
import NIOPosix
import PodManifest
import ServiceLifecycle
import SoftTEE
import SwiftASN1
import Synchronization
import Testing
import WireFormat
import X509

@testable import KeyBroker

/// A guest with evidence of the real format, signed by a soft processor.
private struct SoftGuest: EvidenceSource {
    static let measurement = [UInt8](repeating: 0xab, count: 48)

    let technology = "soft-snp"
    let initData: String
    /// What the launch is bound to, where it is not the SHA-256 of the init-data.
    var hostData: [UInt8]?
    let processor: SoftEndorsements
    let chipID: [UInt8]
    let tls = P256.Signing.PrivateKey()
    let instance = Hex.encode(SecretBytes(random: 16).copyBytes())

    var digest: Envelope.SHA256Digest { Envelope.SHA256Digest(hashing: Array(initData.utf8)) }

    func collect(_ inputs: HandshakeInputs) async throws -> CollectedEvidence {
        let additional = JSONValue.object([
            "testudo": [
                "binding": "launch", "epoch": 0, "instance": .string(instance), "manifest": .string(digest.hex),
                "tlsKey": .string(CertificateRequest.keyDigest(tls.publicKey).hex),
            ]
        ]).canonicalText
        let tcb = TCBVersion(TCBVersion.Components(bootLoader: 4, tee: 0, snp: 22, microcode: 213))
        var report = try SNPReport.composed(
            reportData: ReportBinding.rcar(
                teePublicKey: inputs.teePublicKey, nonce: inputs.nonce, additionalEvidence: additional),
            measurement: try LaunchMeasurement(hex: Hex.encode(Self.measurement)), hostData: hostData ?? digest.bytes,
            policy: .launch, chipID: chipID, reportID: [UInt8](repeating: 7, count: 32),
            processor: SoftEndorsements.processor, tcb: tcb,
            firmware: SNPReport.FirmwareVersion(major: 1, minor: 55, build: 21))
        try processor.sign(&report)
        let evidence = SNPEvidence(
            report: report,
            certificates: [.vcek: processor.vcekDER, .ask: processor.askDER, .ark: processor.arkDER])
        return CollectedEvidence(primary: evidence.json, additional: additional)
    }

    static func make(initData: String = "version = \"0.1.0\"\n") throws -> SoftGuest {
        let chipID = [UInt8](repeating: 0x11, count: 64)
        let tcb = TCBVersion(TCBVersion.Components(bootLoader: 4, tee: 0, snp: 22, microcode: 213))
        return SoftGuest(
            initData: initData, processor: try .generate(chipID: chipID, tcb: tcb), chipID: chipID)
    }
}

@Suite("A broker on the network")
struct LiveBrokerTests {
    /// Runs a broker on a free port while `body` talks to it.
    private func serve(
        softRoots: [String], _ body: (KeyBroker, HTTPExchanger, String) async throws -> Void
    ) async throws {
        let folder = NSTemporaryDirectory() + "testudo-live-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try BrokerSetup.run(folder: folder, listen: "127.0.0.1:0", softRoots: softRoots)
        let configuration = try BrokerConfiguration(file: folder + "/config.json")
        let broker = try await KeyBroker(configuration: configuration)
        let (ports, continuation) = AsyncStream.makeStream(of: Int.self)
        var logger = Logger(label: "test")
        logger.logLevel = .error
        let server = BrokerServer(broker: broker, configuration: configuration, logger: logger) {
            continuation.yield($0)
        }
        let group = ServiceGroup(services: [server], logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            var ports = ports.makeAsyncIterator()
            let port = try #require(await ports.next())
            let pem = try String(contentsOfFile: folder + "/tls.pem", encoding: .utf8)
            let exchanger = HTTPExchanger(
                endpoint: try HTTPEndpoint(url: "https://127.0.0.1:\(port)", trust: .pinnedCertificate(pem: pem)),
                dialer: TCPDialer(), eventLoopGroup: MultiThreadedEventLoopGroup.singleton)
            try await body(broker, exchanger, folder)
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
    }

    private func prepare(_ guest: SoftGuest, _ exchanger: HTTPExchanger, _ folder: String) async throws {
        func key(_ name: String) throws -> Curve25519.Signing.PrivateKey {
            try .init(pemRepresentation: try String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8))
        }
        let admin = try key("admin.key")
        let claims: JSONValue = ["role": "admin", "exp": .integer(Int64(Date().timeIntervalSince1970) + 60)]
        let token = try JWS.signEdDSA(claims: claims, key: admin)
        let registration: JSONValue = [
            "name": "hello", "namespace": "default", "hostnames": ["hello.default.localhost"],
            "resources": ["default/key/one"], "measurements": "any-reference", "guestVersion": "0.1.0",
            "simulated": true,
        ]
        let values: JSONValue = [
            "version": "0.1.0",
            "values": [
                [
                    "technology": "soft-snp", "measurement": .string(Hex.encode(SoftGuest.measurement)), "vcpus": 1,
                    "debug": false,
                ]
            ],
        ]
        let document = try JWS.signEdDSA(claims: values, key: try key("release.key"))
        let calls: [(String, String, [UInt8])] = [
            ("PUT", "testudo/manifests/\(guest.digest.hex)", registration.canonicalBytes),
            ("PUT", "testudo/reference-values", Array(document.utf8)),
            ("POST", "resource/default/key/one", Array("secret one".utf8)),
        ]
        for (method, path, body) in calls {
            let response = try await exchanger.send(
                ExchangeRequest(
                    method: method, path: "/kbs/v0/" + path, headers: [("Authorization", "Bearer \(token)")],
                    body: body))
            #expect(response.status == 200, "\(path): \(String(decoding: response.body, as: UTF8.self))")
        }
    }

    @Test func `the guest's client gets resource and certificate with evidence of a pinned soft root`() async throws {
        let guest = try SoftGuest.make()
        try await serve(softRoots: [Hex.encode(guest.processor.rootFingerprint)]) { broker, exchanger, folder in
            try await prepare(guest, exchanger, folder)
            let client = RCARClient(exchanger: exchanger, source: guest)
            #expect(try await client.resource("kbs:///default/key/one").copyBytes() == Array("secret one".utf8))
            let request = try CertificateRequest(key: guest.tls, names: ["hello.default.localhost"])
            let issued = try await client.certificate(request.der)
            let chain = try PEMDocument.parseMultiple(pemString: issued.chain)
            let leaf = try Certificate(pemDocument: try #require(chain.first))
            let root = try Certificate(pemEncoded: broker.authority.certificate(.simulated))
            #expect(root.publicKey.isValidSignature(leaf.signature, for: leaf))
            let other = try CertificateRequest(key: P256.Signing.PrivateKey(), names: ["hello.default.localhost"])
            await #expect(throws: BrokerFailure.self) { try await client.certificate(other.der) }
            await #expect(throws: BrokerFailure.self) { try await client.resource("default/key/two") }
            let audit = String(decoding: broker.audit.lines(since: 0), as: UTF8.self)
            #expect(audit.contains(#""simulated":true"#) && !audit.contains(#""simulated":false"#))
        }
    }

    @Test func `the guest of the longest manifest comes back with its token, and room is left`() async throws {
        var manifest = try PodManifest(parsing: StandingTests.debugManifest)
        manifest.debug = false
        // What takes most bytes on its way: each quote is escaped once in the document and once in the token.
        let room = InitData.madeLimit - (try InitData(manifest: manifest).bytes.count) - 8
        manifest.containers[0].arguments = [String(repeating: "\"", count: room / 4)]
        let document = try InitData(manifest: manifest)
        #expect(document.bytes.count > InitData.madeLimit - 16)
        let guest = try SoftGuest.make(initData: document.text)
        try await serve(softRoots: [Hex.encode(guest.processor.rootFingerprint)]) { _, exchanger, folder in
            try await prepare(guest, exchanger, folder)
            let length = Mutex(0)
            let client = RCARClient(exchanger: exchanger, source: guest) { token in
                length.withLock { $0 = token.utf8.count }
            }
            #expect(try await client.resource("default/key/one").copyBytes() == Array("secret one".utf8))
            let token = length.withLock { $0 }
            // Evidence of other machines says more than a soft processor's.
            #expect(token > 100 << 10 && token < BrokerServer.headLimit - (12 << 10), "\(token)")
        }
    }

    @Test func `a launch is bound to its init-data by the algorithm that they name`() async throws {
        var guest = try SoftGuest.make(initData: "version = \"0.1.0\"\nalgorithm = \"sha384\"\n[data]\n")
        try await serve(softRoots: [Hex.encode(guest.processor.rootFingerprint)]) { _, exchanger, folder in
            try await prepare(guest, exchanger, folder)
            await #expect(throws: BrokerFailure.self) {
                try await RCARClient(exchanger: exchanger, source: guest).attest()
            }
            // HOST_DATA has 32 bytes of the 48.
            guest.hostData = Array(Envelope.SHA384Digest(hashing: Array(guest.initData.utf8)).bytes.prefix(32))
            let client = RCARClient(exchanger: exchanger, source: guest)
            #expect(try await client.resource("default/key/one").copyBytes() == Array("secret one".utf8))
        }
    }

    @Test func `evidence of a soft root that is not pinned is refused, as is too long a body`() async throws {
        let guest = try SoftGuest.make()
        try await serve(softRoots: []) { broker, exchanger, folder in
            try await prepare(guest, exchanger, folder)
            let client = RCARClient(exchanger: exchanger, source: guest)
            await #expect(throws: BrokerFailure.self) { try await client.attest() }
            let audit = String(decoding: broker.audit.lines(since: 0), as: UTF8.self)
            #expect(audit.contains(#""check":"root""#))
            let long = ExchangeRequest(
                method: "POST", path: "/kbs/v0/auth", body: [UInt8](repeating: 0x20, count: (2 << 20) + 1))
            #expect(try await exchanger.send(long).status == 413)
        }
    }
}
