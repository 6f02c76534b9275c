import AttestedChannel
import Crypto
import Envelope
import Foundation
import HTTPExchange
import NIOPosix
import Synchronization
import WireFormat

/// A key broker that keeps the protocol's rules and can be told to misbehave.
final class FakeBroker: Sendable {
    struct Behaviour: Sendable {
        var tokenSeconds: Int64 = 300
        /// Answers of the kind 503 before the first good one.
        var outages = 0
        /// What attestation answers, when it is refused.
        var attestRefusal: (status: Int, detail: String)?
        /// What resources answer, when they are refused.
        var resourceRefusal: (status: Int, detail: String)?
        /// How many tokens are declared ended when they are used first.
        var endedTokens = 0
        /// What other paths answer to which body, sealed to the guest.
        var answers: [String: (body: JSONValue?, content: [UInt8])] = [:]
        /// Encrypts to this key instead of the one in the evidence.
        var foreignKey: JSONValue?
    }

    struct State {
        var behaviour: Behaviour
        var nonces: [String: String] = [:]
        var keys: [String: JSONValue] = [:]
        var evidence: [JSONValue] = []
        var ended: Set<String> = []
    }

    static let resource = Array("the image key".utf8)
    private let state: Mutex<State>

    init(_ behaviour: Behaviour = Behaviour()) { self.state = Mutex(State(behaviour: behaviour)) }

    /// The attestations that came in.
    var evidence: [JSONValue] { state.withLock { $0.evidence } }

    func answer(_ request: SeenRequest) -> FakeAnswer {
        state.withLock { state in
            if state.behaviour.outages > 0 {
                state.behaviour.outages -= 1
                return Self.refusal(503, "starting")
            }
            switch (request.head.method, request.head.uri) {
            case (.POST, "/kbs/v0/auth"): return Self.auth(request, &state)
            case (.POST, "/kbs/v0/attest"): return Self.attest(request, &state)
            default: return Self.authorised(request, &state)
            }
        }
    }

    static func refusal(_ status: Int, _ detail: String) -> FakeAnswer {
        let body: JSONValue = [
            "type": "https://github.com/confidential-containers/kbs/errors/PolicyDeny", "detail": .string(detail),
        ]
        return FakeAnswer(status: status, body: body.canonicalBytes)
    }

    private static func auth(_ request: SeenRequest, _ state: inout State) -> FakeAnswer {
        guard let body = try? JSONValue.parse(request.body), body["version"] == "0.4.0", body["tee"] == "soft-snp"
        else {
            return refusal(401, "version")
        }
        let nonce = Base64.encode(SecretBytes(random: 32).copyBytes())
        let session = Hex.encode(SecretBytes(random: 16).copyBytes())
        state.nonces[session] = nonce
        let answer: JSONValue = ["nonce": .string(nonce), "extra-params": ""]
        return FakeAnswer(
            headers: [("Set-Cookie", "kbs-session-id=\(session); Expires=Thu, 01 Jan 2037 00:00:00 GMT")],
            body: answer.canonicalBytes)
    }

    private static func attest(_ request: SeenRequest, _ state: inout State) -> FakeAnswer {
        if let refused = state.behaviour.attestRefusal { return refusal(refused.status, refused.detail) }
        let cookie = request.head.headers.first(name: "cookie")?.dropFirst("kbs-session-id=".count) ?? ""
        guard let nonce = state.nonces.removeValue(forKey: String(cookie)),
            let body = try? JSONValue.parse(request.body), body["runtime-data"]?["nonce"]?.stringValue == nonce,
            let key = body["runtime-data"]?["tee-pubkey"]
        else { return refusal(401, "RCAR handshake Attest failed") }
        state.evidence.append(body)
        let claims: JSONValue = [
            "iat": 1_700_000_000, "exp": .integer(1_700_000_000 + state.behaviour.tokenSeconds),
            "jti": .string(Hex.encode(SecretBytes(random: 8).copyBytes())),
        ]
        let token = "e30.\(Base64.encodeURL(claims.canonicalBytes)).c2ln"
        state.keys[token] = key
        return FakeAnswer(body: JSONValue.object(["token": .string(token)]).canonicalBytes)
    }

    private static func authorised(_ request: SeenRequest, _ state: inout State) -> FakeAnswer {
        let token = String(request.head.headers.first(name: "authorization")?.dropFirst("Bearer ".count) ?? "")
        guard let key = state.keys[token], !state.ended.contains(token) else { return refusal(401, "token") }
        if state.behaviour.endedTokens > 0 {
            state.behaviour.endedTokens -= 1
            state.ended.insert(token)
            return refusal(401, "token ended")
        }
        if let refused = state.behaviour.resourceRefusal { return refusal(refused.status, refused.detail) }
        switch request.head.uri {
        case "/kbs/v0/resource/default/image-key/hello":
            guard let recipient = try? JSONWebKey(parsing: state.behaviour.foreignKey ?? key),
                let sealed = try? JWE.encrypt(resource, to: recipient)
            else { return refusal(500, "encrypt") }
            return FakeAnswer(body: sealed.canonicalBytes)
        case "/kbs/v0/testudo/certificate":
            let answer: JSONValue = ["certificate": "PEM", "notAfter": 1_700_003_600]
            return FakeAnswer(body: answer.canonicalBytes)
        case let path:
            guard let answer = state.behaviour.answers[path] else { return refusal(404, "no such resource") }
            guard answer.body == nil || answer.body == (try? JSONValue.parse(request.body)) else {
                return refusal(400, "another body")
            }
            guard let recipient = try? JSONWebKey(parsing: key),
                let sealed = try? JWE.encrypt(answer.content, to: recipient)
            else { return refusal(500, "encrypt") }
            return FakeAnswer(body: sealed.canonicalBytes)
        }
    }
}

/// Evidence that says what it was made for.
struct FakeEvidence: EvidenceSource {
    struct NoDevice: Error {}
    var technology: String { "soft-snp" }
    var initData: String { "version = \"0.1.0\"\n" }
    var isBroken = false

    func collect(_ inputs: HandshakeInputs) async throws -> CollectedEvidence {
        if isBroken { throw NoDevice() }
        return CollectedEvidence(
            primary: ["nonce": .string(inputs.nonce), "key": inputs.teePublicKey], additional: "{}")
    }
}

/// Runs `work` with a client of a fake broker.
func withBroker(
    _ behaviour: FakeBroker.Behaviour = .init(), evidence: FakeEvidence = FakeEvidence(),
    _ work: (RCARClient, FakeBroker, FakeServer) async throws -> Void
) async throws {
    let broker = FakeBroker(behaviour)
    let certificate = try TestCertificate()
    let server = try await FakeServer.start(tls: try certificate.server()) { broker.answer($0) }
    let exchanger = HTTPExchanger(
        endpoint: try HTTPEndpoint(
            url: "https://127.0.0.1:\(server.port)", trust: .pinnedCertificate(pem: certificate.pem)),
        dialer: TCPDialer(), eventLoopGroup: MultiThreadedEventLoopGroup.singleton)
    let client = RCARClient(
        exchanger: exchanger, source: evidence,
        retries: RetryPlan(attempts: 3, firstPause: .milliseconds(1), longestPause: .milliseconds(2)))
    try await work(client, broker, server)
    await server.stop()
}
