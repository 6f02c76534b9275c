import Crypto
import Envelope
import Foundation
import HTTPExchange
import Synchronization
import WireFormat

/// Attacks with the evidence that a genuine guest makes for a broker's handshake.
///
/// A guest makes it inside TLS to the broker that its manifest pins and nowhere else. A relay before a guest of the
/// registered manifest therefore gets none: that is the attack "broker that is not the tenant's". The host can only launch
/// a guest whose manifest pins its relay; the guest is genuine, its manifest is another one.
enum RelayAttacks {
    static let all = [live, victimsManifest, claimedManifest, foreignKey, foreignCookie, replay]

    private static let live = HostAttack(
        name: "second VM's handshake relayed live",
        altered: "keyBroker in the second VM's manifest: a relay that hands its handshake on to the tenant's",
        expected: "manifest-unregistered"
    ) { scene in
        let folder = "\(scene.stage.folder)/relay"
        try? FileManager.default.removeItem(atPath: folder)
        try ChildProcess.require(try Installation.program("testudo-keybroker"), ["init", "--dir", folder])
        let relay = try await BrokerRelay.start(
            certificate: "\(folder)/tls.pem", key: "\(folder)/tls.key", broker: try RawSession.exchanger(scene))
        let guest: HostAttack.Outcome
        do {
            let arguments = ["--broker-url", relay.url, "--broker-certificate", "\(folder)/tls.pem"]
            guest = try await OffPool.run { try scene.hostileNode("broker", arguments) }
        } catch {
            await relay.stop()
            throw error
        }
        await relay.stop()
        guard let attestation = relay.exchanges.last(where: { $0.request.path == RelayedMessage.path }) else {
            throw CommandFailure("the guest sent the relay no evidence: \(guest.check): \(guest.reason)")
        }
        scene.relayed.keep(try RelayedMessage(attestation.request))
        return .init(
            refused: guest.refused && attestation.response.status != 200, check: guest.check,
            reason: RawSession.detail(attestation.response))
    }

    private static let victimsManifest = HostAttack(
        name: "relayed handshake with the registered manifest",
        altered: "init-data of the relayed message: the registered manifest", expected: "manifest-digest"
    ) { scene in
        var message = try scene.relayed.message()
        try message.put(.string(scene.victimText), at: ["init-data", "body"])
        return try await message.send(scene)
    }

    private static let claimedManifest = HostAttack(
        name: "relayed handshake that claims the registered manifest",
        altered: "init-data and the digest in additional_evidence of the relayed message: the registered manifest's",
        expected: "report-data"
    ) { scene in
        var message = try scene.relayed.message()
        let path = ["tee-evidence", "additional_evidence"]
        guard let document = message.body["init-data"]?["body"]?.stringValue,
            let claims = message.body["tee-evidence"]?["additional_evidence"]?.stringValue
        else { throw CommandFailure("the relayed message has no init-data or no claims") }
        let digest = SHA256Digest(hashing: Array(document.utf8)).hex
        guard claims.contains(digest) else { throw CommandFailure("the guest did not claim its manifest") }
        let forged = claims.replacingOccurrences(of: digest, with: scene.victim.initData.digest.hex)
        try message.put(.string(scene.victimText), at: ["init-data", "body"])
        try message.put(.string(forged), at: path)
        return try await message.send(scene)
    }

    private static let foreignKey = HostAttack(
        name: "second VM's handshake with the host's key", altered: "tee-pubkey of the relayed message",
        expected: "report-data"
    ) { scene in
        var message = try scene.relayed.message()
        try message.put(TEEKey.fresh(), at: ["runtime-data", "tee-pubkey"])
        return try await message.send(scene)
    }

    private static let foreignCookie = HostAttack(
        name: "second VM's handshake with another cookie", altered: "cookie of the relayed message", expected: "nonce"
    ) { scene in
        var message = try scene.relayed.message()
        message.cookie = try await RawSession.open(scene).cookie
        return try await message.send(scene)
    }

    private static let replay = HostAttack(
        name: "second VM's handshake replayed", altered: "cookie and nonce of the relayed message: a new session's",
        expected: "report-data"
    ) { scene in
        var message = try scene.relayed.message()
        let session = try await RawSession.open(scene)
        message.cookie = session.cookie
        try message.put(.string(session.nonce), at: ["runtime-data", "nonce"])
        return try await message.send(scene)
    }
}

/// The message with which a genuine guest attested through the host's relay. Its session stays open after a refusal.
struct RelayedMessage: Sendable {
    static let path = "/kbs/v0/attest"

    var cookie: String
    private(set) var body: JSONValue

    init(_ request: ExchangeRequest) throws {
        guard let cookie = request.headers.first(where: { $0.0.lowercased() == "cookie" })?.1 else {
            throw CommandFailure("the guest attested without a cookie")
        }
        self.cookie = cookie
        self.body = try JSONValue.parse(request.body)
    }

    /// Puts another value where there is one already.
    mutating func put(_ value: JSONValue, at path: [String]) throws {
        body = try Self.put(value, at: path[...], in: body)
    }

    private static func put(_ value: JSONValue, at path: ArraySlice<String>, in whole: JSONValue) throws -> JSONValue {
        guard let name = path.first else { return value }
        guard case .object(var fields) = whole, let inner = fields[name] else {
            throw CommandFailure("the relayed message has no \(name)")
        }
        fields[name] = try put(value, at: path.dropFirst(), in: inner)
        return .object(fields)
    }

    /// Sends it to the tenant's broker.
    func send(_ scene: AttackScene) async throws -> HostAttack.Outcome {
        let response = try await RawSession.exchanger(scene).send(
            ExchangeRequest(
                method: "POST", path: Self.path, headers: [("Content-Type", "application/json"), ("Cookie", cookie)],
                body: body.canonicalBytes))
        return .init(refused: response.status != 200, check: "attest", reason: RawSession.detail(response))
    }

    /// Where an attack leaves it for the next ones.
    final class Store: Sendable {
        private let kept = Mutex<RelayedMessage?>(nil)

        func keep(_ message: RelayedMessage) { kept.withLock { $0 = message } }

        func message() throws -> RelayedMessage {
            guard let message = kept.withLock({ $0 }) else { throw CommandFailure("no handshake was relayed before") }
            return message
        }
    }
}

/// Work that blocks a thread, away from the few that tasks share: the relay needs one of those meanwhile.
enum OffPool {
    static func run<R: Sendable>(_ work: @escaping @Sendable () throws -> R) async throws -> R {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(with: Result { try work() }) }
        }
    }
}
