import Envelope
import SealedStorage
import WireFormat

/// Where the material of a new version comes from.
public enum KeySource: Sendable {
    /// It is made here.
    case generated
    /// The bytes themselves: scalar, seed or secret.
    case raw(SecretBytes)
    /// A private or secret JWK.
    case jwk(JSONValue)
    /// The bytes, wrapped by an AES-KW key of the same namespace.
    case wrapped([UInt8], by: KeyName)
}

/// What a new key shall be.
public struct KeyDescription: Sendable {
    /// The kind.
    public var kind: KeyKind
    /// What may be done with it; nil for all that its kind can, but export.
    public var operations: Set<KeyOperation>?
    /// Whether it may leave to attested callers that have a grant for export.
    public var isExportable: Bool
    /// Seconds for which an older version goes on after a rotation.
    public var overlap: Int64
    /// The second from which on nothing new is made with the first version.
    public var notAfter: Int64?

    /// Describes a key.
    public init(
        kind: KeyKind, operations: Set<KeyOperation>? = nil, isExportable: Bool = false,
        overlap: Int64 = KeyStore.defaultOverlap, notAfter: Int64? = nil
    ) {
        self.kind = kind
        self.operations = operations
        self.isExportable = isExportable
        self.overlap = overlap
        self.notAfter = notAfter
    }
}

extension KeyStore {
    /// Makes a key under a name that was never used: what the old one sealed must not meet another key.
    @discardableResult
    public func create(
        _ name: KeyName, _ description: KeyDescription, from source: KeySource = .generated, by caller: KeyCaller
    ) async throws(KeyFailure) -> KeyRecord {
        if caller != .broker { try checkAdministrator(caller, name.namespace) }
        let kind = description.kind
        var operations =
            description.operations ?? kind.operations.subtracting(description.isExportable ? [] : [.export])
        if let foreign = operations.subtracting(kind.operations).map(\.rawValue).min() {
            throw KeyFailure(.malformed, "operations", "a key of kind \(kind.rawValue) cannot \(foreign)")
        }
        guard !operations.isEmpty else { throw KeyFailure(.malformed, "operations", "must name at least one") }
        guard description.isExportable || !operations.contains(.export) else {
            throw KeyFailure(.malformed, "operations", "export is for keys that are exportable")
        }
        if description.isExportable {
            if case .wrapped = source {
                throw KeyFailure(.malformed, "exportable", "a key that came wrapped stays inside")
            }
            operations.insert(.export)
        }
        guard (0...Self.overlapLimit).contains(description.overlap) else {
            throw KeyFailure(.malformed, "overlap", "must be between 0 and \(Self.overlapLimit) seconds")
        }
        let now = self.now()
        try Self.checkEnd(description.notAfter, now)
        let material = try await material(source, kind, name.namespace)
        let record = KeyRecord(
            name: name, kind: kind, operations: operations, isExportable: description.isExportable,
            isReserved: caller == .broker, created: now, overlap: description.overlap,
            versions: [
                KeyVersion(
                    number: 1, state: .active, created: now, notAfter: description.notAfter,
                    publicKey: material.publicKey)
            ])
        let key = EntryFamily.key[name.description]
        try await transact([key], listing: [.key]) { (transaction) throws(KeyFailure) in
            guard try Self.read(key, in: transaction) == nil else {
                throw KeyFailure(.conflict, "key", "there is, or was, a key \(name); choose another name")
            }
            let prefix = "\(name.namespace)/"
            var count = 0
            do throws(StoreFailure) {
                for entry in try transaction.list(.key) where entry.name.hasPrefix(prefix) { count += 1 }
            } catch {
                throw KeyFailure(error)
            }
            guard count < Self.keysLimit else {
                throw KeyFailure(.conflict, "namespace", "has \(Self.keysLimit) keys already")
            }
            transaction.put(key, record.json.canonicalBytes)
            transaction.put(Self.material(name, 1), material.secret.copyBytes())
        }
        return record
    }

