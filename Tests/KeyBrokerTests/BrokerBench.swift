import Crypto
import CryptoExtras
import Envelope
import Evidence
import Foundation
import Synchronization
import Testing
import WireFormat

@testable import KeyBroker

/// A clock that tests move by hand.
final class HandClock: Sendable {
    private let seconds = Mutex<Int64>(1_800_000_000)
    var clock: BrokerClock {
        BrokerClock { Date(timeIntervalSince1970: TimeInterval(self.seconds.withLock { $0 })) }
    }
    var now: Int64 { seconds.withLock { $0 } }
    func advance(_ by: Int64) { seconds.withLock { $0 += by } }
}

/// Accepts evidence that says what is expected of it: `{report, host, measurement, debug}`.
struct FakeAppraiser: EvidenceAppraiser {
    let technologies: Set<String> = ["snp", "soft-snp"]

    func appraise(_ bundle: EvidenceBundle) async throws(AppraisalFailure) -> AppraisedEvidence {
        let evidence = bundle.primaryEvidence
        guard evidence["report"]?.stringValue == Hex.encode(bundle.reportData) else {
            throw AppraisalFailure(check: "report-data", reason: "made for another nonce or key")
        }
        guard evidence["host"]?.stringValue == bundle.hostData.map({ Hex.encode($0) }) else {
            throw AppraisalFailure(check: "host-data", reason: "launched for another manifest")
        }
        return AppraisedEvidence(
            technology: bundle.technology, simulated: bundle.technology == "soft-snp",
            debug: evidence["debug"]?.boolValue ?? false,
            measurement: evidence["measurement"]?.stringValue ?? "",
            submodule: [
                "ear.status": "affirming",
                "ear.veraison.annotated-evidence": ["runtime_data_claims": bundle.runtimeDataClaims],
            ])
    }
}

/// A broker in a folder of its own, with its administrator and release signer.
final class BrokerBench {
    static let measurement = String(repeating: "ab", count: 48)

    let folder: String
    let time = HandClock()
    let broker: KeyBroker
    let admin: Curve25519.Signing.PrivateKey
    let release: Curve25519.Signing.PrivateKey

    init(
        cookies: CookieKeys = CookieKeys(), limits: CallLimits = .generous, sharesSessions: Bool? = nil
    ) async throws {
        let folder = NSTemporaryDirectory() + "testudo-broker-" + UUID().uuidString
        self.folder = folder
        try Self.setUp(folder)
        var configuration = try BrokerConfiguration(file: folder + "/config.json")
        configuration.limits = limits
        configuration.protocolVersions = Set(ProtocolVersion.allCases)
        broker = try await KeyBroker(
            configuration: configuration, appraiser: FakeAppraiser(), cookies: cookies, clock: time.clock,
            sharesSessions: sharesSessions)
        (admin, release) = try Self.keys(folder)
    }

    /// A broker with the appraisers that its configuration names.
    init(_ change: (_ folder: String, inout BrokerConfiguration) throws -> Void) async throws {
        folder = NSTemporaryDirectory() + "testudo-broker-" + UUID().uuidString
        try Self.setUp(folder)
        var configuration = try BrokerConfiguration(file: folder + "/config.json")
        try change(folder, &configuration)
        broker = try await KeyBroker(configuration: configuration, clock: time.clock)
        (admin, release) = try Self.keys(folder)
    }

    /// A broker's files; the release key may state any name too.
    private static func setUp(_ folder: String) throws {
        try BrokerSetup.run(folder: folder, listen: "127.0.0.1:0")
        let path = URL(fileURLWithPath: folder + "/config.json")
        var members = try JSONValue.parse(Array(try Data(contentsOf: path))).objectValue ?? [:]
        members["referenceKeys"] = members["releaseKeys"]
        try Data(JSONValue.object(members).canonicalBytes).write(to: path)
    }

    private static func keys(
        _ folder: String
    ) throws -> (admin: Curve25519.Signing.PrivateKey, release: Curve25519.Signing.PrivateKey) {
        func key(_ name: String) throws -> Curve25519.Signing.PrivateKey {
            try .init(pemRepresentation: try String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8))
        }
        return (try key("admin.key"), try key("release.key"))
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    func send(
        _ method: String, _ path: String, body: [UInt8] = [], cookie: String? = nil, bearer: String? = nil
    ) async -> BrokerResponse {
        var request = BrokerRequest(method: method, path: path.split(separator: "/").map(String.init))
        request.body = body
        request.cookie = cookie.map { "kbs-session-id=\($0)" }
        request.authorization = bearer.map { "Bearer \($0)" }
        return await broker.respond(to: request)
    }

    func adminToken(_ changes: [String: JSONValue] = [:], key: Curve25519.Signing.PrivateKey? = nil) throws -> String {
        let claims: [String: JSONValue] = ["role": "admin", "exp": .integer(time.now + 300), "sub": "tester"]
        return try JWS.signEdDSA(
            claims: .object(claims.merging(changes) { $1 }.filter { $1 != .null }), key: key ?? admin)
    }

    @discardableResult
    func administer(_ method: String, _ path: String, _ body: [UInt8] = []) async throws -> BrokerResponse {
        await send(method, "kbs/v0/" + path, body: body, bearer: try adminToken())
    }

