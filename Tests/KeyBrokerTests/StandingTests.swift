import Crypto
import Envelope
import PodManifest
import Testing
import WireFormat

@testable import KeyBroker

@Suite("Who gets a token and a resource")
struct StandingTests {
    private func attest(_ bench: BrokerBench, _ guest: FakeGuest) async throws -> BrokerResponse {
        let (cookie, nonce) = try await bench.challenge(guest.technology)
        return await bench.send("POST", "kbs/v0/attest", body: guest.attestation(nonce).canonicalBytes, cookie: cookie)
    }

    @Test func `an unregistered, expired or retired manifest gets nothing`() async throws {
        let bench = try await BrokerBench()
        let guest = FakeGuest()
        try expectRefusal(try await attest(bench, guest), 403, "PolicyDeny")
        try await bench.prepare(guest)
        let (_, token) = try await bench.attest(guest)
        bench.time.advance(200)
        #expect(await bench.send("GET", "kbs/v0/resource/default/key/one", bearer: token).status == 200)
        #expect(try await bench.administer("DELETE", "testudo/manifests/\(guest.digest)").status == 200)
        try expectRefusal(
            await bench.send("GET", "kbs/v0/resource/default/key/one", bearer: token), 403, "PolicyDeny")
        try expectRefusal(try await attest(bench, guest), 403, "PolicyDeny")
        let shown = await bench.send("GET", "kbs/v0/testudo/registration/\(guest.digest)")
        #expect(try JSONValue.parse(shown.body) == ["registered": false])
        try await bench.prepare(guest)
        #expect(try await attest(bench, guest).status == 200)
        bench.time.advance(86_401)
        try expectRefusal(try await attest(bench, guest), 403, "PolicyDeny")
        let reasons = try await bench.audit().compactMap { $0["check"]?.stringValue }
        for check in ["manifest-unregistered", "manifest-retired", "manifest-expired"] {
            #expect(reasons.contains(check))
        }
    }

    @Test func `a measurement that no release names, or that the manifest excludes, gets nothing`() async throws {
        let bench = try await BrokerBench()
        var guest = FakeGuest()
        try await bench.prepare(guest)
        guest.measurement = String(repeating: "cd", count: 48)
        try expectRefusal(try await attest(bench, guest), 403, "PolicyDeny")
        guest.measurement = BrokerBench.measurement
        try await bench.prepare(guest, changes: ["measurements": [.string(String(repeating: "cd", count: 48))]])
        try expectRefusal(try await attest(bench, guest), 403, "PolicyDeny")
    }

    @Test func `an older guest's measurement is refused for a manifest that names a newer version`() async throws {
        let bench = try await BrokerBench()
        var guest = FakeGuest()
        let old = String(repeating: "cd", count: 48)
        try await bench.prepare(guest)
        try await bench.publish(version: "0.0.9", measurement: old)
        guest.measurement = old
        try expectRefusal(try await attest(bench, guest), 403, "PolicyDeny")
        let line = try #require(try await bench.audit().last { $0["kind"] == "attest" })
        #expect(line["check"] == "guest-version")
        #expect(line["reason"]?.stringValue?.contains("0.0.9") == true)
        // The control: the manifest that names the old version may run on it, and only on it.
        try await bench.prepare(guest, changes: ["guestVersion": "0.0.9"])
        let (_, token) = try await bench.attest(guest)
        #expect(await bench.send("GET", "kbs/v0/resource/default/key/one", bearer: token).status == 200)
        // The tenant moves on: the token of the old guest opens nothing more.
        try await bench.prepare(guest)
        try expectRefusal(
            await bench.send("GET", "kbs/v0/resource/default/key/one", bearer: token), 403, "PolicyDeny")
        // A guest that two versions publish unchanged is a guest of both.
        try await bench.publish(version: "0.0.9", measurement: BrokerBench.measurement)
        guest.measurement = BrokerBench.measurement
        #expect(try await attest(bench, guest).status == 200)
    }