    /// Adds a version. It becomes the newest at once, or at `activates`; those before it then open and verify until the
    /// overlap is over.
    ///
    /// - Parameters:
    ///   - name: The key.
    ///   - source: Where the material comes from.
    ///   - activates: The second in which the version comes into use; nil for now.
    ///   - notAfter: The second from which on nothing new is made with it.
    ///   - overlap: Seconds for which older versions go on; nil for what the key says.
    ///   - caller: An administrator of the namespace.
    @discardableResult
    public func rotate(
        _ name: KeyName, from source: KeySource = .generated, activates: Int64? = nil, notAfter: Int64? = nil,
        overlap: Int64? = nil, by caller: KeyCaller
    ) async throws(KeyFailure) -> KeyRecord {
        try checkManager(caller, name)
        let known = try await record(name)
        try Self.checkOwner(known, caller)
        guard (0...Self.overlapLimit).contains(overlap ?? 0) else {
            throw KeyFailure(.malformed, "overlap", "must be between 0 and \(Self.overlapLimit) seconds")
        }
        let now = self.now()
        if let activates, activates <= now || activates > now + Self.overlapLimit {
            throw KeyFailure(.malformed, "activates", "must lie in the future, at most ten years ahead")
        }
        try Self.checkEnd(notAfter, activates ?? now)
        let material = try await material(source, known.kind, name.namespace)
        return try await change(name) { (record, transaction) throws(KeyFailure) in
            guard record.versions.count < Self.versionsLimit, let last = record.versions.last else {
                throw KeyFailure(.conflict, "versions", "\(name) has \(Self.versionsLimit) versions; make a new key")
            }
            guard last.state(at: now) != .preActive else {
                throw KeyFailure(.conflict, "versions", "version \(last.number) waits for its time; destroy it first")
            }
            let end = (activates ?? now) + (overlap ?? record.overlap)
            for index in record.versions.indices where record.versions[index].state(at: now) == .active {
                // A second rotation never prolongs what the first one ended.
                record.versions[index].overlapEnds = min(record.versions[index].overlapEnds ?? end, end)
            }
            record.versions.append(
                KeyVersion(
                    number: last.number + 1, state: activates == nil ? .active : .preActive, created: now,
                    activates: activates, notAfter: notAfter, publicKey: material.publicKey))
            transaction.put(Self.material(name, last.number + 1), material.secret.copyBytes())
        }
    }

    /// Takes a version out of use, before its time if need be. Nothing takes the newest one's place but a rotation.
    @discardableResult
    public func deactivate(
        _ name: KeyName, version number: UInt32, by caller: KeyCaller
    ) async throws(KeyFailure) -> KeyRecord {
        try checkManager(caller, name)
        let now = self.now()
        return try await change(name) { (record, _) throws(KeyFailure) in
            try Self.checkOwner(record, caller)
            let index = try Self.index(number, record)
            guard record.versions[index].state(at: now) != .preActive else {
                throw KeyFailure(.conflict, "version", "version \(number) is not in use yet; destroy it")
            }
            record.versions[index].state = .deactivated
        }
    }

    /// Removes the material of a version, for good: what it sealed is lost, what it signed is checked by nobody here.
    ///
    /// The newest version is destroyed only with `includingNewest`, which stops the key until it is rotated. The material's
    /// entry is gone from the store with the answer. Its sealed bytes may stay in free pages and in backups of the database,
    /// and whoever has the store's data key opens them: a rotation of the data key of the store erases those too.
    @discardableResult
    public func destroy(
        _ name: KeyName, version number: UInt32, includingNewest: Bool = false, by caller: KeyCaller
    ) async throws(KeyFailure) -> KeyRecord {
        try checkManager(caller, name)
        let now = self.now()
        let record = try await change(name) { (record, transaction) throws(KeyFailure) in
            try Self.checkOwner(record, caller)
            let index = try Self.index(number, record)
            guard includingNewest || record.primary(at: now)?.number != number else {
                throw KeyFailure(
                    .conflict, "version",
                    "version \(number) is the newest of \(name); rotate first, or say that it is meant (newest=true)")
            }
            if record.versions[index].state(at: now) == .preActive {
                // Its predecessors' end was set for its sake.
                for older in record.versions.indices where older < index { record.versions[older].overlapEnds = nil }
            }
            record.versions[index].state = .destroyed
            record.versions[index].destroyed = now
            record.versions[index].publicKey = nil
            transaction.remove(Self.material(name, number))
            transaction.remove(Self.uses(name, number))
        }
        _ = stock.withLock { $0.removeValue(forKey: Self.uses(name, number)) }
        return record
    }

