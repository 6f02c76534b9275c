import Crypto
import Envelope
import Foundation
import HTTPExchange
import NIOPosix
import WireFormat

/// The administrator's side of a key broker's administration interface. Every call carries a short-lived token.
struct BrokerAdmin: Sendable {
    private let exchanger: HTTPExchanger
    private let credential: BrokerCredential
    private let isOfDeployment: Bool

    /// An administrator who calls `endpoint`.
    init(endpoint: HTTPEndpoint, credential: BrokerCredential, isOfDeployment: Bool = false) {
        self.exchanger = HTTPExchanger(
            endpoint: endpoint, dialer: TCPDialer(), eventLoopGroup: MultiThreadedEventLoopGroup.singleton)
        self.credential = credential
        self.isOfDeployment = isOfDeployment
    }

    /// The administrator of the broker that `testudo up` made.
    init(state: StateFolder, settings: Settings) throws {
        let certificate = try StateFolder.text("\(state.broker)/tls.pem")
        self.init(
            endpoint: try HTTPEndpoint(url: settings.broker, trust: .pinnedCertificate(pem: certificate)),
            credential: .key(try Ed25519PEM.privateKey(try StateFolder.text("\(state.broker)/admin.key")), tenant: nil),
            isOfDeployment: true)
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
        let response = try await send(method, path, body, type)
        guard (200..<300).contains(response.status) else {
            throw refusal(of: response, "\(method) \(path)", hints: hints, hint: hint)
        }
        return response.body
    }

    /// Whether there is something to read.
    func has(_ path: String) async throws -> Bool {
        let response = try await send("GET", path, [], "")
        guard response.status != 404 else { return false }
        guard (200..<300).contains(response.status) else { throw refusal(of: response, "GET \(path)") }
        return true
    }

    private func send(
        _ method: String, _ path: String, _ body: [UInt8], _ type: String
    ) async throws -> ExchangeResponse {
        var headers = [("Authorization", "Bearer \(try credential.token())")]
        if !body.isEmpty { headers.append(("Content-Type", type)) }
        do {
            return try await exchanger.send(
                ExchangeRequest(method: method, path: path, headers: headers, body: body))
        } catch {
            throw await unanswered(error)
        }
    }

    private func refusal(
        of response: ExchangeResponse, _ call: String, hints: [Int: String] = [:],
        hint: (String) -> String? = { _ in nil }
    ) -> CommandFailure {
        let problem = try? JSONValue.parse(response.body)
        let detail = problem?["detail"]?.stringValue
        // A quota stands in the way of any call, whatever the call's own conflicts are.
        let isQuota = problem?["type"]?.stringValue?.hasSuffix("/QuotaExceeded") == true
        return CommandFailure(
            "the key broker refused \(call): \(detail ?? "status \(response.status)")",
            hint: isQuota
                ? quotaHint
                : detail.flatMap(hint) ?? hints[response.status] ?? usualHint(response.status, detail ?? ""))
    }

    /// Why there was no answer, and what to do about it.
    private func unanswered(_ error: ExchangeError) async -> CommandFailure {
        let place = "\(exchanger.endpoint.schemeName)://\(exchanger.endpoint.authority)"
        func failure(_ hint: String) -> CommandFailure {
            CommandFailure("the key broker at \(place) did not answer: \(error.reason)", hint: hint)
        }
        let reason = error.reason.lowercased()
        if reason.contains("certificate_required") || reason.contains("alert_unknown_ca")
            || reason.contains("bad_certificate")
        {
            return failure(
                "this listener wants a certificate of its adminClientCA: --client-certificate FILE --client-key FILE")
        }
        // What the listener says about a missing certificate may be lost with the connection.
        if error.phase != .connect, reason.hasPrefix("the server c"), !isOfDeployment {
            return failure(
                "a listener of adminListen closes connections without a certificate of its adminClientCA: "
                    + "--client-certificate FILE --client-key FILE")
        }
        let isDoubted = reason.hasPrefix("the server's certificate is")
        if error.phase == .tls, isDoubted, let shown = await ServerCertificate.look(at: exchanger.endpoint) {
            let (reason, hint) = shown.refusal(by: exchanger.endpoint)
            return CommandFailure(
                "the key broker at \(place) is not believed: \(reason)",
                hint: isOfDeployment ? "another program may have its port; `testudo status` shows what runs" : hint)
        }
        switch error.phase {
        case .tls where reason.contains("not usable"):
            return failure("check the files of --ca, --client-certificate and --client-key, which are PEM")
        case .tls where reason.contains("does not speak tls"):
            return failure("another program has this port: check --broker, and `listen` of the broker's configuration")
        case .tls:
            return failure(
                isOfDeployment
                    ? "another program may have its port; `testudo status` shows what runs"
                    : "--ca has to be the broker's own certificate, or an authority of it and the URL have its name")
        default:
            return failure(
                isOfDeployment
                    ? "`testudo status` shows what runs" : "check --broker, and that a broker listens there (`listen`)")
        }
    }

    /// What to do about a tenant's quota.
    private var quotaHint: String {
        var name = "NAME"
        if case .key(_, let tenant?, _) = credential { name = tenant }
        return
            "delete what is not needed any more, or have the broker's own administrator raise it: `testudo broker tenants show "
            + "\(name)` tells what it has, `testudo broker tenants set \(name) --resources N --bytes N --manifests N` changes it"
    }

    /// What to do about refusals that any call may meet.
    private func usualHint(_ status: Int, _ detail: String) -> String? {
        if detail.contains("ADMIN listener") {
            return "name the address of adminListen: --broker URL --client-certificate FILE --client-key FILE"
        }
        if case .key(_, let tenant?, _) = credential {
            let known =
                "the broker's own administrator sees with `testudo broker tenants list` whether there is a tenant \(tenant)"
            if status == 401 {
                return
                    "check --admin-key (its public half has to be an administrator's of tenant \(tenant)) and this machine's clock; "
                    + known
            }
            if status == 403, detail == "Role tenant-admin not allowed" {
                return
                    "either the call is not one of its own (another's repository, or the broker's matters), or the key is the broker's "
                    + "own administrator's, who leaves --tenant out; " + known
            }
        }
        switch status {
        case 401:
            return
                "the broker knows no such credential: check --admin-key (its public half in adminKeys, or in the tenant with "
                + "--tenant), --token-file, and this machine's clock"
        case 403: return "the credential is good, and this call is not one of its own; the broker's audit log says why"
        case 429, 503: return "try again in a moment"
        default: return nil
        }
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
