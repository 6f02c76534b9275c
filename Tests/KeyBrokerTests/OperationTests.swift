import AuditTrail
import Crypto
import CryptoExtras
import Envelope
import Foundation
import Glibc
import Logging
import NIOCore
import NIOEmbedded
import NIOPosix
import NIOSSL
import ServiceLifecycle
import Synchronization
import TestSupport
import Testing
import WireFormat

@testable import KeyBroker

/// A client that says exactly what a test wants it to, over TLS with or without a certificate.
private final class RawClient: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer
    private let received = Mutex<[UInt8]>([])

    /// What came so far.
    var text: String { String(decoding: received.withLock { $0 }, as: UTF8.self) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = Array(unwrapInboundIn(data).readableBytesView)
        received.withLock { $0 += bytes }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func connect(
        _ port: Int, overTLS: Bool = true, identity: String? = nil, newest: TLSVersion? = nil,
        from address: String = "127.0.0.1"
    ) async throws -> any Channel {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.certificateVerification = .none
        tls.maximumTLSVersion = newest
        if let identity {
            tls.certificateChain = try NIOSSLCertificate.fromPEMFile(identity + ".pem").map { .certificate($0) }
            tls.privateKey = .privateKey(try NIOSSLPrivateKey(file: identity + ".key", format: .pem))
        }
        let context = try NIOSSLContext(configuration: tls)
        return try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton).channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                if overTLS {
                    try channel.pipeline.syncOperations.addHandler(
                        try NIOSSLClientHandler(context: context, serverHostname: nil))
                }
                try channel.pipeline.syncOperations.addHandler(self)
            }
        }.bind(to: try SocketAddress(ipAddress: address, port: 0)).connect(host: "127.0.0.1", port: port).get()
    }

    /// Sends a text and answers what came until the other side closed; "" when it did not speak at all.
    static func exchange(
        _ text: String, _ port: Int, identity: String? = nil, newest: TLSVersion? = nil,
        from address: String = "127.0.0.1"
    ) async throws -> String {
        let client = RawClient()
        let channel = try await client.connect(port, identity: identity, newest: newest, from: address)
        try? await channel.writeAndFlush(ByteBuffer(string: text)).get()
        try? await channel.closeFuture.get()
        return client.text
    }

    static func get(_ path: String, token: String? = nil) -> String {
        let authorization = token.map { "Authorization: Bearer \($0)\r\n" } ?? ""
        return "GET /\(path) HTTP/1.1\r\nHost: b\r\n\(authorization)Connection: close\r\n\r\n"
    }

    /// Sends a few bytes again and again; answers whether the other side ended that.
    static func dribble(_ start: String, _ drop: String, _ port: Int, overTLS: Bool = true) async throws -> (
        Bool, String
    ) {
        let client = RawClient()
        let channel = try await client.connect(port, overTLS: overTLS)
        try? await channel.writeAndFlush(ByteBuffer(string: start)).get()
        for _ in 0..<150 where channel.isActive {
            try? await channel.writeAndFlush(ByteBuffer(string: drop)).get()
            try await Task.sleep(for: .milliseconds(100))
        }
        let hasEnded = !channel.isActive
        try? await channel.close().get()
        return (hasEnded, client.text)
    }
}

/// A broker on the network, with what tests of its operation need.
private struct Running {
    let broker: KeyBroker
    let folder: String
    let port: Int
    let adminPort: Int

    func adminToken() throws -> String {
        let key = try Curve25519.Signing.PrivateKey(
            pemRepresentation: try String(contentsOfFile: folder + "/admin.key", encoding: .utf8))
        return try JWS.signEdDSA(
            claims: ["role": "admin", "exp": .integer(Int64(Date().timeIntervalSince1970) + 60)], key: key)
    }

    static func serve(
        _ change: (String, inout BrokerConfiguration) throws -> Void = { _, _ in }, limits: ExchangeLimits = .init(),
        _ body: (Running) async throws -> Void
    ) async throws {
        let folder = NSTemporaryDirectory() + "testudo-operation-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try BrokerSetup.run(folder: folder, listen: "127.0.0.1:0")
        var configuration = try BrokerConfiguration(file: folder + "/config.json")
        try change(folder, &configuration)
        let broker = try await KeyBroker(configuration: configuration)
        let (ports, port) = AsyncStream.makeStream(of: Int.self)
        let (adminPorts, adminPort) = AsyncStream.makeStream(of: Int.self)
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        var server = BrokerServer(
            broker: broker, configuration: configuration, logger: logger, onListening: { port.yield($0) },
            onAdminListening: { adminPort.yield($0) })
        server.limits = limits
        let group = ServiceGroup(services: [server], logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            var first = ports.makeAsyncIterator()
            var second = adminPorts.makeAsyncIterator()
            let port = try #require(await first.next())
            let adminPort = configuration.adminListener == nil ? 0 : try #require(await second.next())
            try await body(Running(broker: broker, folder: folder, port: port, adminPort: adminPort))
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
    }
}

@Suite("A broker in operation", .serialized)
struct OperationTests {
    private static let client = ["basicConstraints=critical,CA:FALSE", "extendedKeyUsage=clientAuth"]

