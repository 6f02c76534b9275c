import Crypto
import Envelope
import Foundation
import Fuzzing
import HummingbirdCore
import Synchronization
import WireFormat

@testable import KeyBroker

/// Takes any evidence that names a measurement.
private struct CredulousAppraiser: EvidenceAppraiser {
    let technologies: Set<String> = ["snp"]

    func appraise(_ bundle: EvidenceBundle) async throws(AppraisalFailure) -> AppraisedEvidence {
        guard let measurement = bundle.primaryEvidence["measurement"]?.stringValue else {
            throw AppraisalFailure(check: "measurement", reason: "is missing")
        }
        return AppraisedEvidence(
            technology: bundle.technology, simulated: false, debug: false, measurement: measurement,
            submodule: ["ear.veraison.annotated-evidence": ["runtime_data_claims": bundle.runtimeDataClaims]])
    }
}

/// Whole requests: `METHOD TARGET`, a line that says who calls (`nobody`, `admin`, `tenant`, `guest`, `session` or a header
/// `Bearer …`), and the body, in which `@NONCE@` stands for the session's.
enum RequestFormat: FormatFamily {
    static let shape = Shape.chosen { bytes in
        let lines = bytes.split(separator: UInt8(ascii: "\n"), maxSplits: 2, omittingEmptySubsequences: false)
        let head = lines.prefix(2).reduce(0) { $0 + $1.count + 1 }
        guard lines.count == 3 else { return .toml }
        return .fields([.part(head, .toml), .rest(.any)])
    }
    static let sources = [
        "Sources/Tenant/KeyBroker/Server/BrokerRoute.swift",
        "Sources/Tenant/KeyBroker/Administration/TenantEndpoints.swift",
        "Sources/Tenant/KeyBroker/Administration/AdminEndpoints.swift",
        "Sources/Tenant/KeyBroker/Policies/PolicyEndpoints.swift",
        "Sources/Tenant/KeyBroker/KeyManagement/KeyManagementEndpoints.swift",
        "Sources/Tenant/KeyBroker/Handshake/GuestEndpoints.swift",
    ]

    /// A broker with a guest that attested.
    private struct Stage: Sendable {
        let broker: KeyBroker
        let guestCookie: String
        var calls = 0
    }

    private static let stage = Mutex<Stage?>(nil)
    /// What lies in a broker grows with each call, so that it is made anew now and then.
    private static let callsLimit = 20_000
    private static let hidden = "the secret that nobody sees"
    private static let manifest = "version = \"0.1.0\"\n# hello\n"
    static let digest = Hex.encode(SHA256.hash(data: Array(manifest.utf8)))
    private static let measurement = String(repeating: "ab", count: 48)

    static func prepare() { _ = current() }

    private static func current() -> Stage {
        stage.withLock { known in
            if var stage = known, stage.calls < callsLimit {
                stage.calls += 1
                known = stage
                return stage
            }
            let former = known?.broker
            let fresh = Fixed.made { try wait { try await open(former) } }
            known = fresh
            return fresh
        }
    }

    private static func open(_ former: KeyBroker?) async throws -> Stage {
        await former?.shutdown()
        let folder = "\(Scratch.folder)/broker"
        try? FileManager.default.removeItem(atPath: folder)
        try BrokerSetup.run(folder: folder, listen: "127.0.0.1:0")
        for (name, key) in [("admin", Fixed.edwards), ("release", Fixed.tenant)] {
            let path = URL(fileURLWithPath: "\(folder)/\(name).pub")
            try Data(key.publicKey.pemRepresentation.utf8).write(to: path)
        }
        var configuration = try BrokerConfiguration(file: "\(folder)/config.json")
        configuration.limits.auth = CallRate(perSecond: 1_000_000, burst: 1_000_000)
        configuration.limits.attest = CallRate(perSecond: 1_000_000, burst: 1_000_000)
        configuration.protocolVersions = Set(ProtocolVersion.allCases)
        let broker = try await KeyBroker(
            configuration: configuration, appraiser: CredulousAppraiser(), clock: Fixed.clock)
        for (line, body) in [
            ("PUT /kbs/v0/testudo/manifests/\(digest)", registration), ("POST /kbs/v0/resource/acme/key/one", hidden),
            ("PUT /kbs/v0/testudo/reference-values", try release()), ("PUT /kbs/v0/testudo/tenants/acme", tenant),
            ("PUT /kbs/v0/testudo/kms/acme/data", "{\"kind\":\"aes-256-gcm\"}"),
        ] {
            let answer = await broker.respond(to: request(line, "admin", Array(body.utf8), "", ""))
            let said = String(decoding: answer.body, as: UTF8.self)
            require(answer.status < 300, "the fuzzer's broker: \(line): \(answer.status) \(said)")
        }
        let session = try await newSession(broker)
        let answer = await broker.respond(
            to: request("POST /kbs/v0/attest", "session", Array(attestation.utf8), session.cookie, session.nonce))
        guard answer.status == 200, let cookie = answer.cookie else {
            fatalError("the fuzzer's guest: \(String(decoding: answer.body, as: UTF8.self))")
        }
        return Stage(broker: broker, guestCookie: value(cookie))
    }

    private static func value(_ cookie: String) -> String { String(cookie.split(separator: ";")[0]) }

    private static func newSession(_ broker: KeyBroker) async throws -> (cookie: String, nonce: String) {
        let body = Array("{\"version\":\"0.4.0\",\"tee\":\"snp\",\"extra-params\":\"\"}".utf8)
        let answer = await broker.respond(to: request("POST /kbs/v0/auth", "nobody", body, "", ""))
        guard let cookie = answer.cookie, let nonce = try JSONValue.parse(answer.body)["nonce"]?.stringValue else {
            fatalError("the fuzzer's session: \(answer.status)")
        }
        return (value(cookie), nonce)
    }

