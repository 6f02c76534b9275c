import Crypto
import Envelope
import SealedStorage
import Synchronization
import WireFormat

/// Named keys with versions, kept in the sealed store; their material leaves it only into this process's memory.
///
/// Everybody who asks is a ``KeyCaller``: administrators manage keys, attested guests use them as the ``KeyPolicy`` allows for
/// each operation. The type has no state of its own but a stock of uses, so any replica answers.
public final class KeyStore: Sendable {
    let store: SealedStore
    let policy: any KeyPolicy
    let now: @Sendable () -> Int64
    let usesLimit: UInt64
    let usesBlock: UInt64
    /// How many more messages each version may encrypt here before more uses are taken from the store.
    let stock = Mutex<[EntryKey: UInt64]>([:])

    /// With random nonces of 96 bits a key encrypts at most this often (SP 800-38D, section 8.3).
    public static let encryptionsLimit: UInt64 = 1 << 32
    /// The most versions of a key; destroyed ones count.
    public static let versionsLimit = 1000
    /// The most keys of a namespace; destroyed ones count.
    public static let keysLimit = 1000
    /// The overlap of keys that were made without one: 30 days.
    public static let defaultOverlap: Int64 = 30 * 86_400
    /// The longest overlap: ten years.
    public static let overlapLimit: Int64 = 3650 * 86_400

    /// Opens the keys in `store`.
    ///
    /// - Parameters:
    ///   - store: Where they are.
    ///   - policy: What decides on attested callers.
    ///   - now: The present second since 1970.
    public convenience init(_ store: SealedStore, policy: any KeyPolicy, now: @escaping @Sendable () -> Int64) {
        self.init(store, policy: policy, now: now, usesLimit: Self.encryptionsLimit, usesBlock: 1 << 16)
    }

    init(
        _ store: SealedStore, policy: any KeyPolicy, now: @escaping @Sendable () -> Int64, usesLimit: UInt64,
        usesBlock: UInt64
    ) {
        self.store = store
        self.policy = policy
        self.now = now
        self.usesLimit = usesLimit
        self.usesBlock = usesBlock
    }

    /// A key as a use of it finds it.
    struct Found: Sendable {
        let record: KeyRecord
        let version: KeyVersion
        let material: KeyMaterial
    }

    /// Which version a use asks for.
    enum Choice: Sendable {
        /// The newest one in use.
        case primary
        /// One by number, for what it made.
        case number(UInt32)
    }

    /// Checks that `caller` may do `operation` with `name`, and finds the key and the version for it.
    func find(
        _ name: KeyName, _ operation: KeyOperation, _ choice: Choice, by caller: KeyCaller
    ) async throws(KeyFailure) -> Found {
        try await find(try await admitted(name, operation, by: caller), operation, choice, by: caller)
    }

    /// Finds the version for an operation that was admitted.
    func find(
        _ admitted: KeyRecord, _ operation: KeyOperation, _ choice: Choice, by caller: KeyCaller
    ) async throws(KeyFailure) -> Found {
        var record = admitted
        // A replica may destroy a version between the two reads of it; then the record tells.
        for _ in 0..<2 {
            let version = try choose(record, operation, choice, by: caller)
            if let material = try await material(record, version.number) {
                return Found(record: record, version: version, material: material)
            }
            record = try await self.record(record.name)
        }
        throw KeyFailure(.failed, "key", "\(record.name) has lost the material of a version that is in use")
    }