    @Test func `a registration cannot name another guest than its manifest does`() async throws {
        let bench = try await BrokerBench()
        var guest = FakeGuest()
        let text = Self.debugManifest.canonicalText.replacing("\"debug\":true", with: "\"debug\":false")
        guest.initData = try InitData(try PodManifest(parsing: try JSONValue.parse(text: text))).text
        try await bench.prepare(guest)
        #expect(try await attest(bench, guest).status == 200)
        let newer = text.replacing("\"guestVersion\":\"0.1.0\"", with: "\"guestVersion\":\"0.2.0\"")
        guest.initData = try InitData(try PodManifest(parsing: try JSONValue.parse(text: newer))).text
        guest.instance = String(repeating: "02", count: 16)
        try await bench.prepare(guest)
        try expectRefusal(try await attest(bench, guest), 403, "PolicyDeny")
        #expect(try await bench.audit().last { $0["kind"] == "attest" }?["check"] == "guest-version")
    }

    @Test func `a simulated guest gets nothing where the registration does not say so`() async throws {
        let bench = try await BrokerBench()
        var guest = FakeGuest()
        guest.technology = "soft-snp"
        try await bench.prepare(guest)
        let (_, token) = try await bench.attest(guest)
        #expect(await bench.send("GET", "kbs/v0/resource/default/key/one", bearer: token).status == 200)
        for silent: [String: JSONValue] in [["simulated": false], ["simulated": nil]] {
            try await bench.prepare(guest, changes: silent)
            try expectRefusal(try await attest(bench, guest), 403, "PolicyDeny")
            let line = try #require(try await bench.audit().last { $0["kind"] == "attest" })
            #expect(line["check"] == "simulated" && line["simulated"] == true)
            try expectRefusal(
                await bench.send("GET", "kbs/v0/resource/default/key/one", bearer: token), 403, "PolicyDeny")
        }
        guest.technology = "snp"
        #expect(try await attest(bench, guest).status == 200)
    }

    @Test func `a debug guest cannot take the place of a release guest`() async throws {
        let bench = try await BrokerBench()
        var guest = FakeGuest()
        try await bench.prepare(guest)
        guest.debug = true
        try expectRefusal(try await attest(bench, guest), 403, "PolicyDeny")
    }

    @Test func `a debug guest is served where the manifest asks for one, under the simulated root only`() async throws {
        let bench = try await BrokerBench()
        var guest = FakeGuest()
        guest.initData = try InitData(try PodManifest(parsing: Self.debugManifest)).text
        guest.debug = true
        try await bench.prepare(guest)
        let (cookie, token) = try await bench.attest(guest)
        #expect(await bench.send("GET", "kbs/v0/resource/default/key/one", cookie: cookie).status == 200)
        let attested = try #require(try bench.broker.tokens.bearer(of: token).guest)
        #expect(attested.debug && !attested.simulated)
        #expect(TenantCA.root(for: attested) == .simulated)
    }

    static let debugManifest: JSONValue = [
        "apiVersion": "testudo.dev/v1", "kind": "PodManifest", "name": "hello", "namespace": "default",
        "runtimeClass": "testudo-cvm", "guestVersion": "0.1.0", "debug": true, "protections": ["attested"],
        "containers": [
            [
                "name": "user-container",
                "image": .string("127.0.0.1:5000/hello@sha256:" + String(repeating: "0", count: 64)),
                "command": [], "args": [], "env": [], "workingDir": "", "port": 8080, "user": "",
            ]
        ],
        "resources": ["vcpus": 1, "memoryMiB": 512],
        "registry": ["endpoint": "http://127.0.0.1:5000", "certificate": ""],
        "imagePolicy": ["default": [["type": "reject"]]], "lookaside": "",
        "network": ["hostnames": ["hello.default.localhost"], "plaintext": false, "egress": []],
        "hostOperations": ["status"],
        "logs": [
            "recipient": .string(Base64.encodeURL(Array(P256.KeyAgreement.PrivateKey().publicKey.x963Representation)))
        ],
        "keyBroker": [
            "url": "https://127.0.0.1:8480",
            "certificate": "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n",
        ],
        "concurrency": 0, "timeoutSeconds": 300,
    ]

