import Crypto
import Envelope
import Foundation
import HTTPExchange
import NIOPosix
import WireFormat

/// The tenant's side of the key broker's administration interface. Every call carries a short-lived EdDSA token.
struct BrokerAdmin: Sendable {
    private let exchanger: HTTPExchanger
    private let key: Curve25519.Signing.PrivateKey

    init(state: StateFolder, settings: Settings) throws {
        let certificate = try StateFolder.text("\(state.broker)/tls.pem")
        let endpoint = try HTTPEndpoint(url: settings.broker, trust: .pinnedCertificate(pem: certificate))
        self.exchanger = HTTPExchanger(
            endpoint: endpoint, dialer: TCPDialer(), eventLoopGroup: MultiThreadedEventLoopGroup.singleton)
        self.key = try Ed25519PEM.privateKey(try StateFolder.text("\(state.broker)/admin.key"))
    }

    private func token() throws -> String {
        let now = Int64(Date().timeIntervalSince1970)
        return try JWS.signEdDSA(
            claims: .object([
                "role": "admin", "iat": .integer(now), "exp": .integer(now + 120), "sub": "testudo-cli",
            ]), key: key)
    }

    /// One call; the answer's body when the broker agreed.
    ///
    /// - Parameters:
    ///   - hints: What to do, by the status of a refusal.
    ///   - hint: What to do, by its words.
    @discardableResult
    func call(
        _ method: String, _ path: String, body: [UInt8] = [], type: String = "application/json",
        hints: [Int: String] = [:], hint: (String) -> String? = { _ in nil }
    ) async throws -> [UInt8] {
        var headers = [("Authorization", "Bearer \(try token())")]
        if !body.isEmpty { headers.append(("Content-Type", type)) }
        let response: ExchangeResponse
        do {
            response = try await exchanger.send(
                ExchangeRequest(method: method, path: path, headers: headers, body: body))
        } catch {
            throw CommandFailure("the key broker did not answer: \(error)", hint: "`testudo status` shows what runs")
        }
        guard (200..<300).contains(response.status) else {
            let detail = (try? JSONValue.parse(response.body))?["detail"]?.stringValue
            throw CommandFailure(
                "the key broker refused \(method) \(path): \(detail ?? "status \(response.status)")",
                hint: hints[response.status] ?? detail.flatMap(hint))
        }
        return response.body
    }

    func json(
        _ method: String, _ path: String, _ body: JSONValue? = nil, hints: [Int: String] = [:],
        hint: (String) -> String? = { _ in nil }
    ) async throws -> JSONValue {
        let answer = try await call(method, path, body: body?.canonicalBytes ?? [], hints: hints, hint: hint)
        return answer.isEmpty ? .null : try JSONValue.parse(answer)
    }

    /// The registered manifests, retired ones included.
    func manifests() async throws -> [JSONValue] {
        let listed = try await json("GET", "/kbs/v0/testudo/manifests")
        return listed.arrayValue ?? listed["manifests"]?.arrayValue ?? []
    }

    /// Retires the manifests of one Service that are not retired yet, but for `kept`; their digests.
    func retireManifests(name: String, namespace: String, except kept: String? = nil) async throws -> [String] {
        var retired: [String] = []
        for entry in try await manifests() {
            guard entry["name"]?.stringValue == name, entry["namespace"]?.stringValue == namespace,
                let digest = entry["digest"]?.stringValue, digest != kept,
                entry["state"]?.stringValue != "retired"
            else { continue }
            try await call("DELETE", "/kbs/v0/testudo/manifests/\(digest)")
            retired.append(digest)
        }
        return retired
    }
}

/// Ed25519 keys in the PEM that OpenSSL writes (RFC 8410).
enum Ed25519PEM {
    private static let privatePrefix: [UInt8] = [
        0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
    ]

    static func privateKey(_ pem: String) throws -> Curve25519.Signing.PrivateKey {
        let lines = pem.split(separator: "\n").filter { !$0.hasPrefix("-----") }
        let der = try Base64.decode(lines.joined(), field: "Ed25519 private key")
        guard der.count == privatePrefix.count + 32, Array(der.prefix(privatePrefix.count)) == privatePrefix else {
            throw CommandFailure("the private key is not an Ed25519 key in PKCS#8")
        }
        return try Curve25519.Signing.PrivateKey(rawRepresentation: der.suffix(32))
    }
}