    @Test func `administrators call their own listener with a certificate of theirs and a token`() async throws {
        let workshop = try CertificateWorkshop()
        for name in ["ca", "stranger"] {
            try workshop.key(name)
            try workshop.certificate(name, extensions: CertificateWorkshop.authority())
        }
        for (name, issuer) in [("ann", "ca"), ("eve", "stranger")] {
            try workshop.key(name)
            try workshop.certificate(name, issuer: issuer, extensions: Self.client)
        }
        try await Running.serve { _, configuration in
            var fields = try JSONFields(
                ["adminListen": "127.0.0.1:0", "adminClientCA": .string(workshop.path("ca.pem"))], path: "")
            configuration.adminListener = try AdminListener(&fields) { $0 }
        } _: { running in
            let ask = RawClient.get("kbs/v0/resource", token: try running.adminToken())
            let elsewhere = try await RawClient.exchange(ask, running.port)
            #expect(elsewhere.hasPrefix("HTTP/1.1 404") && elsewhere.contains("administrators call the ADMIN listener"))
            for (identity, newest) in [(nil, nil), ("eve", nil), ("ann", .tlsv12)] as [(String?, TLSVersion?)] {
                let answer = try await RawClient.exchange(
                    ask, running.adminPort, identity: identity.map(workshop.path), newest: newest)
                #expect(answer == "", "\(identity ?? "nobody")")
            }
            let ann = workshop.path("ann")
            let bare = try await RawClient.exchange(
                RawClient.get("kbs/v0/resource"), running.adminPort, identity: ann)
            #expect(bare.hasPrefix("HTTP/1.1 401"))
            let both = try await RawClient.exchange(ask, running.adminPort, identity: ann)
            #expect(both.hasPrefix("HTTP/1.1 200"))
            let der = [UInt8](try Data(contentsOf: URL(filePath: workshop.path("ann.der"))))
            let lines = String(decoding: running.broker.audit.lines(since: 0), as: UTF8.self)
            #expect(lines.contains(#""certificate":"\#(Envelope.SHA256Digest(hashing: der).hex)""#))
            #expect(try await RawClient.exchange(RawClient.get("healthz"), running.port).hasPrefix("HTTP/1.1 200"))
        }
    }

    @Test func `a new certificate is in force without a restart, half of one is not`() async throws {
        let workshop = try CertificateWorkshop()
        try workshop.key("next")
        try workshop.certificate("next", extensions: ["subjectAltName=DNS:localhost"])
        try await Running.serve { running in
            func shown() async throws -> [UInt8]? {
                let channel = try await RawClient().connect(running.port)
                // The handshake is over when something can be written.
                try await channel.writeAndFlush(ByteBuffer(string: "GET")).get()
                let certificate = try await channel.nioSSL_peerCertificate().get()
                try await channel.close().get()
                return try certificate?.toDERBytes()
            }
            func readiness() async throws -> String {
                try await RawClient.exchange(RawClient.get("readyz"), running.port)
            }
            func copy(_ kind: String) throws {
                let made = try Data(
                    contentsOf: URL(filePath: workshop.path("next.\(kind == "tls.pem" ? "pem" : "key")")))
                try made.write(to: URL(filePath: "\(running.folder)/\(kind)"))
            }
            let old = try await shown()
            try copy("tls.pem")
            await running.broker.reload()
            #expect(try await shown() == old)
            let waiting = try await readiness()
            #expect(waiting.hasPrefix("HTTP/1.1 200") && waiting.contains("unreadable: TLS certificate and key"))
            try copy("tls.key")
            await running.broker.reload()
            let new = try await shown()
            let made = [UInt8](try Data(contentsOf: URL(filePath: workshop.path("next.der"))))
            #expect(new != old && new == made)
            #expect(try await readiness().contains(#""files":"current""#))
        }
    }

