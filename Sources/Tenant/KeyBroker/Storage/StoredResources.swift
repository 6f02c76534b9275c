import Envelope
import SealedStorage
import WireFormat

extension EntryFamily {
    /// The secrets of tenants, by path: the list of their versions.
    static let resource = EntryFamily(rawValue: "resource")
    /// Their bytes, by path and number.
    static let resourceBytes = EntryFamily(rawValue: "resource-bytes")
}

/// A secret's versions, as they are stored; the bytes of each are an entry of their own.
struct StoredResource: Equatable, Sendable {
    /// One version of a secret.
    struct Version: Equatable, Sendable {
        /// Its number, from 1; numbers are not used again, also not after the secret was deleted and made anew.
        var number: Int64
        /// When it was stored, in seconds since 1970.
        var created: Int64
        /// The second since 1970 from which on it is given to nobody; nil for never.
        var expires: Int64?
        /// How many bytes it has.
        var size: Int64
    }

    /// The versions, oldest first; the last one is the present one.
    var versions: [Version]

    /// How many versions are kept; the oldest gives way.
    static let versionLimit = 16
    /// The most bytes of a secret.
    static let sizeLimit = 16 << 20

    init(_ versions: [Version]) { self.versions = versions }

    init(stored bytes: [UInt8]) throws(BrokerError) {
        do {
            versions = []
            for element in try JSONValue.parse(bytes).arrayValue ?? [] { versions.append(try Version(json: element)) }
            guard !versions.isEmpty else { throw WireError(field: "versions", reason: "are none") }
        } catch {
            throw BrokerError(.failed, check: "storage", "a stored resource cannot be read")
        }
    }

    /// The bytes of all kept versions.
    var size: Int64 { versions.reduce(0) { $0 + $1.size } }

    var bytes: [UInt8] { JSONValue.array(versions.map(\.json)).canonicalBytes }
}

extension StoredResource.Version {
    /// What an administrator sees.
    var json: JSONValue {
        var members: [String: JSONValue] = [
            "version": .integer(number), "created": .integer(created), "size": .integer(size),
        ]
        if let expires { members["expires"] = .integer(expires) }
        return .object(members)
    }

    fileprivate init(json: JSONValue) throws(WireError) {
        var fields = try JSONFields(json, path: "version")
        number = try fields.integer("version")
        created = try fields.integer("created")
        size = try fields.integer("size")
        expires = try fields.optionalInteger("expires")
        try fields.finish()
    }
}

extension BrokerStore {
    /// Stores `secret` as the next version of `path`; answers its number.
    ///
    /// - Parameters:
    ///   - expires: The second since 1970 from which on it is given to nobody.
    ///   - onlyNew: Whether to leave alone what exists already; the answer is nil then.
    ///   - tenant: The tenant whose administrator stores it, among its own and within its quota.
    @discardableResult
    func putResource(
        _ path: ResourcePath, _ secret: SecretBytes, expires: Int64? = nil, onlyNew: Bool = false,
        for tenant: String? = nil, now: Int64
    ) async throws(BrokerError) -> Int64? {
        let (key, mark) = (EntryFamily.resource[path.description], Self.numberKey(path))
        let counted = [EntryFamily.repositoryUse[path.repository]] + (tenant.map { [EntryFamily.tenant[$0]] } ?? [])
        let families: [EntryFamily] = tenant == nil ? [] : [.repositoryUse]
        return try await transact([key, mark] + counted, listing: families) { (transaction) throws(BrokerError) in
            let known = try transaction.entry(key).map { (entry) throws(BrokerError) in
                try StoredResource(stored: entry.value)
            }
            guard !onlyNew || known == nil else { return nil }
            let used = try transaction.entry(mark).flatMap { Int64(String(decoding: $0.value, as: UTF8.self)) }
            let number = max(known?.versions.last?.number ?? 0, used ?? 0) + 1
            var versions = known?.versions ?? []
            versions.append(
                StoredResource.Version(number: number, created: now, expires: expires, size: Int64(secret.count)))
            while versions.count > StoredResource.versionLimit {
                transaction.remove(Self.bytes(path, versions.removeFirst().number))
            }
            let stored = StoredResource(versions)
            transaction.put(key, stored.bytes)
            transaction.put(Self.bytes(path, number), secret.copyBytes())
            try transaction.count(
                path, resources: known == nil ? 1 : 0, bytes: stored.size - (known?.size ?? 0), for: tenant)
            return number
        }
    }

    /// The secret under `path` in its present or another version, unless that has expired; nil when there is none.
    func resource(
        _ path: ResourcePath, version: Int64? = nil, now: Int64
    ) async throws(BrokerError) -> SecretBytes? {
        guard let stored = try await storedResource(path) else { return nil }
        guard let wanted = version ?? stored.versions.last?.number,
            let found = stored.versions.first(where: { $0.number == wanted }),
            found.expires.map({ now < $0 }) ?? true
        else { return nil }
        return try await read(Self.bytes(path, wanted)).map { SecretBytes($0.value) }
    }

    /// The secret under `path` with all its versions; nil when there is none.
    func storedResource(_ path: ResourcePath) async throws(BrokerError) -> StoredResource? {
        try await recall(EntryFamily.resource[path.description]).map { (entry) throws(BrokerError) in
            try StoredResource(stored: entry.value)
        }
    }

    /// Removes the secret under `path`, or one version that is not the present one; answers whether there was one.
    func deleteResource(_ path: ResourcePath, version: Int64? = nil) async throws(BrokerError) -> Bool {
        let key = EntryFamily.resource[path.description]
        let counted = EntryFamily.repositoryUse[path.repository]
        return try await transact([key, counted]) { (transaction) throws(BrokerError) in
            guard let entry = try transaction.entry(key) else { return false }
            var stored = try StoredResource(stored: entry.value)
            let size = stored.size
            if let version, version != stored.versions.last?.number {
                guard let place = stored.versions.firstIndex(where: { $0.number == version }) else { return false }
                stored.versions.remove(at: place)
                transaction.remove(Self.bytes(path, version))
                transaction.put(key, stored.bytes)
                try transaction.count(path, resources: 0, bytes: stored.size - size, for: nil)
                return true
            }
            guard version == nil else {
                throw BrokerError(
                    .conflict, check: "resource", "this is the present version; store another one first, or delete all")
            }
            for version in stored.versions { transaction.remove(Self.bytes(path, version.number)) }
            transaction.put(Self.numberKey(path), Array("\(stored.versions.last?.number ?? 0)".utf8))
            transaction.remove(key)
            try transaction.count(path, resources: -1, bytes: -size, for: nil)
            return true
        }
    }

    /// All secrets: their paths and versions, without their bytes, sorted by path.
    func resources() async throws(BrokerError) -> [(path: String, versions: [StoredResource.Version])] {
        var found: [(path: String, versions: [StoredResource.Version])] = []
        for entry in try await list(.resource) {
            found.append((entry.name, try StoredResource(stored: entry.value).versions))
        }
        return found
    }

    private static func bytes(_ path: ResourcePath, _ number: Int64) -> EntryKey {
        EntryFamily.resourceBytes["\(path)@\(number)"]
    }

    /// Where the last number of a deleted secret is kept.
    private static func numberKey(_ path: ResourcePath) -> EntryKey { EntryFamily.setting["resource-number/\(path)"] }
}