    @Test func `resources that are not registered are denied, missing ones not found`() async throws {
        let bench = try await BrokerBench()
        let guest = FakeGuest()
        try await bench.prepare(guest)
        try await bench.administer("POST", "resource/default/key/other", [1])
        let (cookie, _) = try await bench.attest(guest)
        try expectRefusal(
            await bench.send("GET", "kbs/v0/resource/default/key/other", cookie: cookie), 403, "PolicyDeny")
        try expectRefusal(
            await bench.send("GET", "kbs/v0/resource/default/key/two", cookie: cookie), 404, "InvalidRequestPath")
        try expectRefusal(
            await bench.send("GET", "kbs/v0/resource/.x/key/two", cookie: cookie), 404, "InvalidRequestPath")
        try expectRefusal(await bench.send("GET", "kbs/v0/resource/default/key/one"), 401, "TokenNotFound")
    }

    @Test func `an instance has one manifest for each epoch and never goes back`() async throws {
        let bench = try await BrokerBench()
        var guest = FakeGuest()
        try await bench.prepare(guest)
        #expect(try await attest(bench, guest).status == 200)
        #expect(try await attest(bench, guest).status == 200)
        var other = guest
        other.initData += "# another manifest\n"
        try await bench.prepare(other)
        try expectRefusal(try await attest(bench, other), 403, "PolicyDeny")
        guest.epoch = 2
        #expect(try await attest(bench, guest).status == 200)
        guest.epoch = 1
        try expectRefusal(try await attest(bench, guest), 403, "PolicyDeny")
        let checks = try await bench.audit().compactMap { $0["check"]?.stringValue }
        #expect(checks.contains("epoch-digest") && checks.contains("epoch"))
    }

    @Test func `only launch-bound claims that match the init-data are accepted`() throws {
        let digest = String(repeating: "00", count: 32)
        func claims(_ changes: [String: JSONValue]) -> String {
            let good: [String: JSONValue] = [
                "binding": "launch", "epoch": 0, "instance": .string(String(repeating: "01", count: 16)),
                "manifest": .string(digest), "tlsKey": .string(digest),
            ]
            return JSONValue.object(["testudo": .object(good.merging(changes) { $1 })]).canonicalText
        }
        _ = try BoundClaims(additionalEvidence: claims([:]), initDataDigest: digest)
        _ = try BoundClaims(additionalEvidence: "", initDataDigest: digest)
        let bad: [[String: JSONValue]] = [
            ["binding": "agent"], ["binding": "register"], ["epoch": -1], ["instance": "01"], ["tlsKey": "01"],
            ["manifest": .string(String(repeating: "11", count: 32))], ["more": 1], ["epoch": "0"],
        ]
        for change in bad {
            #expect(throws: BrokerError.self) {
                try BoundClaims(additionalEvidence: claims(change), initDataDigest: digest)
            }
        }
    }

    @Test func `tokens of others, old ones and rewritten ones are refused`() async throws {
        let bench = try await BrokerBench()
        let guest = FakeGuest()
        try await bench.prepare(guest)
        let (_, token) = try await bench.attest(guest)
        let foreign = try await BrokerBench()
        try await foreign.prepare(guest)
        let (_, foreignToken) = try await foreign.attest(guest)
        let parts = token.split(separator: ".").map(String.init)
        let none = Base64.encodeURL(Array(#"{"alg":"none","typ":"JWT"}"#.utf8))
        let mixed = Base64.encodeURL(Array(#"{"alg":"HS256","typ":"JWT"}"#.utf8))
        for bad in [
            foreignToken, "\(none).\(parts[1]).", "\(mixed).\(parts[1]).\(parts[2])", parts[0], "",
            "\(parts[0]).\(foreignToken.split(separator: ".")[1]).\(parts[2])", token + "A",
        ] {
            let response = await bench.send("GET", "kbs/v0/resource/default/key/one", bearer: bad)
            #expect(response.status == 401)
        }
        bench.time.advance(301)
        try expectRefusal(
            await bench.send("GET", "kbs/v0/resource/default/key/one", bearer: token), 401, "TokenVerifierError")
    }
}