    @Test func `a broken attestation policy leaves the one before in force`() async throws {
        let bench = try await BrokerBench { folder, configuration in
            configuration.attestation.policy = folder + "/policy.rego"
            try Data("package policy\nimport rego.v1\n".utf8).write(to: URL(filePath: folder + "/policy.rego"))
        }
        func readiness() async throws -> JSONValue? {
            try JSONValue.parse(await bench.send("GET", "readyz").body)["files"]
        }
        #expect(try await readiness() == "current")
        try Data("package policy\nimport".utf8).write(to: URL(filePath: bench.folder + "/policy.rego"))
        #expect(try await readiness() == "unreadable: attestation policy and keys")
        #expect(try await bench.challenge().nonce.isEmpty == false)
        // A stored policy judges in its place; without it nobody is told that the broken one does.
        let policy = Base64.encodeURL(Array("package policy\nimport rego.v1\ntrust_claims := {}\n".utf8))
        let body = JSONValue.object(["policy_id": "default_cpu", "policy": .string(policy)]).canonicalBytes
        let stored = try await bench.administer("POST", "attestation-policy", body)
        #expect(stored.status == 200)
        #expect(try await readiness() == "current")
        let deleted = try await bench.administer("DELETE", "testudo/attestation-policies/default_cpu")
        try expectRefusal(deleted, 500, "PluginInternalError")
        #expect(String(decoding: deleted.body, as: UTF8.self).contains("the policy is deleted, but"))
        // Where another replica changed it this one does not go on as if it followed.
        #expect(try await bench.administer("POST", "attestation-policy", body).status == 200)
        try await bench.broker.followReplicas()
        let other = try await StoredAttestationPolicies(store: bench.broker.store)
        #expect(try await other.remove("default_cpu"))
        for _ in 0..<2 {
            let failure = await #expect(throws: BrokerError.self) { try await bench.broker.followReplicas() }
            #expect(failure?.check == "attestation-policy" && failure?.kind == .unavailable)
            #expect(failure?.detail.contains("rego") == false && failure?.note.contains("rego") == true)
        }
        try Data("package policy\nimport rego.v1\n\n".utf8).write(to: URL(filePath: bench.folder + "/policy.rego"))
        #expect(try await readiness() == "current")
        try await bench.broker.followReplicas()
    }

    @Test func `who dribbles loses the connection, others are served meanwhile`() async throws {
        var limits = ExchangeLimits()
        limits.head = .seconds(1)
        limits.body = .seconds(1)
        limits.request = .seconds(2)
        try await Running.serve(limits: limits) { running in
            let body = "POST /kbs/v0/auth HTTP/1.1\r\nHost: b\r\nContent-Length: 100000\r\n\r\n"
            try await withThrowingTaskGroup(of: (String, Bool, String).self) { group in
                for (name, start, drop, overTLS) in [
                    ("hello", "\u{16}\u{3}\u{1}\u{2}\u{0}", "\u{1}", false), ("nothing", "", "", false),
                    ("head", "GET /healthz HTTP/1.1\r\nX-", "a", true), ("body", body, " ", true),
                ] {
                    group.addTask {
                        let (hasEnded, answer) = try await RawClient.dribble(
                            start, drop, running.port, overTLS: overTLS)
                        return (name, hasEnded, answer)
                    }
                }
                #expect(try await RawClient.exchange(RawClient.get("healthz"), running.port).hasPrefix("HTTP/1.1 200"))
                for try await (name, hasEnded, answer) in group {
                    #expect(hasEnded, "\(name)")
                    #expect(name == "body" ? answer.hasPrefix("HTTP/1.1 400") : !answer.contains("200"), "\(name)")
                }
            }
        }
    }

    @Test func `keys in the making hold up nobody else`() async throws {
        let bench = try await BrokerBench()
        let broker = bench.broker
        try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 0..<6 {
                let path = try ResourcePath(parsing: "default/image-key/k\(number)")
                group.addTask { try await broker.makeKey(Array("{\"kind\":\"rsa3072\"}".utf8), path).status }
            }
            // One at a time for the owner, on threads where no decision is made.
            try await Task.sleep(for: .milliseconds(20))
            #expect(broker.makings.waiting > 0)
            #expect(await bench.send("GET", "healthz").status == 200)
            for try await status in group { #expect(status == 200) }
        }
        #expect(broker.makings.waiting == 0)
    }

