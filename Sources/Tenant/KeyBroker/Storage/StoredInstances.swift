import Crypto
import Foundation
import SealedStorage
import WireFormat

extension EntryFamily {
    /// Guests that attested, by the random name of their boot.
    static let instance = EntryFamily(rawValue: "instance")

    /// The nonces that were consumed, by the minute in which they were issued.
    static func nonces(minute: Int64) -> EntryFamily { EntryFamily(rawValue: "nonce-\(minute)") }
}

/// What the broker remembers of one boot of a guest.
struct StoredInstance: Equatable, Sendable {
    /// The highest epoch that attested.
    var epoch: Int64
    /// The manifest digest that the epoch is tied to (rule R4).
    var manifest: String
    /// The key that its logs are sealed to, empty when it has none (rule R22).
    var logKey: String
    /// The manifest under which it first named that key.
    var logManifest: String
    /// When the epoch first attested, in seconds since 1970.
    var time: Int64

    init(guest: AttestedGuest, now: Int64) {
        epoch = guest.epoch
        manifest = guest.manifest
        logKey = guest.logKey
        logManifest = guest.logKey.isEmpty ? "" : guest.manifest
        time = now
    }

    init(stored bytes: [UInt8]) throws(BrokerError) {
        do {
            var fields = try JSONFields(try JSONValue.parse(bytes), path: "instance")
            epoch = try fields.integer("epoch")
            manifest = try fields.string("manifest")
            logKey = try fields.string("logKey")
            logManifest = try fields.string("logManifest")
            time = try fields.integer("time")
            try fields.finish()
        } catch {
            throw BrokerError(.failed, check: "storage", "a stored instance cannot be read")
        }
    }

    var bytes: [UInt8] {
        JSONValue.object([
            "epoch": .integer(epoch), "manifest": .string(manifest), "logKey": .string(logKey),
            "logManifest": .string(logManifest), "time": .integer(time),
        ]).canonicalBytes
    }

    /// What is stored after `guest` attested; a second digest for an epoch, an older epoch and another log key are refused.
    func advanced(by guest: AttestedGuest, now: Int64) throws(BrokerError) -> StoredInstance {
        guard guest.epoch >= epoch else {
            throw BrokerError(.policyDenied, check: "epoch", "the instance has already reached a later epoch")
        }
        guard guest.epoch > epoch || guest.manifest == manifest else {
            throw BrokerError(.policyDenied, check: "epoch-digest", "the epoch belongs to another manifest")
        }
        var next = self
        if !guest.logKey.isEmpty {
            guard logKey.isEmpty || logKey == guest.logKey else {
                throw BrokerError(.policyDenied, check: "log-key", "the instance has another log key")
            }
            if logKey.isEmpty { (next.logKey, next.logManifest) = (guest.logKey, guest.manifest) }
        }
        if guest.epoch > epoch {
            next.epoch = guest.epoch
            next.manifest = guest.manifest
            next.time = now
        }
        return next
    }
}

extension BrokerStore {
    /// What a nonce is known by where it is consumed and recorded: SHA-256 in hexadecimal.
    static func mark(_ nonce: String) -> String { Hex.encode(SHA256.hash(data: Data(nonce.utf8))) }

    /// How long a consumed nonce is remembered, in minutes; its session is void long before.
    static var nonceMemory: Int64 { 60 }

