import Crypto
import CryptoExtras
import Envelope
import NIOCore
import Testing
import WireFormat

@testable import KeyBroker

extension CallLimits {
    /// As many calls as a test makes.
    static var generous: CallLimits {
        var limits = CallLimits()
        limits.auth = CallRate(perSecond: 1_000_000, burst: 1_000_000)
        limits.attest = limits.auth
        return limits
    }
}

@Suite("Session cookies")
struct SessionCookieTests {
    private static let now: Int64 = 1_800_000_000
    private static let challenged = SessionCookie.Challenged(
        technology: "snp", nonce: Base64.encode([UInt8](repeating: 7, count: 32)), issued: now, version: .v0_3_0)

    @Test func `a cookie opens under its key and the one before, and under no other`() throws {
        let secrets = (0..<3).map { _ in SecretBytes(random: 32) }
        let keys = try CookieKeys(current: secrets[0])
        let value = try SessionCookie.challenged(Self.challenged).sealed(keys)
        func opened() -> SessionCookie.Challenged? {
            guard case .challenged(let session) = SessionCookie(opening: value, keys, now: Self.now) else { return nil }
            return session
        }
        #expect(opened() == Self.challenged)
        try keys.replace(current: secrets[1], previous: secrets[0])
        #expect(opened() == Self.challenged)
        try keys.replace(current: secrets[2], previous: secrets[1])
        #expect(opened() == nil)
        #expect(throws: BrokerError.self) { try CookieKeys(current: SecretBytes(random: 16)) }
        let other = CookieKeys()
        #expect(SessionCookie(opening: value, other, now: Self.now) == nil)
    }

    @Test func `a changed, cut, longer or empty cookie opens nothing`() throws {
        let keys = CookieKeys()
        let value = try SessionCookie.challenged(Self.challenged).sealed(keys)
        let bytes = try Base64.decodeURL(value, field: "cookie")
        for index in bytes.indices {
            for bit in [UInt8(1), 0x80] {
                var changed = bytes
                changed[index] ^= bit
                #expect(SessionCookie(opening: Base64.encodeURL(changed), keys, now: Self.now) == nil)
            }
            #expect(SessionCookie(opening: Base64.encodeURL(bytes.prefix(index)), keys, now: Self.now) == nil)
        }
        #expect(SessionCookie(opening: Base64.encodeURL(bytes + [0]), keys, now: Self.now) == nil)
        for text in ["", "=", value + "=", String(repeating: "A", count: 4096), String(repeating: "ab", count: 16)] {
            #expect(SessionCookie(opening: text, keys, now: Self.now) == nil)
        }
        #expect(try SessionCookie.challenged(Self.challenged).sealed(keys) != value)
    }

    @Test func `a clock that is set back lengthens no session`() throws {
        let keys = CookieKeys()
        let value = try SessionCookie.challenged(Self.challenged).sealed(keys)
        #expect(SessionCookie(opening: value, keys, now: Self.now - 60) != nil)
        #expect(SessionCookie(opening: value, keys, now: Self.now - 61) == nil)
        #expect(SessionCookie(opening: value, keys, now: Self.now + 299) != nil)
        #expect(SessionCookie(opening: value, keys, now: Self.now + 300) == nil)
    }

    @Test func `what JSON does not keep is refused before it is stored`() async throws {
        let bench = try await BrokerBench()
        let guest = FakeGuest()
        try await bench.prepare(guest)
        let far = Int64.max
        let registration = Array(
            """
            {"name":"a","namespace":"default","measurements":"any-reference","guestVersion":"0.1.0","expires":\(far)}
            """.utf8)
        let digest = String(repeating: "0a", count: 32)
        for (method, path, body) in [
            ("PUT", "testudo/manifests/\(digest)", registration),
            ("PUT", "testudo/tenants/acme", Array("{\"admins\":[],\"quota\":{\"bytes\":\(far)}}".utf8)),
            ("PUT", "testudo/kms/acme/key", Array("{\"kind\":\"ed25519\",\"notAfter\":\(far)}".utf8)),
        ] {
            try expectRefusal(await bench.administer(method, path, body), 400, "SerdeError")
        }
        #expect(Timestamp.seconds(parsing: "\(far)") == nil && Timestamp.seconds(parsing: "253402300799") != nil)
        for path in ["testudo/manifests", "testudo/tenants", "testudo/kms/acme"] {
            #expect(try await bench.administer("GET", path).status == 200)
        }
        var old = FakeGuest()
        old.epoch = far
        let (cookie, nonce) = try await bench.challenge()
        // As the guest writes it: our own writer would round it.
        let text = String(decoding: old.attestation(nonce).canonicalBytes, as: UTF8.self)
        let body = Array(text.replacing("9223372036854776000", with: "\(far)").utf8)
        try expectRefusal(await bench.send("POST", "kbs/v0/attest", body: body, cookie: cookie), 400, "SerdeError")
    }