    @Test func `one address has so many connections and no more, others are served meanwhile`() async throws {
        try await Running.serve { _, configuration in
            configuration.limits.connections = 3
        } _: { running in
            var held: [any Channel] = []
            for _ in 0..<3 { held.append(try await RawClient().connect(running.port, overTLS: false)) }
            let health = RawClient.get("healthz")
            func served(_ address: String) async -> Bool {
                let answer = try? await RawClient.exchange(health, running.port, from: address)
                return answer?.hasPrefix("HTTP/1.1 200") == true
            }
            #expect(await served("127.0.0.2"))
            // What is one too many is closed at once, and takes nothing from those that are open.
            for _ in 0..<20 { #expect(await !served("127.0.0.1")) }
            #expect(held.allSatisfy { $0.isActive })
            #expect(await served("127.0.0.2"))
            try await held.removeFirst().close().get()
            var isServed = false
            for _ in 0..<200 where !isServed {
                isServed = await served("127.0.0.1")
                if !isServed { try await Task.sleep(for: .milliseconds(20)) }
            }
            #expect(isServed)
            for channel in held { try await channel.close().get() }
        }
    }

    @Test func `connections are counted by address, IPv6 by network, and none is remembered for ever`() throws {
        func channel(_ address: String) throws -> EmbeddedChannel {
            let channel = EmbeddedChannel()
            try channel.connect(to: try SocketAddress(ipAddress: address, port: 1)).wait()
            return channel
        }
        let connections = AddressConnections(2)
        let open = try ["2001:db8::1", "2001:db8::2", "2001:db8:0:1::1", "10.0.0.1", "10.0.0.1"].map { address in
            let channel = try channel(address)
            #expect(connections.admit(channel), "\(address)")
            return channel
        }
        for address in ["2001:db8::3", "::ffff:10.0.0.1"] {
            let more = try channel(address)
            #expect(!connections.admit(more) && !more.isActive, "\(address)")
        }
        #expect(connections.addresses == 3)
        for channel in open {
            try channel.close().wait()
            channel.embeddedEventLoop.run()
        }
        #expect(connections.addresses == 0)
    }

    @Test func `SIGHUP changes nothing but what changed, SIGTERM lets requests in flight end`() async throws {
        let folder = NSTemporaryDirectory() + "testudo-drain-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try BrokerSetup.run(folder: folder, listen: "127.0.0.1:0")
        for finishes in [true, false] {
            var members = try #require(
                try JSONValue.parse([UInt8](try Data(contentsOf: URL(filePath: folder + "/config.json")))).objectValue)
            members["drainSeconds"] = finishes ? 60 : 1
            try Data(JSONValue.object(members).canonicalBytes).write(to: URL(filePath: folder + "/config.json"))
            let process = Process()
            let output = Pipe()
            process.executableURL = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
                .appendingPathComponent("testudo-keybroker")
            process.arguments = ["serve", "--config", folder + "/config.json", "--json"]
            process.standardOutput = output
            process.standardError = FileHandle.nullDevice
            try process.run()
            defer { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }
            let event = try JSONValue.parse(Array(output.fileHandleForReading.availableData.dropLast()))
            let port = try #require(event["url"]?.stringValue?.split(separator: ":").last.flatMap { Int($0) })
            kill(process.processIdentifier, SIGHUP)
            let client = RawClient()
            let channel = try await client.connect(port)
            let start = "POST /kbs/v0/auth HTTP/1.1\r\nHost: b\r\nContent-Length: 4\r\n\r\n{}"
            try await channel.writeAndFlush(ByteBuffer(string: start)).get()
            #expect(try await RawClient.exchange(RawClient.get("readyz"), port).hasPrefix("HTTP/1.1 200"))
            kill(process.processIdentifier, SIGTERM)
            // It accepts nothing more.
            while let other = try? await RawClient().connect(port) { try? await other.close().get() }
            if finishes {
                #expect(process.isRunning && channel.isActive)
                try await channel.writeAndFlush(ByteBuffer(string: "  ")).get()
            }
            try? await channel.closeFuture.get()
            if finishes { #expect(client.text.hasPrefix("HTTP/1.1 400")) }
            process.waitUntilExit()
            #expect(process.terminationReason == .exit)
            if finishes { #expect(process.terminationStatus == 0) }
        }
        var check = AuditCheck()
        check.read(text: [UInt8](try Data(contentsOf: URL(filePath: folder + "/audit.jsonl"))))
        check.finish()
        #expect(check.breaks.isEmpty && check.fragments == 0)
    }

    @Test(arguments: [
        #"{"adminListen":"127.0.0.1:1"}"#, #"{"adminClientCA":"ca.pem"}"#, #"{"adminListen":"x","adminClientCA":"c"}"#,
    ])
    func `half a listener is none`(text: String) throws {
        var fields = try JSONFields(try JSONValue.parse(text: text), path: "")
        #expect(throws: WireError.self) { try AdminListener(&fields) { $0 } }
    }
}
