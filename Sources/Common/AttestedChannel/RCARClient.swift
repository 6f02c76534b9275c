import Crypto
import Envelope
import HTTPExchange
import Unsealing
import WireFormat

/// The guest's side of the key broker: proves what it is, once, and then takes what it may have.
///
/// The handshake (request, challenge, attestation, resource; KBS 0.4.0) runs at the first need. Callers at the same time
/// share it. Its token serves every resource and is renewed by another handshake, with another key, before it ends. A
/// broker that refuses is not asked again.
public actor RCARClient {
    private enum State {
        case idle
        case attesting(number: Int, Task<BrokerSession, any Error>)
        case attested(BrokerSession)
    }

    private let wire: BrokerWire
    private let source: any EvidenceSource
    private let retries: RetryPlan
    private let onAttested: @Sendable (String) async throws -> Void
    private var state: State = .idle
    private var handshakes = 0

    /// Creates a client; nothing is sent yet.
    ///
    /// - Parameters:
    ///   - exchanger: Leads to the broker, pinned.
    ///   - source: Collects evidence.
    ///   - retries: How often an unreachable broker is tried.
    ///   - onAttested: Called with the broker's answer to each attestation before anything is made of it: its bytes come
    ///     from outside the host's reach and may feed the entropy pool (rule R16).
    public init(
        exchanger: HTTPExchanger, source: any EvidenceSource, retries: RetryPlan = RetryPlan(),
        onAttested: @escaping @Sendable (String) async throws -> Void = { _ in }
    ) {
        self.wire = BrokerWire(exchanger: exchanger)
        self.source = source
        self.retries = retries
        self.onAttested = onAttested
    }

    /// How many handshakes have been begun.
    public var handshakeCount: Int { handshakes }

    /// Attests, unless a token is at hand that is good for a while.
    public func attest() async throws(BrokerFailure) { _ = try await session() }

    /// Fetches a resource and opens it.
    ///
    /// - Parameter path: `repository/type/tag`, or the same behind `kbs:///`.
    public func resource(_ path: String) async throws(BrokerFailure) -> SecretBytes {
        let scheme = ResourceAddress.scheme
        let path = path.hasPrefix(scheme) ? String(path.dropFirst(scheme.count)) : path
        guard ResourceAddress.isPath(path) else {
            throw BrokerFailure(.notFound, "'\(path.prefix(200))' is no resource path")
        }
        return try await opened("GET", "/kbs/v0/resource/\(path)", what: "resource \(path)")
    }

    /// Makes a call whose answer is sealed to this guest, and opens it.
    func opened(
        _ method: String, _ path: String, what: String, body: JSONValue? = nil
    ) async throws(BrokerFailure) -> SecretBytes {
        let (response, session) = try await authorised(method, path, what: what, body: body)
        do {
            return try JWE.open(try JSONValue.parse(response.body), with: session.key)
        } catch {
            throw BrokerFailure(.badAnswer, "\(what): the answer does not open")
        }
    }

    /// Asks for a certificate for the key that evidence names.
    ///
    /// - Parameter request: A PKCS#10 request in DER, signed with the key whose digest the evidence carries.
    public func certificate(_ request: [UInt8]) async throws(BrokerFailure) -> IssuedCertificate {
        let body: JSONValue = ["csr": .string(Base64.encode(request))]
        let (response, _) = try await authorised("POST", "/kbs/v0/testudo/certificate", what: "certificate", body: body)
        return try IssuedCertificate(parsing: response.body)
    }

    private func authorised(
        _ method: String, _ path: String, what: String, body: JSONValue? = nil
    ) async throws(BrokerFailure) -> (ExchangeResponse, BrokerSession) {
        let wire = wire
        var session = try await session()
        for isLast in [false, true] {
            let token = session.token
            let response = try await retries.run { () async throws(BrokerFailure) in
                let response = try await wire.authorised(method, path, token: token, body: body)
                guard response.status < 500 else { throw wire.refusal(what, response) }
                return response
            }
            if response.status == 200 { return (response, session) }
            // The token may have ended; a second refusal is meant.
            guard response.status == 401, !isLast else { throw wire.refusal(what, response) }
            forget(session)
            session = try await self.session()
        }
        throw BrokerFailure(.denied, what)
    }

    private func forget(_ session: BrokerSession) {
        if case .attested(let current) = state, current.token == session.token { state = .idle }
    }

    private func session() async throws(BrokerFailure) -> BrokerSession {
        switch state {
        case .attested(let session) where session.renewal > ContinuousClock.now: return session
        case .attesting(_, let task): return try await Self.value(of: task)
        case .idle, .attested: break
        }
        handshakes += 1
        let number = handshakes
        let task = Task { [wire, source, retries, onAttested] in
            try await retries.run { () async throws(BrokerFailure) in
                try await Self.handshake(wire, source, onAttested)
            } as BrokerSession
        }
        // Written before the first suspension: from here on others join this handshake.
        state = .attesting(number: number, task)
        do {
            let session = try await Self.value(of: task)
            if isCurrent(number) { state = .attested(session) }
            return session
        } catch {
            if isCurrent(number) { state = .idle }
            throw error
        }
    }

    private func isCurrent(_ number: Int) -> Bool {
        if case .attesting(number, _) = state { true } else { false }
    }

    private static func value(of task: Task<BrokerSession, any Error>) async throws(BrokerFailure) -> BrokerSession {
        do {
            return try await task.value
        } catch let failure as BrokerFailure {
            throw failure
        } catch {
            throw BrokerFailure(.unreachable, "\(error)")
        }
    }

    /// One whole handshake, with a key of its own.
    private static func handshake(
        _ wire: BrokerWire, _ source: any EvidenceSource, _ onAttested: @Sendable (String) async throws -> Void
    ) async throws(BrokerFailure) -> BrokerSession {
        let challenge = try await wire.challenge(technology: source.technology)
        let key: P256.KeyAgreement.PrivateKey
        let publicKey: JSONValue
        let evidence: CollectedEvidence
        do {
            key = try await source.handshakeKey(after: challenge.nonce)
            publicKey = HandshakeKey.publicJSON(key)
            evidence = try await source.collect(HandshakeInputs(teePublicKey: publicKey, nonce: challenge.nonce))
        } catch {
            throw BrokerFailure(.noEvidence, "\(error)")
        }
        let token = try await wire.attest(
            challenge, teePublicKey: publicKey, initData: source.initData, evidence: evidence)
        let session = try BrokerSession(token: token, key: key, now: .now)
        do {
            try await onAttested(token)
        } catch {
            throw BrokerFailure(.noEvidence, "\(error)")
        }
        return session
    }
}