    /// What is known of a key.
    public func describe(_ name: KeyName, by caller: KeyCaller) async throws(KeyFailure) -> KeyRecord {
        try checkAdministrator(caller, name.namespace)
        return try await record(name)
    }

    /// What is known of the keys of a namespace, sorted by name.
    public func list(_ namespace: String, by caller: KeyCaller) async throws(KeyFailure) -> [KeyRecord] {
        try checkAdministrator(caller, namespace)
        return try await KeyFailure.wrapping {
            try await self.store.list(.key).filter { $0.name.hasPrefix("\(namespace)/") }.map {
                try KeyRecord(name: try KeyName(parsing: $0.name), stored: $0.value)
            }
        }
    }

    private func checkManager(_ caller: KeyCaller, _ name: KeyName) throws(KeyFailure) {
        if caller != .broker { try checkAdministrator(caller, name.namespace) }
    }

    private static func checkOwner(_ record: KeyRecord, _ caller: KeyCaller) throws(KeyFailure) {
        guard record.isReserved == (caller == .broker) else {
            throw KeyFailure(.denied, "key", "\(record.name) is reserved for the broker itself, or is not its own")
        }
    }

    /// The last second that RFC 3339 can write; the store keeps no number above 2^53 as it is.
    private static let lastEnd: Int64 = 253_402_300_799

    private static func checkEnd(_ notAfter: Int64?, _ start: Int64) throws(KeyFailure) {
        guard let notAfter, notAfter <= start || notAfter > Self.lastEnd else { return }
        throw KeyFailure(.malformed, "notAfter", "must lie after the version's start, and before the year 10000")
    }

    private static func index(_ number: UInt32, _ record: KeyRecord) throws(KeyFailure) -> Int {
        guard let index = record.versions.firstIndex(where: { $0.number == number }) else {
            throw KeyFailure(.notFound, "version", "\(record.name) has no version \(number)")
        }
        guard record.versions[index].state != .destroyed else {
            throw KeyFailure(.conflict, "version", "version \(number) was destroyed")
        }
        return index
    }

    private func change(
        _ name: KeyName,
        _ body: @escaping @Sendable (inout KeyRecord, inout StoreTransaction) throws(KeyFailure) -> Void
    ) async throws(KeyFailure) -> KeyRecord {
        let key = EntryFamily.key[name.description]
        return try await transact([key]) { (transaction) throws(KeyFailure) in
            guard let entry = try Self.read(key, in: transaction) else {
                throw KeyFailure(.notFound, "key", "there is no key \(name)")
            }
            var record: KeyRecord
            do throws(WireError) {
                record = try KeyRecord(name: name, stored: entry.value)
            } catch {
                throw KeyFailure(error)
            }
            try body(&record, &transaction)
            transaction.put(key, record.json.canonicalBytes)
            return record
        }
    }

    private func material(
        _ source: KeySource, _ kind: KeyKind, _ namespace: String
    ) async throws(KeyFailure) -> KeyMaterial {
        switch source {
        case .generated: return try .generate(kind)
        case .raw(let secret): return try KeyMaterial(kind, secret)
        case .jwk(let jwk): return try KeyMaterial(jwk: jwk, kind: kind)
        case .wrapped(let bytes, let wrapping):
            guard wrapping.namespace == namespace else {
                throw KeyFailure(.denied, "by", "the wrapping key is of another namespace")
            }
            let record = try await record(wrapping)
            guard record.kind == .aes256KW, record.operations.contains(.unwrap), !record.isReserved else {
                throw KeyFailure(.conflict, "by", "\(wrapping) is no key for unwrapping")
            }
            return try KeyMaterial(kind, try await unwrapped(bytes, record))
        }
    }

    private func unwrapped(_ bytes: [UInt8], _ record: KeyRecord) async throws(KeyFailure) -> SecretBytes {
        let message = try KeyMessage(bytes, kind: .aes256KW, field: "material")
        guard record.version(message.version)?.state(at: now()) == .active,
            let wrapping = try await KeyFailure.wrapping({
                try await self.store.read(Self.material(record.name, message.version)).map { SecretBytes($0.value) }
            })
        else { throw KeyFailure(.conflict, "by", "\(record.name) has no version \(message.version) in use") }
        return try KeyMessage.unwrap(message.body, try KeyMaterial(.aes256KW, wrapping).symmetric)
    }
}
