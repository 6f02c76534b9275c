import Glibc
import HTTPExchange
import NIOCore
import NIOPosix
import Synchronization
import Testing

@Suite struct HTTPExchangerTests {
    private func exchanger(
        _ url: String, trust: TLSTrust = .none, dialer: any Dialer = TCPDialer(), maxBody: Int = 1 << 20,
        timeout: Int = 5, connect: Int = 5
    ) throws -> HTTPExchanger {
        HTTPExchanger(
            endpoint: try HTTPEndpoint(url: url, trust: trust), dialer: dialer,
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton, maxBody: maxBody, timeoutSeconds: timeout,
            connectSeconds: connect)
    }

    @Test func `a connection serves one exchange after the other`() async throws {
        let server = try await FakeServer.start { FakeAnswer(headers: [("X-Name", "v")], body: $0.body + [0x21]) }
        let client = try exchanger("http://127.0.0.1:\(server.port)")
        for number in 0..<5 as Range<UInt8> {
            let answer = try await client.send(ExchangeRequest(method: "POST", path: "/a?b=c", body: [number]))
            #expect(answer.status == 200)
            #expect(answer.body == [number, 0x21])
            #expect(answer.header("x-name") == "v")
        }
        #expect(server.connections == 1)
        #expect(server.requests.first?.head.headers["host"] == ["127.0.0.1:\(server.port)"])
        await server.stop()
    }

    @Test func `exchanges at the same time get connections of their own`() async throws {
        let server = try await FakeServer.start { FakeAnswer(body: $0.body) }
        let client = try exchanger("http://127.0.0.1:\(server.port)")
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for number in 0..<16 as Range<UInt8> {
                group.addTask {
                    try await client.send(ExchangeRequest(method: "PUT", path: "/", body: [number])).body == [number]
                }
            }
            for try await isRight in group { #expect(isRight) }
        }
        await server.stop()
    }

    @Test func `a connection that the server closed meanwhile is replaced`() async throws {
        let server = try await FakeServer.start { _ in FakeAnswer(body: [1], closesAfter: true) }
        let client = try exchanger("http://127.0.0.1:\(server.port)")
        for _ in 0..<5 { #expect(try await client.send(ExchangeRequest(method: "GET", path: "/")).body == [1]) }
        await server.stop()
    }

    @Test func `that there is no connection is said in words`() async throws {
        func reason(_ url: String) async throws -> String {
            let client = try exchanger(url)
            let error = await #expect(throws: ExchangeError.self) {
                try await client.send(ExchangeRequest(method: "GET", path: "/"))
            }
            return error?.reason ?? ""
        }
        let unknown = try await reason("http://no-such-host.invalid")
        #expect(unknown.hasPrefix("the name no-such-host.invalid cannot be resolved: "), "\(unknown)")
        let server = try await FakeServer.start { _ in FakeAnswer() }
        let port = server.port
        await server.stop()
        #expect(try await reason("http://localhost:\(port)") == "connection refused")
    }

    @Test func `a HEAD answer has a length and no body`() async throws {
        let server = try await FakeServer.start { _ in FakeAnswer(headers: [("Content-Length", "99")]) }
        let client = try exchanger("http://127.0.0.1:\(server.port)")
        for _ in 0..<2 {
            let answer = try await client.send(ExchangeRequest(method: "HEAD", path: "/"))
            #expect(answer.header("content-length") == "99")
            #expect(answer.body.isEmpty)
        }
        await server.stop()
    }

