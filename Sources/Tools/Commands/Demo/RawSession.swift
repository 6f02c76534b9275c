import AttestedChannel
import Crypto
import Envelope
import Evidence
import Foundation
import HTTPExchange
import NIOPosix
import WireFormat

/// A key broker session that the host opened for itself.
struct RawSession: Sendable {
    let nonce: String
    /// Name and value, as a request carries them.
    let cookie: String
    private let exchanger: HTTPExchanger
    private let initData: String

    /// Leads to the tenant's broker.
    static func exchanger(_ scene: AttackScene) throws -> HTTPExchanger {
        let certificate = try StateFolder.text("\(scene.state.broker)/tls.pem")
        return HTTPExchanger(
            endpoint: try HTTPEndpoint(url: scene.settings.broker, trust: .pinnedCertificate(pem: certificate)),
            dialer: TCPDialer(), eventLoopGroup: MultiThreadedEventLoopGroup.singleton)
    }

    /// Why the broker refused, in its own words.
    static func detail(_ response: ExchangeResponse) -> String {
        (try? JSONValue.parse(response.body))?["detail"]?.stringValue ?? "status \(response.status)"
    }

    /// `POST /auth` as anybody may.
    static func open(_ scene: AttackScene) async throws -> RawSession {
        let exchanger = try Self.exchanger(scene)
        let request: JSONValue = .object(["version": "0.4.0", "tee": "soft-snp", "extra-params": .object([:])])
        let response = try await exchanger.send(
            ExchangeRequest(
                method: "POST", path: "/kbs/v0/auth", headers: [("Content-Type", "application/json")],
                body: request.canonicalBytes))
        guard response.status == 200, let nonce = try JSONValue.parse(response.body)["nonce"]?.stringValue,
            let cookie = response.headers.first(where: { $0.0.lowercased() == "set-cookie" })?.1.split(separator: ";")
                .first
        else { throw CommandFailure("the broker opened no session: status \(response.status)") }
        return RawSession(
            nonce: nonce, cookie: String(cookie), exchanger: exchanger,
            initData: scene.victimText)
    }

    private static let additional: JSONValue = .object([
        "testudo": .object([
            "binding": "launch", "epoch": 0, "instance": .string(String(repeating: "0", count: 32)),
            "manifest": .string(""), "tlsKey": .string(String(repeating: "0", count: 64)),
        ])
    ])

    private static func additionalText(_ manifest: String) -> String {
        guard case .object(var outer) = additional, case .object(var inner)? = outer["testudo"] else { return "" }
        inner["manifest"] = .string(manifest)
        outer["testudo"] = .object(inner)
        return JSONValue.object(outer).canonicalText
    }

    /// What the broker would expect for `key`: 48 bytes of digest.
    static func reportData(nonce: String, key: JSONValue, manifest: String) -> [UInt8] {
        Array(
            ReportBinding.rcar(
                teePublicKey: key, nonce: nonce, additionalEvidence: additionalText(manifest)
            ).prefix(48))
    }

    /// `POST /attest` with evidence that was made for something else.
    func attest(_ evidence: ServiceEvidence, nonce: String, key: JSONValue) async throws -> HostAttack.Outcome {
        let body: JSONValue = .object([
            "init-data": .object(["format": "toml", "body": .string(initData)]),
            "runtime-data": .object(["nonce": .string(nonce), "tee-pubkey": key]),
            "tee-evidence": .object([
                "primary_evidence": evidence.primary,
                "additional_evidence": .string(Self.additionalText(evidence.manifestDigest.hex)),
            ]),
        ])
        let response = try await exchanger.send(
            ExchangeRequest(
                method: "POST", path: "/kbs/v0/attest",
                headers: [("Content-Type", "application/json"), ("Cookie", cookie)], body: body.canonicalBytes))
        return .init(refused: response.status != 200, check: "attest", reason: Self.detail(response))
    }
}

/// A key of the host's own, in the form of a guest's.
enum TEEKey {
    static func fresh() -> JSONValue {
        let bytes = Array(P256.KeyAgreement.PrivateKey().publicKey.rawRepresentation)
        return .object([
            "kty": "EC", "crv": "P-256", "alg": "ECDH-ES+A256KW",
            "x": .string(Base64.encodeURL(Array(bytes.prefix(32)))),
            "y": .string(Base64.encodeURL(Array(bytes.suffix(32)))),
        ])
    }
}

extension AttackScene {
    /// Evidence of a running guest over a nonce that the host chose, as `attest` gets it.
    func genuineEvidence(of name: String, nonce: [UInt8]) async throws -> ServiceEvidence {
        let exchanger = HTTPExchanger(
            endpoint: try call.endpoint(name, "default", scheme: "https"), dialer: LoopbackDialer(),
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton, timeoutSeconds: 60, connectSeconds: 60)
        return try await AttestedService(exchanger: exchanger).evidence(nonce: nonce)
    }

    /// Ends the VM of the untouched service and lets another one of the same image and manifest take its place.
    func startSecondVM() async throws {
        let client = try NodeClient(state: state, settings: settings)
        _ = try await client.call("DELETE", NodeClient.servicePath(victim.namespace, victim.name))
        try await stage.apply(stage.service("hello-swift", runtimeClass: "testudo-cvm", name: victim.name))
        _ = try await control()
    }
}