    /// Checks that `caller` may do `operation` with `name`.
    func admitted(
        _ name: KeyName, _ operation: KeyOperation, by caller: KeyCaller
    ) async throws(KeyFailure) -> KeyRecord {
        switch caller {
        case .guest(let guest):
            // Before anything is read: who may not use a key does not learn whether there is one.
            let decision = await policy.decide(guest, name, operation)
            guard decision.isAllowed else { throw KeyFailure(.denied, decision.check, decision.reason) }
        case .administrator:
            try checkAdministrator(caller, name.namespace)
            guard KeyOperation.administrative.contains(operation) else {
                throw KeyFailure(.denied, "operation", "\(operation.rawValue) is for attested guests only")
            }
        case .broker: break
        }
        let record = try await self.record(name)
        guard record.isReserved == (caller == .broker) || operation == .publicKey else {
            throw KeyFailure(.denied, "key", "\(name) is reserved for the broker itself, or is not its own")
        }
        guard record.operations.contains(operation) else {
            let reason =
                record.kind.operations.contains(operation)
                ? "was not made for \(operation.rawValue)"
                : "of kind \(record.kind.rawValue) cannot \(operation.rawValue)"
            throw KeyFailure(.conflict, "operation", "\(name) \(reason)")
        }
        return record
    }

    private func choose(
        _ record: KeyRecord, _ operation: KeyOperation, _ choice: Choice, by caller: KeyCaller
    ) throws(KeyFailure) -> KeyVersion {
        let now = self.now()
        switch choice {
        case .primary:
            guard let primary = record.primary(at: now), primary.state(at: now) == .active else {
                throw KeyFailure(.conflict, "version", "\(record.name) has no version in use; rotate it")
            }
            if operation.isOriginating, let end = primary.notAfter, end <= now {
                throw KeyFailure(.conflict, "version", "\(record.name) is past its end; rotate it")
            }
            return primary
        case .number(let number):
            guard let version = record.version(number) else {
                throw KeyFailure(.notFound, "version", "\(record.name) has no version \(number)")
            }
            switch version.state(at: now) {
            case .active: return version
            case .preActive: throw KeyFailure(.conflict, "version", "version \(number) is not in use yet")
            case .deactivated:
                if operation == .rewrap, case .administrator = caller { return version }
                throw KeyFailure(
                    .conflict, "version",
                    "version \(number) is out of use; an administrator can move what it made (rewrap)")
            case .destroyed: throw KeyFailure(.conflict, "version", "version \(number) was destroyed")
            }
        }
    }

    /// Reads a record; a key without one does not exist.
    func record(_ name: KeyName) async throws(KeyFailure) -> KeyRecord {
        try await KeyFailure.wrapping {
            guard let entry = try await self.store.read(EntryFamily.key[name.description]) else {
                throw KeyFailure(.notFound, "key", "there is no key \(name)")
            }
            return try KeyRecord(name: name, stored: entry.value)
        }
    }

    private func material(_ record: KeyRecord, _ number: UInt32) async throws(KeyFailure) -> KeyMaterial? {
        let secret = try await KeyFailure.wrapping {
            try await self.store.read(Self.material(record.name, number)).map { SecretBytes($0.value) }
        }
        return try secret.map { (secret) throws(KeyFailure) in try KeyMaterial(record.kind, secret) }
    }

    /// Refuses who is no administrator of the namespace.
    func checkAdministrator(_ caller: KeyCaller, _ namespace: String) throws(KeyFailure) {
        guard case .administrator(let namespaces) = caller else {
            throw KeyFailure(.denied, "caller", "only administrators manage keys")
        }
        guard namespaces?.contains(namespace) ?? true else {
            throw KeyFailure(.denied, "namespace", "the administrator is not one of this namespace")
        }
    }

    static func material(_ name: KeyName, _ number: UInt32) -> EntryKey { EntryFamily.keyMaterial["\(name)/\(number)"] }
    static func uses(_ name: KeyName, _ number: UInt32) -> EntryKey { EntryFamily.keyUses["\(name)/\(number)"] }

    static func check(_ bytes: Int, _ field: String) throws(KeyFailure) {
        guard bytes <= KeyMessage.limit else {
            throw KeyFailure(.malformed, field, "is longer than \(KeyMessage.limit) bytes")
        }
    }
}

extension EntryFamily {
    /// What is known of each key.
    static let key = EntryFamily(rawValue: "key")
    /// The material of each version.
    static let keyMaterial = EntryFamily(rawValue: "key-material")
    /// How many encryptions of each version are spoken for.
    static let keyUses = EntryFamily(rawValue: "key-uses")
}