    @Test func `an answer beyond the limit is refused`() async throws {
        let server = try await FakeServer.start { _ in FakeAnswer(body: [UInt8](repeating: 0, count: 1001)) }
        let client = try exchanger("http://127.0.0.1:\(server.port)", maxBody: 1000)
        let error = await #expect(throws: ExchangeError.self) {
            try await client.send(ExchangeRequest(method: "GET", path: "/"))
        }
        #expect(error?.phase == .body)
        await server.stop()
    }

    @Test func `a stream is read no faster than it is consumed`() async throws {
        let length = 8 << 20
        let server = try await FakeServer.start { _ in FakeAnswer(body: [UInt8](repeating: 7, count: length)) }
        let client = try exchanger("http://127.0.0.1:\(server.port)")
        var total = 0
        let head = try await client.stream(ExchangeRequest(method: "GET", path: "/")) { chunk in
            total += chunk.readableBytes
            if total < 1 << 20 { await Task.yield() }
        }
        #expect(head.status == 200)
        #expect(total == length)
        struct Enough: Error {}
        await #expect(throws: Enough.self) {
            try await client.stream(ExchangeRequest(method: "GET", path: "/")) { _ in throw Enough() }
        }
        await server.stop()
    }

    @Test func `failures name host, port and phase`() async throws {
        let silent = try await FakeServer.start { _ in FakeAnswer(isSilent: true) }
        let cutting = try await FakeServer.start { _ in FakeAnswer(cutsOff: true) }
        let closed = try await FakeServer.start { _ in FakeAnswer() }
        let unused = closed.port
        await closed.stop()
        let rows: [(Int, ExchangeError.Phase)] = [(silent.port, .head), (cutting.port, .head), (unused, .connect)]
        for (port, phase) in rows {
            let client = try exchanger("http://127.0.0.1:\(port)", timeout: 1)
            let error = await #expect(throws: ExchangeError.self) {
                try await client.send(ExchangeRequest(method: "GET", path: "/"))
            }
            #expect(error?.phase == phase)
            #expect(error?.description.hasPrefix("127.0.0.1:\(port): ") == true)
        }
        await silent.stop()
        await cutting.stop()
    }

    /// The guest has no network: its streams are one end of a socket pair.
    private struct PairDialer: Dialer {
        let socket: Int32
        func dial(host: String, port: Int, on eventLoop: any EventLoop) async throws -> any Channel {
            try await ClientBootstrap(group: eventLoop).withConnectedSocket(socket).get()
        }
    }

    @Test func `a dialed socket pair carries exchanges`() async throws {
        var ends: [Int32] = [-1, -1]
        try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
        let server = try await FakeServer.serve(socket: ends[0]) { FakeAnswer(body: $0.body) }
        let client = try exchanger("http://registry.test:5000", dialer: PairDialer(socket: ends[1]))
        let large = (0..<500_000).map { UInt8(truncatingIfNeeded: $0) }
        for body in [[1], large, [2]] as [[UInt8]] {
            #expect(try await client.send(ExchangeRequest(method: "PUT", path: "/", body: body)).body == body)
        }
        await server.stop()
    }

    @Test func `a dialer that never returns is given up`() async throws {
        struct Sleepy: Dialer {
            func dial(host: String, port: Int, on eventLoop: any EventLoop) async throws -> any Channel {
                try await Task.sleep(for: .seconds(600))
                throw ChannelError.eof
            }
        }
        let client = try exchanger("http://127.0.0.1:1", dialer: Sleepy(), connect: 1)
        let error = await #expect(throws: ExchangeError.self) {
            try await client.send(ExchangeRequest(method: "GET", path: "/"))
        }
        #expect(error?.phase == .connect)
    }

    @Test func `only the pinned certificate is believed, whatever its names`() async throws {
        let genuine = try TestCertificate()
        let other = try TestCertificate()
        let server = try await FakeServer.start(tls: try genuine.server()) { _ in FakeAnswer(body: [1]) }
        let url = "https://127.0.0.1:\(server.port)"
        let request = ExchangeRequest(method: "GET", path: "/")
        for trust in [TLSTrust.pinnedCertificate(pem: genuine.pem), .pinnedDER(genuine.der)] {
            let answer = try await exchanger(url, trust: trust).send(request)
            #expect(answer.body == [1])
            #expect(answer.peerCertificate == genuine.der)
        }
        let error = await #expect(throws: ExchangeError.self) {
            try await exchanger(url, trust: .pinnedCertificate(pem: other.pem)).send(request)
        }
        #expect(error?.phase == .tls)
        #expect(server.requests.count == 2)
        await server.stop()
    }

    private struct Loopback: Dialer {
        func dial(host: String, port: Int, on eventLoop: any EventLoop) async throws -> any Channel {
            try await TCPDialer().dial(host: "127.0.0.1", port: port, on: eventLoop)
        }
    }

    private func ask(_ host: String, _ port: Int, _ root: String) async throws -> Int {
        let client = try exchanger("https://\(host):\(port)", trust: .roots(pem: [root]), dialer: Loopback())
        let answer = try await client.send(ExchangeRequest(method: "GET", path: "/"))
        return answer.status
    }

    @Test func `a root vouches for its names only`() async throws {
        let genuine = try TestCertificate()
        let server = try await FakeServer.start(tls: try genuine.server()) { _ in FakeAnswer(body: [1]) }
        #expect(try await ask("localhost", server.port, genuine.pem) == 200)
        await #expect(throws: ExchangeError.self) { try await ask("other.test", server.port, genuine.pem) }
        let stranger = try TestCertificate().pem
        await #expect(throws: ExchangeError.self) { try await ask("localhost", server.port, stranger) }
        await server.stop()
    }

    @Test(arguments: [
        "ftp://a", "http://", "http://a/b", "http://a:0", "http://a:65536", "http://a:x", "http://a b", "http://u@a",
        "http://[::1", "http://a?x", "https://a", "a:80",
    ])
    func `other URLs than scheme, host and port are refused`(url: String) {
        #expect(throws: ExchangeError.self) { try HTTPEndpoint(url: url, trust: .none) }
    }

    @Test func `URLs are split`() throws {
        let address = try HTTPEndpoint(url: "https://[::1]:8443/", trust: .roots(pem: []))
        #expect(address.host == "::1")
        #expect(address.port == 8443)
        #expect(address.authority == "[::1]:8443")
        #expect(try HTTPEndpoint(url: "http://registry", trust: .none).authority == "registry")
        #expect(throws: ExchangeError.self) { try HTTPEndpoint(url: "http://a", trust: .roots(pem: [])) }
    }

    @Test func `requests that would split into two are refused`() async throws {
        let server = try await FakeServer.start { _ in FakeAnswer() }
        let client = try exchanger("http://127.0.0.1:\(server.port)")
        let hostile = [
            ExchangeRequest(method: "GET", path: "/ HTTP/1.1\r\nX: y"), ExchangeRequest(method: "GET x", path: "/"),
            ExchangeRequest(method: "GET", path: "http://elsewhere/"),
            ExchangeRequest(method: "GET", path: "/", headers: [("A", "b\r\nC: d")]),
            ExchangeRequest(method: "GET", path: "/", headers: [("A:b", "c")]),
        ]
        for request in hostile {
            await #expect(throws: ExchangeError.self) { try await client.send(request) }
        }
        #expect(server.requests.isEmpty)
        await server.stop()
    }
}