    @Test func `a session from the end of time opens nothing`() throws {
        let keys = CookieKeys()
        let late: [Int64] = [.max, .max - 1, Self.now + SessionCookie.skew + 1]
        for issued in late {
            var session = Self.challenged
            session.issued = issued
            let value = try SessionCookie.challenged(session).sealed(keys)
            #expect(SessionCookie(opening: value, keys, now: Self.now) == nil)
            #expect(SessionCookie(opening: value, keys, now: 0) == nil)
        }
    }

    @Test func `a cookie has the characters and the length that clients keep, with the longest key too`() async throws {
        let bench = try await BrokerBench()
        let guest = FakeGuest()
        try await bench.prepare(guest)
        let (cookie, nonce) = try await bench.challenge()
        #expect(cookie.utf8.count < 200)
        let isPlain = { (text: String) in
            text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_") }
        }
        #expect(isPlain(cookie))
        var modulus = [UInt8](repeating: 0xc5, count: 1024)
        modulus[1023] = 1
        let key: JSONValue = [
            "kty": "RSA", "alg": "RSA-OAEP-256", "n": .string(Base64.encodeURL(modulus)), "e": "AQAB",
            "more": .string(String(repeating: "x", count: 10_000)),
        ]
        let response = await bench.send(
            "POST", "kbs/v0/attest", body: guest.attestation(nonce, key: key).canonicalBytes, cookie: cookie)
        #expect(response.status == 200, "\(String(decoding: response.body, as: UTF8.self))")
        let attested = try BrokerBench.cookie(response)
        #expect(attested.utf8.count < 3800 && isPlain(attested))
        #expect(await bench.send("GET", "kbs/v0/resource/default/key/one", cookie: attested).status == 200)
    }

    @Test func `a cookie holds no token, and its guest's key cannot be exchanged`() async throws {
        let bench = try await BrokerBench()
        let guest = FakeGuest()
        try await bench.prepare(guest)
        let (cookie, token) = try await bench.attest(guest)
        let keys = bench.broker.cookies
        guard case .attested(let session) = SessionCookie(opening: cookie, keys, now: bench.time.now) else {
            Issue.record("the cookie is not attested")
            return
        }
        #expect(session.tokenHash == Array(SHA256.hash(data: Array(token.utf8))))
        #expect(session.guest.manifest == guest.digest && session.guest.encryptionKey == guest.publicKey)
        #expect(cookie.utf8.count < token.utf8.count)
    }

    @Test func `one replica's cookie is good at another that has its keys, and at no other`() async throws {
        let secret = SecretBytes(random: 32)
        let first = try await BrokerBench(cookies: try CookieKeys(current: secret))
        let second = try await BrokerBench(
            cookies: try CookieKeys(current: SecretBytes(random: 32), previous: secret))
        let stranger = try await BrokerBench()
        let guest = FakeGuest()
        for bench in [first, second, stranger] { try await bench.prepare(guest) }
        let (open, nonce) = try await first.challenge()
        let body = guest.attestation(nonce).canonicalBytes
        try expectRefusal(
            await stranger.send("POST", "kbs/v0/attest", body: body, cookie: open), 401, "AttestationError")
        let response = await second.send("POST", "kbs/v0/attest", body: body, cookie: open)
        #expect(response.status == 200)
        let (attested, _) = try await first.attest(guest)
        #expect(await second.send("GET", "kbs/v0/resource/default/key/one", cookie: attested).status == 200)
        try expectRefusal(
            await stranger.send("GET", "kbs/v0/resource/default/key/one", cookie: attested), 401, "TokenNotFound")
    }

    @Test func `a session attests once, with the cookie of before and with the one of after`() async throws {
        let bench = try await BrokerBench()
        let guest = FakeGuest()
        try await bench.prepare(guest)
        let (cookie, nonce) = try await bench.challenge()
        let body = guest.attestation(nonce).canonicalBytes
        let attested = try BrokerBench.cookie(
            await bench.send("POST", "kbs/v0/attest", body: body, cookie: cookie))
        for again in [cookie, attested] {
            let response = await bench.send("POST", "kbs/v0/attest", body: body, cookie: again)
            try expectRefusal(response, 401, "AttestationError")
            #expect(String(decoding: response.body, as: UTF8.self).contains("nonce was used"))
        }
    }
}