    /// The step between verified evidence and its token, in one transaction that is durable before it returns.
    ///
    /// The nonce is created if absent (R13), and (instance, epoch) is tied to the manifest digest (R4): a second digest
    /// for the pair or an epoch below the highest one is refused, and then nothing is written.
    ///
    /// - Parameters:
    ///   - nonce: The challenge.
    ///   - issued: When it was issued, in seconds since 1970, as the session says.
    ///   - guest: Whose evidence was accepted.
    ///   - claims: What other replicas may be asked about the session; nil where nobody asks.
    ///   - now: The present second since 1970.
    func consume(
        nonce: String, issued: Int64, guest: AttestedGuest, claims: KeptClaims? = nil, now: Int64
    ) async throws(BrokerError) {
        let minute = issued / 60
        let mark = EntryFamily.nonces(minute: minute)[Self.mark(nonce)]
        let instance = guest.instance.isEmpty ? nil : EntryFamily.instance[guest.instance]
        let swept = EntryFamily.setting["nonces-swept"]
        let use = claims == nil ? nil : EntryFamily.sessionClaimsUse["\(minute)"]
        try await transact([mark, swept] + [instance, use].compactMap(\.self), isRoutine: true) {
            (transaction) throws(BrokerError) in
            // A clock that went ahead and came back must not bring back what was forgotten meanwhile.
            let forgotten = try transaction.entry(swept).flatMap { Int64(String(decoding: $0.value, as: UTF8.self)) }
            guard minute >= forgotten ?? .min, try transaction.entry(mark) == nil else {
                throw BrokerError(.attestation, check: "nonce", "the nonce was used before")
            }
            transaction.put(mark, [])
            if let claims { try transaction.keep(claims, minute: minute) }
            guard let instance else { return }
            if let entry = try transaction.entry(instance) {
                let known = try StoredInstance(stored: entry.value)
                let next = try known.advanced(by: guest, now: now)
                if next != known { transaction.put(instance, next.bytes) }
            } else {
                transaction.put(instance, StoredInstance(guest: guest, now: now).bytes)
            }
        }
    }

    /// Forgets nonces whose sessions are void since long.
    func sweepNonces(now: Int64) async throws(BrokerError) {
        let key = EntryFamily.setting["nonces-swept"]
        let end = now / 60 - Self.nonceMemory
        let text = try await read(key).map { String(decoding: $0.value, as: UTF8.self) }
        let start = text.flatMap { Int64($0) } ?? end - 1
        guard start < end else { return }
        // Before anything is forgotten: what is older than this is refused from now on, at every replica.
        try await transact([key], isRoutine: true) { (transaction) throws(BrokerError) in
            let known = try transaction.entry(key).flatMap { Int64(String(decoding: $0.value, as: UTF8.self)) }
            if known ?? .min < end { transaction.put(key, Array("\(end)".utf8)) }
        }
        // A broker that slept for a month asks for no more minutes than it can have used.
        for minute in max(start, end - 50_000)..<end {
            try await removeAll(EntryFamily.nonces(minute: minute))
        }
    }

    /// Log keys in one answer: the newest, since a node keeps the newest records.
    private static var listed: Int { 2000 }

    /// The log keys of guests with these manifests, newest first: what `testudo logs` compares records with, since the node
    /// that keeps them knows the key that they are sealed to (rule R22).
    ///
    /// - Parameter since: Those that first attested before are another one's.
    func logKeys(manifests: Set<String>, since: Int64 = .min) async throws(BrokerError) -> [JSONValue] {
        var found: [(time: Int64, json: JSONValue)] = []
        for entry in try await list(.instance) {
            let instance = try StoredInstance(stored: entry.value)
            guard manifests.contains(instance.logManifest), !instance.logKey.isEmpty, instance.time >= since else {
                continue
            }
            found.append(
                (
                    instance.time,
                    .object([
                        "instance": .string(entry.name), "manifest": .string(instance.logManifest),
                        "logKey": .string(instance.logKey), "time": .integer(instance.time),
                    ])
                ))
        }
        return found.sorted { $0.time > $1.time }.prefix(Self.listed).map(\.json)
    }
}

extension KeyBroker {
    /// The log keys of a Service, `namespace/name`, under all its manifests, retired ones included.
    ///
    /// - Parameter isForTenant: Whether the namespace's tenant asks, whose only what attested since he has it is.
    func logKeys(_ service: String, isForTenant: Bool = false) async throws(BrokerError) -> JSONValue {
        var since = Int64.min
        if isForTenant, let namespace = service.split(separator: "/").first,
            let entry = try await store.read(EntryFamily.namespaceSince[String(namespace)])
        {
            since = Int64(String(decoding: entry.value, as: UTF8.self)) ?? .max
        }
        let registered = try await store.registrations()
        let manifests = registered.filter { "\($0.namespace)/\($0.name)" == service }.map(\.digest)
        return .array(try await store.logKeys(manifests: Set(manifests), since: since))
    }
}
