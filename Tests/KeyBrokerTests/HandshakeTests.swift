import Envelope
import Testing
import Unsealing
import WireFormat

@testable import KeyBroker

@Suite("RCAR handshake")
struct HandshakeTests {
    @Test func `an attested guest reads its resource by cookie and by token, and only it can open it`() async throws {
        let bench = try await BrokerBench()
        let guest = FakeGuest()
        try await bench.prepare(guest)
        let (cookie, token) = try await bench.attest(guest)
        for response in [
            await bench.send("GET", "kbs/v0/resource/default/key/one", cookie: cookie),
            await bench.send("GET", "kbs/v0/resource/default/key/one", bearer: token),
        ] {
            #expect(response.status == 200)
            let sealed = try JSONValue.parse(response.body)
            #expect(try JWE.open(sealed, with: guest.key).copyBytes() == Array("secret one".utf8))
            #expect(throws: (any Error).self) { try JWE.open(sealed, with: FakeGuest().key) }
        }
        let lines = try await bench.audit()
        #expect(lines.contains { $0["kind"] == "attest" && $0["decision"] == "allow" && $0["simulated"] == false })
        #expect(lines.contains { $0["kind"] == "release" && $0["resource"] == "default/key/one" })
        #expect(!lines.contains { $0.canonicalText.contains(token) || $0.canonicalText.contains("secret one") })
    }