@Suite("Limits by address")
struct AddressLimitTests {
    @Test func `a bucket empties, fills with time and is one for each address`() {
        var limits = Buckets<ClientAddress>(CallRate(perSecond: 2, burst: 3), remembered: 16)
        func take(_ address: ClientAddress, now: Double) -> Int? { limits.take(address, now: now) }
        let (one, two) = (ClientAddress(ipv4: [192, 0, 2, 1]), ClientAddress(ipv4: [192, 0, 2, 2]))
        for _ in 0..<3 { #expect(take(one, now: 0) == nil) }
        #expect(take(one, now: 0) == 1)
        #expect(take(two, now: 0) == nil)
        #expect(take(one, now: 0.5) == nil)
        #expect(take(one, now: 0.5) != nil)
        // A clock that went back gives nothing and takes nothing.
        #expect(take(one, now: 0) != nil)
        for _ in 0..<3 { #expect(take(one, now: 1000) == nil) }
        #expect(take(one, now: 1000) != nil)
    }

    @Test func `memory is bounded whoever calls, and who keeps calling is not forgotten`() {
        var limits = Buckets<ClientAddress>(CallRate(perSecond: 1, burst: 2), remembered: 1000)
        func take(_ address: ClientAddress, now: Double) -> Int? { limits.take(address, now: now) }
        let busy = ClientAddress(ipv4: [192, 0, 2, 1])
        for _ in 0..<2 { _ = take(busy, now: 0) }
        for index in 0..<100_000 {
            var network = [UInt8](repeating: 0x20, count: 16)
            for byte in 0..<4 { network[4 + byte] = UInt8(truncatingIfNeeded: index >> (8 * byte)) }
            _ = take(ClientAddress(ipv6: network), now: 0)
            if index % 100 == 0 { #expect(take(busy, now: 0) != nil) }
            #expect(limits.count <= 1001)
        }
    }

    @Test func `a client's whole IPv6 network is one address, and a mapped address is the IPv4 one`() throws {
        func network(_ last: UInt8, _ fourth: UInt8 = 0) -> ClientAddress {
            ClientAddress(ipv6: [0x20, 1, 0x0d, 0xb8, 0, 0, 0, fourth, 0, 0, 0, 0, 0, 0, 0, last])
        }
        #expect(network(1) == network(2))
        #expect(network(1) != network(1, 1))
        let mapped = ClientAddress(ipv6: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1])
        #expect(mapped == ClientAddress(ipv4: [192, 0, 2, 1]))
        #expect(mapped != ClientAddress(ipv4: [192, 0, 2, 2]))
        func peer(_ text: String) throws -> ClientAddress {
            ClientAddress(try SocketAddress(ipAddress: text, port: 1))
        }
        #expect(try peer("192.0.2.1") == mapped)
        #expect(try peer("::ffff:192.0.2.1") == mapped)
        #expect(try peer("2001:db8::2") == network(1))
        #expect(try peer("2001:db8:0:1::2") == network(2, 1))
        #expect(ClientAddress(nil as SocketAddress?) == .local)
    }

    @Test func `calls without a credential are limited by address, with a time to come back`() async throws {
        var limits = CallLimits()
        limits.auth = CallRate(perSecond: 0.001, burst: 5)
        limits.attest = CallRate(perSecond: 0.001, burst: 2)
        let bench = try await BrokerBench(limits: limits)
        let body: JSONValue = ["version": "0.4.0", "tee": "snp", "extra-params": ""]
        for _ in 0..<5 { _ = try await bench.challenge() }
        let refused = await bench.send("POST", "kbs/v0/auth", body: body.canonicalBytes)
        try expectRefusal(refused, 429, "TooManyRequests")
        #expect(refused.retryAfter.map { $0 > 0 } == true)
        for _ in 0..<2 {
            try expectRefusal(
                await bench.send("POST", "kbs/v0/attest", body: [1], cookie: "x"), 401, "AttestationError")
        }
        try expectRefusal(await bench.send("POST", "kbs/v0/attest", body: [1]), 429, "TooManyRequests")
        // Another address is served.
        var request = BrokerRequest(method: "POST", path: ["kbs", "v0", "auth"])
        request.address = ClientAddress(ipv4: [192, 0, 2, 1])
        request.body = body.canonicalBytes
        #expect(await bench.broker.respond(to: request).status == 200)
    }

    @Test func `the trace of a refusal leads to its line in the audit log`() async throws {
        let bench = try await BrokerBench()
        let (cookie, nonce) = try await bench.challenge()
        let guest = FakeGuest()
        let response = await bench.send(
            "POST", "kbs/v0/attest", body: guest.attestation(nonce).canonicalBytes, cookie: cookie)
        let trace = try #require(try JSONValue.parse(response.body)["trace_id"]?.stringValue)
        let line = try await bench.audit().first { $0["trace"]?.stringValue == trace }
        #expect(line?["check"] == "manifest-unregistered")
        let other = await bench.send("POST", "kbs/v0/attest", body: [1], cookie: cookie)
        #expect(try JSONValue.parse(other.body)["trace_id"]?.stringValue != trace)
    }
}