    /// A request as the server makes it of what comes over the wire.
    private static func request(
        _ line: String, _ caller: String, _ body: [UInt8], _ cookie: String, _ nonce: String
    ) -> BrokerRequest {
        let words = line.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let uri = URI(words.count > 1 ? words[1] : "/")
        var request = BrokerRequest(
            method: words.first ?? "",
            path: uri.path.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map(String.init))
        for (name, value) in uri.queryParameters { request.query[String(name)] = String(value) }
        request.body = body
        switch caller {
        case "admin": request.authorization = "Bearer \(adminToken)"
        case "tenant": request.authorization = "Bearer \(tenantToken)"
        case "guest", "session": request.cookie = cookie
        case "nobody": break
        default: request.authorization = caller
        }
        let mark = Array("@NONCE@".utf8)
        if !nonce.isEmpty, let range = body.firstRange(of: mark) {
            request.body.replaceSubrange(range, with: Array(nonce.utf8))
        }
        return request
    }

    static let adminToken = token(["role": "admin"], Fixed.edwards)
    private static let tenantToken = token(["role": "tenant-admin", "tenant": "acme"], Fixed.tenant)

    private static func token(_ claims: [String: JSONValue], _ key: Curve25519.Signing.PrivateKey) -> String {
        let all = claims.merging(["exp": .integer(Fixed.now + 3000), "sub": "me"]) { $1 }
        return Fixed.made { try JWS.signEdDSA(claims: .object(all), key: key) }
    }

    static func run(_ bytes: [UInt8]) throws {
        let lines = bytes.split(separator: UInt8(ascii: "\n"), maxSplits: 2, omittingEmptySubsequences: false)
        guard lines.count > 1 else { return }
        let stage = current()
        let line = String(decoding: lines[0], as: UTF8.self)
        let caller = String(decoding: lines[1], as: UTF8.self)
        let body = lines.count > 2 ? Array(lines[2]) : []
        let answer = try wait {
            var (cookie, nonce) = (stage.guestCookie, "")
            if caller == "session" { (cookie, nonce) = try await newSession(stage.broker) }
            return await stage.broker.respond(to: request(line, caller, body, cookie, nonce))
        }
        // Whatever a client says is the client's mistake.
        let said = String(decoding: answer.body.prefix(300), as: UTF8.self)
        require((200..<500).contains(answer.status), "\(line.prefix(80)) is answered with \(answer.status): \(said)")
        require(answer.body.firstRange(of: Array(hidden.utf8)) == nil, "a secret is in an answer")
        guard answer.status >= 400 else { return check(line, caller) }
        let problem = try JSONValue.parse(answer.body)
        require(problem["type"]?.stringValue != nil && problem["trace_id"]?.stringValue?.utf8.count == 16, "no problem")
        require(!(problem["detail"]?.stringValue ?? "").isEmpty, "a refusal says nothing")
    }

    /// Who proved nothing gets what is anybody's.
    private static func check(_ line: String, _ caller: String) {
        let isProven = caller.contains(adminToken) || caller.contains(tenantToken)
        guard !isProven, !["admin", "tenant", "guest", "session"].contains(caller) else { return }
        let open = [
            "GET /healthz", "GET /readyz", "GET /metrics", "GET /.well-known/jwks.json",
            "GET /kbs/v0/testudo/registration/", "GET /kbs/v0/testudo/ca/", "GET /kbs/v0/testudo/authority/",
            "GET /kbs/v0/testudo/crl/", "POST /kbs/v0/auth",
        ]
        let path = URI(line.split(separator: " ", maxSplits: 1).dropFirst().first.map(String.init) ?? "/").path
        let called = "\(line.prefix { $0 != " " }) \(path)"
        require(open.contains { called.hasPrefix($0) }, "\(called.prefix(80)) is answered to anybody")
    }

    static let registration = JSONValue.object([
        "name": "hello", "namespace": "acme", "hostnames": ["hello.acme.localhost"],
        "resources": ["acme/key/one", "acme/key/two"], "keys": ["kms:data:encrypt", "kms:data:decrypt"],
        "measurements": "any-reference", "guestVersion": "0.1.0", "expires": .integer(Fixed.now + 864_000),
    ]).canonicalText
    static let tenant = JSONValue.object([
        "admins": [["name": "ann", "key": .string(Fixed.tenant.publicKey.pemRepresentation)]],
        "repositories": ["acme"], "namespaces": ["acme"], "quota": ["resources": 50, "bytes": 100_000],
    ]).canonicalText
    static let attestation = {
        let additional = JSONValue.object([
            "testudo": [
                "binding": "launch", "epoch": 0, "instance": .string(String(repeating: "01", count: 16)),
                "manifest": .string(digest), "tlsKey": Guests.claims["tlsKey"] ?? "",
            ]
        ]).canonicalText
        return JSONValue.object([
            "init-data": ["format": "toml", "body": .string(manifest)],
            "runtime-data": ["nonce": "@NONCE@", "tee-pubkey": Fixed.recipients[0]],
            "tee-evidence": [
                "primary_evidence": ["measurement": .string(measurement)], "additional_evidence": .string(additional),
            ],
        ]).canonicalText
    }()

    static func release() throws -> String {
        let values: JSONValue = [
            "version": "0.1.0",
            "values": [["technology": "snp", "measurement": .string(measurement), "vcpus": 1, "debug": false]],
        ]
        return try JWS.signEdDSA(claims: values, key: Fixed.tenant)
    }
}