    /// Registers the guest's manifest, releases the measurement and stores one secret.
    func prepare(_ guest: FakeGuest, changes: [String: JSONValue] = [:]) async throws {
        let registration: [String: JSONValue] = [
            "name": "hello", "namespace": "default", "hostnames": ["hello.default.localhost"],
            "resources": ["kbs:///default/key/one", "default/key/two"], "measurements": "any-reference",
            "guestVersion": "0.1.0", "simulated": .bool(guest.technology == "soft-snp"),
            "expires": .integer(time.now + 86_400),
        ]
        let body = JSONValue.object(registration.merging(changes) { $1 }.filter { $1 != .null }).canonicalBytes
        let registered = try await administer("PUT", "testudo/manifests/\(guest.digest)", body)
        #expect(registered.status == 200)
        try await publish(version: "0.1.0", measurement: Self.measurement)
        #expect(try await administer("POST", "resource/default/key/one", Array("secret one".utf8)).status == 200)
    }

    /// Releases a measurement as that of a version of the guest.
    func publish(version: String, measurement: String) async throws {
        let values: JSONValue = [
            "version": .string(version),
            "values": .array(
                ["snp", "soft-snp"].map {
                    ["technology": .string($0), "measurement": .string(measurement), "vcpus": 1, "debug": false]
                }),
        ]
        let document = try JWS.signEdDSA(claims: values, key: release)
        #expect(try await administer("PUT", "testudo/reference-values", Array(document.utf8)).status == 200)
    }

    /// `/auth`: the cookie and the nonce of a new session.
    func challenge(_ technology: String = "snp") async throws -> (cookie: String, nonce: String) {
        let body: JSONValue = ["version": "0.4.0", "tee": .string(technology), "extra-params": ""]
        let response = await send("POST", "kbs/v0/auth", body: body.canonicalBytes)
        try #require(response.status == 200)
        let cookie = try Self.cookie(response)
        let nonce = try JSONValue.parse(response.body)["nonce"]?.stringValue
        return (cookie, try #require(nonce))
    }

    /// The session cookie that a response sets.
    static func cookie(_ response: BrokerResponse) throws -> String {
        let header = try #require(response.cookie)
        let pair = try #require(header.split(separator: ";").first)
        return String(try #require(pair.split(separator: "=", maxSplits: 1).last))
    }

    /// The whole handshake; answers cookie and token.
    func attest(_ guest: FakeGuest) async throws -> (cookie: String, token: String) {
        let (cookie, nonce) = try await challenge(guest.technology)
        let response = await send(
            "POST", "kbs/v0/attest", body: guest.attestation(nonce).canonicalBytes, cookie: cookie)
        try #require(response.status == 200, "\(String(decoding: response.body, as: UTF8.self))")
        return (try Self.cookie(response), try #require(try JSONValue.parse(response.body)["token"]?.stringValue))
    }

    func audit() async throws -> [JSONValue] {
        let response = try await administer("GET", "testudo/audit")
        return try response.body.split(separator: UInt8(ascii: "\n")).map { try JSONValue.parse(Array($0)) }
    }
}

/// A guest that says what the fake appraiser believes.
struct FakeGuest {
    var technology = "snp"
    var initData = "version = \"0.1.0\"\n# hello\n"
    var instance = String(repeating: "01", count: 16)
    var epoch: Int64 = 0
    var measurement = BrokerBench.measurement
    var debug = false
    var key = P256.KeyAgreement.PrivateKey()
    var tls = P256.Signing.PrivateKey()

    var digest: String { SHA256Digest(hashing: Array(initData.utf8)).hex }
    var tlsDigest: String { SHA256Digest(hashing: Array(tls.publicKey.derRepresentation)).hex }
    var publicKey: JSONValue { JSONWebKey(key.publicKey).json }

    var additional: String {
        JSONValue.object([
            "testudo": [
                "binding": "launch", "epoch": .integer(epoch), "instance": .string(instance),
                "manifest": .string(digest), "tlsKey": .string(tlsDigest),
            ]
        ]).canonicalText
    }

    /// Evidence of a guest that was launched for no init-data and says nothing of its own.
    func unboundAttestation(_ nonce: String) -> JSONValue {
        let report = ReportBinding.rcar(teePublicKey: publicKey, nonce: nonce, additionalEvidence: "")
        return [
            "runtime-data": ["nonce": .string(nonce), "tee-pubkey": publicKey],
            "tee-evidence": [
                "primary_evidence": ["report": .string(Hex.encode(report)), "measurement": .string(measurement)],
                "additional_evidence": "",
            ],
        ]
    }

    func attestation(_ nonce: String, key: JSONValue? = nil) -> JSONValue {
        let publicKey = key ?? publicKey
        let report = ReportBinding.rcar(teePublicKey: publicKey, nonce: nonce, additionalEvidence: additional)
        return [
            "init-data": ["format": "toml", "body": .string(initData)],
            "runtime-data": ["nonce": .string(nonce), "tee-pubkey": publicKey],
            "tee-evidence": [
                "primary_evidence": [
                    "report": .string(Hex.encode(report)), "host": .string(digest), "debug": .bool(debug),
                    "measurement": .string(measurement),
                ],
                "additional_evidence": .string(additional),
            ],
        ]
    }
}

/// Asserts the status and the problem document of a refusal.
func expectRefusal(
    _ response: BrokerResponse, _ status: Int, _ kind: String, sourceLocation: SourceLocation = #_sourceLocation
) throws {
    #expect(response.status == status, sourceLocation: sourceLocation)
    #expect(response.contentType == "application/json", sourceLocation: sourceLocation)
    let problem = try JSONValue.parse(response.body)
    #expect(
        problem["type"]?.stringValue == "https://github.com/confidential-containers/kbs/errors/\(kind)",
        sourceLocation: sourceLocation)
    #expect(problem["detail"]?.stringValue?.isEmpty == false, sourceLocation: sourceLocation)
    #expect(problem["trace_id"]?.stringValue?.utf8.count == 16, sourceLocation: sourceLocation)
}
