import CGuest
import Glibc
import NIOCore
import NIOPosix
import Testing

@testable import GuestAgent

@Suite("Requests for evidence")
struct AttestationLimitTests {
    @Test("four are in flight, and a place comes back")
    func flight() {
        let limit = AttestationLimit { 0 }
        for _ in 0..<AttestationLimit.atOnce { #expect(limit.enter()) }
        #expect(!limit.enter())
        limit.leave()
        #expect(limit.enter())
        #expect(!limit.enter())
    }

    @Test("a burst is served, then two a second")
    func rate() {
        var now: Int64 = 1000
        let limit = AttestationLimit { now }
        func ask() -> Bool {
            guard limit.enter() else { return false }
            limit.leave()
            return true
        }
        for _ in 0..<AttestationLimit.burst { #expect(ask()) }
        #expect(!ask())
        now += 499
        #expect(!ask())
        now += 1
        #expect(ask())
        #expect(!ask())
        now += 3_600_000
        #expect((0..<100).filter { _ in ask() }.count == AttestationLimit.burst)
    }

    /// A client's connection to the ingress, as it is after TLS.
    private func connect(_ shared: NIOLoopBound<IngressShared>, _ loop: any EventLoop) async throws -> OpenFile {
        var pair: [Int32] = [-1, -1]
        try SystemFailure.check(cg_stream_pair(&pair), "pair")
        _ = try await ClientBootstrap(group: loop).channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                try Ingress.addHTTP(
                    to: channel.pipeline.syncOperations, shared.value, serverName: "hello.default.localhost")
            }
        }.withConnectedSocket(pair[0]).get()
        return OpenFile(owning: pair[1])
    }

    private func ask(_ client: OpenFile) throws {
        let nonce = String(repeating: "A", count: 43)
        let head =
            "GET /.well-known/testudo/attestation?nonce=\(nonce) HTTP/1.1\r\nHost: hello.default.localhost\r\n\r\n"
        try client.writeAll(Array(head.utf8))
    }

    private func answer(_ client: OpenFile) async throws -> String {
        var bytes = [UInt8](repeating: 0, count: 4096)
        for _ in 0..<500 {
            let count = cg_receive(client.number, &bytes, bytes.count)
            if count > 0 { return String(decoding: bytes.prefix(count), as: UTF8.self).lowercased() }
            try await Task.sleep(for: .milliseconds(10))
        }
        return ""
    }

    @Test("a client above the bound is told to come back, and others are served", .enabled(if: getuid() == 0))
    func refusal() async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let network = try await NetworkNamespace.make(processID: getpid())
        let (gate, open) = AsyncStream.makeStream(of: Void.self)
        let held = Task { for await _ in gate {} }
        let shared = try await loop.submit {
            NIOLoopBound(
                IngressShared(
                    pool: UpstreamPool(network: network, port: 1, loop: loop), admission: AdmissionQueue(limit: 1),
                    screen: RequestScreen(hostnames: ["hello.default.localhost"], secure: true), timeout: .seconds(5),
                    attestations: AttestationLimit { 0 }
                ) { _ in
                    await held.value
                    return Array("{}".utf8)
                }, eventLoop: loop)
        }.get()
        var clients: [OpenFile] = []
        for _ in 0..<AttestationLimit.atOnce { clients.append(try await connect(shared, loop)) }
        for client in clients { try ask(client) }
        let late = try await connect(shared, loop)
        try ask(late)
        let refused = try await answer(late)
        #expect(refused.hasPrefix("http/1.1 503"))
        #expect(refused.contains("retry-after: 2\r\n"))
        open.finish()
        for client in clients { #expect(try await answer(client).hasPrefix("http/1.1 200")) }
        try ask(late)
        #expect(try await answer(late).hasPrefix("http/1.1 200"))
        await network.close()
    }
}
