import NIOHTTP1
import Testing

@testable import GuestAgent

@Suite("Screening requests")
struct RequestScreenTests {
    let secure = RequestScreen(hostnames: ["hello.default.localhost"], secure: true)
    let plain = RequestScreen(hostnames: ["hello.default.localhost"], secure: false)

    func head(_ method: HTTPMethod = .GET, _ uri: String = "/", _ headers: [(String, String)]) -> HTTPRequestHead {
        HTTPRequestHead(version: .http1_1, method: method, uri: uri, headers: HTTPHeaders(headers))
    }

    func status(_ verdict: RequestScreen.Verdict) -> UInt? {
        if case .answer(let status, _) = verdict { status.code } else { nil }
    }

    @Test(
        "the pod's own name passes, with any port and in any case",
        arguments: ["hello.default.localhost", "HELLO.default.localhost:8443"])
    func ownName(host: String) {
        let verdict = secure.judge(head(.GET, "/x?y=1", [("Host", host)]), serverName: "hello.default.localhost")
        guard case .forward(let forwarded) = verdict else {
            Issue.record("not forwarded: \(verdict)")
            return
        }
        #expect(forwarded.uri == "/x?y=1")
        #expect(forwarded.headers["x-forwarded-proto"] == ["https"])
    }

    @Test(
        "another name is misdirected",
        arguments: [
            ("evil.localhost", "hello.default.localhost"), ("hello.default.localhost", "evil.localhost"),
            ("localhost", "hello.default.localhost"), ("", "hello.default.localhost"),
        ])
    func otherName(host: String, serverName: String) {
        #expect(status(secure.judge(head(.GET, "/", [("Host", host)]), serverName: serverName)) == 421)
    }

    @Test("no server name in TLS is misdirected")
    func noServerName() {
        #expect(status(secure.judge(head(.GET, "/", [("Host", "hello.default.localhost")]), serverName: nil)) == 421)
    }

    @Test("an authority in the request line must be the pod's too")
    func absoluteForm() {
        let other = head(.GET, "http://evil.localhost/", [("Host", "hello.default.localhost")])
        #expect(status(plain.judge(other, serverName: nil)) == 421)
        let own = head(.GET, "http://hello.default.localhost:80/p", [("Host", "hello.default.localhost")])
        guard case .forward(let forwarded) = plain.judge(own, serverName: nil) else {
            Issue.record("not forwarded")
            return
        }
        #expect(forwarded.uri == "/p")
    }

    @Test("no Host, two Hosts, two lengths and CONNECT are refused")
    func malformed() {
        let host = ("Host", "hello.default.localhost")
        #expect(status(plain.judge(head(.GET, "/", []), serverName: nil)) == 400)
        #expect(status(plain.judge(head(.GET, "/", [host, host]), serverName: nil)) == 400)
        #expect(status(plain.judge(head(.CONNECT, "a:1", [host]), serverName: nil)) == 405)
        let both = head(.POST, "/", [host, ("content-length", "3"), ("transfer-encoding", "chunked")])
        #expect(status(plain.judge(both, serverName: nil)) == 400)
    }

    @Test("hop-by-hop headers and a client's forwarding claims are removed")
    func strips() {
        let request = head(
            .GET, "/",
            [
                ("Host", "hello.default.localhost"), ("Connection", "keep-alive, X-Secret"), ("X-Secret", "1"),
                ("Keep-Alive", "5"), ("Upgrade", "h2c"), ("TE", "trailers"), ("X-Forwarded-For", "1.2.3.4"),
                ("Forwarded", "for=1.2.3.4"), ("Accept", "*/*"),
            ])
        guard case .forward(let result) = secure.judge(request, serverName: "hello.default.localhost") else {
            Issue.record("not forwarded")
            return
        }
        for name in ["connection", "x-secret", "keep-alive", "upgrade", "te", "forwarded"] {
            #expect(!result.headers.contains(name: name))
        }
        #expect(result.headers["x-forwarded-for"] == ["unknown"])
        #expect(result.headers["accept"] == ["*/*"])
    }

    @Test(
        "a client cannot name the framing of its request away",
        arguments: ["content-length", "Content-Length, x", "host"])
    func smuggling(named: String) {
        let head = head(
            .POST, "/",
            [("Host", "hello.default.localhost"), ("Connection", named), ("Content-Length", "5"), ("x", "1")])
        let result = ForwardedHeaders.request(head, path: "/", host: "hello.default.localhost", secure: true)
        #expect(result.headers["content-length"] == ["5"])
        #expect(result.headers["host"] == ["hello.default.localhost"])
        #expect(!result.headers.contains(name: "connection"))
    }

    @Test("the attestation endpoint answers on TLS only, to a good nonce")
    func attestation() {
        let host = [("Host", "hello.default.localhost")]
        let nonce = String(repeating: "A", count: 43)
        let path = RequestScreen.attestationPath
        let name = "hello.default.localhost"
        #expect(
            secure.judge(head(.GET, path + "?nonce=" + nonce, host), serverName: name)
                == .attest(nonce: [UInt8](repeating: 0, count: 32)))
        #expect(status(plain.judge(head(.GET, path + "?nonce=" + nonce, host), serverName: nil)) == 404)
        #expect(status(secure.judge(head(.POST, path + "?nonce=" + nonce, host), serverName: name)) == 405)
        for query in [
            "", "?nonce=", "?nonce=AAAA", "?nonce=" + String(repeating: "A", count: 120), "?nonce=====", "?x=" + nonce,
        ] {
            #expect(status(secure.judge(head(.GET, path + query, host), serverName: name)) == 400)
        }
        #expect(status(secure.judge(head(.GET, "/.well-known/testudo/other", host), serverName: name)) == 404)
    }

    @Test(
        "an answer without a length is chunked for HTTP/1.1, ends with the connection for HTTP/1.0, and HEAD has no body"
    )
    func framing() {
        let answer = HTTPResponseHead(version: .http1_1, status: .ok, headers: ["connection": "x", "x": "1"])
        let modern = ForwardedHeaders.response(answer, method: .GET, client: head(.GET, "/", []))
        #expect(modern.head.headers["transfer-encoding"] == ["chunked"])
        #expect(!modern.head.headers.contains(name: "x"))
        #expect(!modern.close)
        let old = HTTPRequestHead(version: .http1_0, method: .GET, uri: "/")
        let simple = ForwardedHeaders.response(answer, method: .GET, client: old)
        #expect(!simple.head.headers.contains(name: "transfer-encoding"))
        #expect(simple.close)
        let bodiless = ForwardedHeaders.response(answer, method: .HEAD, client: head(.HEAD, "/", []))
        #expect(!bodiless.head.headers.contains(name: "transfer-encoding"))
    }
}