    @Test func `the session cookie is closed to scripts, plain HTTP and other paths`() async throws {
        let bench = try await BrokerBench()
        let body: JSONValue = ["version": "0.4.0", "tee": "snp", "extra-params": ["any": [1, 2]]]
        let response = await bench.send("POST", "kbs/v0/auth", body: body.canonicalBytes)
        let cookie = try #require(response.cookie)
        for attribute in ["HttpOnly", "Secure", "Path=/kbs/v0", "Max-Age=300"] { #expect(cookie.contains(attribute)) }
        let nonce = try #require(try JSONValue.parse(response.body)["nonce"]?.stringValue)
        #expect(try Base64.decode(nonce, field: "nonce").count == 32)
        let other = try await bench.challenge()
        #expect(other.nonce != nonce)
    }

    @Test func `a nonce is good for one attestation`() async throws {
        let bench = try await BrokerBench()
        let guest = FakeGuest()
        try await bench.prepare(guest)
        let (cookie, nonce) = try await bench.challenge()
        let body = guest.attestation(nonce).canonicalBytes
        #expect(await bench.send("POST", "kbs/v0/attest", body: body, cookie: cookie).status == 200)
        try expectRefusal(
            await bench.send("POST", "kbs/v0/attest", body: body, cookie: cookie), 401, "AttestationError")
    }

    @Test func `of many attestations at once over one session one gets a token`() async throws {
        let bench = try await BrokerBench()
        let guest = FakeGuest()
        try await bench.prepare(guest)
        let (cookie, nonce) = try await bench.challenge()
        let body = guest.attestation(nonce).canonicalBytes
        let broker = bench.broker
        let accepted = await withTaskGroup(of: Int.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    var request = BrokerRequest(method: "POST", path: ["kbs", "v0", "attest"])
                    request.cookie = "kbs-session-id=\(cookie)"
                    request.body = body
                    return await broker.respond(to: request).status == 200 ? 1 : 0
                }
            }
            return await group.reduce(0, +)
        }
        #expect(accepted == 1)
    }

    @Test func `evidence of an older session is refused in a new one`() async throws {
        let bench = try await BrokerBench()
        let guest = FakeGuest()
        try await bench.prepare(guest)
        let old = try await bench.challenge()
        let new = try await bench.challenge()
        let replayed = guest.attestation(old.nonce)
        try expectRefusal(
            await bench.send("POST", "kbs/v0/attest", body: replayed.canonicalBytes, cookie: new.cookie), 401,
            "AttestationError")
        var members = try #require(replayed.objectValue)
        members["runtime-data"] = ["nonce": .string(new.nonce), "tee-pubkey": guest.publicKey]
        try expectRefusal(
            await bench.send(
                "POST", "kbs/v0/attest", body: JSONValue.object(members).canonicalBytes, cookie: new.cookie), 401,
            "AttestationError")
    }

    @Test func `a swapped encryption key is refused`() async throws {
        let bench = try await BrokerBench()
        let guest = FakeGuest()
        try await bench.prepare(guest)
        let (cookie, nonce) = try await bench.challenge()
        var members = try #require(guest.attestation(nonce).objectValue)
        members["runtime-data"] = ["nonce": .string(nonce), "tee-pubkey": FakeGuest().publicKey]
        try expectRefusal(
            await bench.send("POST", "kbs/v0/attest", body: JSONValue.object(members).canonicalBytes, cookie: cookie),
            401, "AttestationError")
    }

    @Test func `a stolen cookie gives what only its guest can open, and an unattested one nothing`() async throws {
        let bench = try await BrokerBench()
        let guest = FakeGuest()
        try await bench.prepare(guest)
        let open = try await bench.challenge()
        try expectRefusal(
            await bench.send("GET", "kbs/v0/resource/default/key/one", cookie: open.cookie), 401, "TokenNotFound")
        let (cookie, _) = try await bench.attest(guest)
        let response = await bench.send("GET", "kbs/v0/resource/default/key/one", cookie: cookie)
        let sealed = try JSONValue.parse(response.body)
        #expect(throws: (any Error).self) { try JWE.open(sealed, with: FakeGuest().key) }
        let crossed = guest.attestation(open.nonce).canonicalBytes
        try expectRefusal(
            await bench.send("POST", "kbs/v0/attest", body: crossed, cookie: cookie), 401, "AttestationError")
        let certificate = await bench.send("POST", "kbs/v0/testudo/certificate", body: Array("{}".utf8), cookie: cookie)
        try expectRefusal(certificate, 400, "SerdeError")
    }

    @Test func `sessions end five minutes after they began, attested or not`() async throws {
        let bench = try await BrokerBench()
        let guest = FakeGuest()
        try await bench.prepare(guest)
        let (late, lateNonce) = try await bench.challenge()
        let (early, earlyNonce) = try await bench.challenge()
        bench.time.advance(200)
        let response = await bench.send(
            "POST", "kbs/v0/attest", body: guest.attestation(earlyNonce).canonicalBytes, cookie: early)
        #expect(response.cookie?.contains("Max-Age=100;") == true)
        let attested = try BrokerBench.cookie(response)
        bench.time.advance(99)
        #expect(await bench.send("GET", "kbs/v0/resource/default/key/one", cookie: attested).status == 200)
        bench.time.advance(1)
        try expectRefusal(
            await bench.send("GET", "kbs/v0/resource/default/key/one", cookie: attested), 401, "TokenNotFound")
        try expectRefusal(
            await bench.send(
                "POST", "kbs/v0/attest", body: guest.attestation(lateNonce).canonicalBytes, cookie: late), 401,
            "AttestationError")
    }

    @Test func `every truncation of an attestation is refused and leaves the nonce usable`() async throws {
        let bench = try await BrokerBench()
        let guest = FakeGuest()
        try await bench.prepare(guest)
        let (cookie, nonce) = try await bench.challenge()
        let body = guest.attestation(nonce).canonicalBytes
        for length in 0..<body.count {
            let response = await bench.send(
                "POST", "kbs/v0/attest", body: Array(body.prefix(length)), cookie: cookie)
            #expect(response.status == 400)
        }
        #expect(await bench.send("POST", "kbs/v0/attest", body: body, cookie: cookie).status == 200)
    }

    @Test(arguments: [
        #"{"version":"0.4.0","tee":"se","extra-params":""}"#, #"{"version":"0.4.0","tee":"sample"}"#,
        #"{"version":"0.4.0","tee":"snp","extra-params":{"supported-hash-algorithms":["sha256"]}}"#,
        #"{"tee":"snp"}"#, #"{"version":"0.4.0","x":1}"#, "[]", "",
    ])
    func `an unusable request is refused`(body: String) async throws {
        let bench = try await BrokerBench()
        try expectRefusal(await bench.send("POST", "kbs/v0/auth", body: Array(body.utf8)), 400, "SerdeError")
    }

    @Test func `what a later client says beside it is left alone, but not in what evidence binds`() async throws {
        let bench = try await BrokerBench()
        let guest = FakeGuest()
        try await bench.prepare(guest)
        let request = #"{"version":"0.4.0","tee":"snp","extra-params":{"id":"x"},"later":{"a":[1]},"hint":null}"#
        #expect(await bench.send("POST", "kbs/v0/auth", body: Array(request.utf8)).status == 200)
        let (cookie, nonce) = try await bench.challenge()
        let message = guest.attestation(nonce)
        func send(_ place: String) async throws -> BrokerResponse {
            var members = message.objectValue ?? [:]
            members[place] = .object((members[place]?.objectValue ?? [:]).merging(["later": 1]) { $1 })
            return await bench.send(
                "POST", "kbs/v0/attest", body: JSONValue.object(members).canonicalBytes, cookie: cookie)
        }
        for place in ["runtime-data", "init-data"] { try expectRefusal(try await send(place), 400, "SerdeError") }
        // Evidence that says more of itself is evidence all the same.
        #expect(try await send("tee-evidence").status == 200)
        let (second, next) = try await bench.challenge()
        var members = guest.attestation(next).objectValue ?? [:]
        members["later"] = ["x": 1]
        let body = JSONValue.object(members).canonicalBytes
        #expect(await bench.send("POST", "kbs/v0/attest", body: body, cookie: second).status == 200)
    }
}
