import Sandbox
import WireFormat

/// The Services of this node, one file each, with versions, conflicts and watches as Kubernetes clients expect them.
public actor ObjectStore {
    /// The name of one Service.
    public struct Key: Hashable, Sendable, CustomStringConvertible {
        /// Its namespace.
        public let namespace: String
        /// Its name in there.
        public let name: String
        /// `namespace/name`.
        public var description: String { "\(self.namespace)/\(self.name)" }

        /// Creates a key.
        public init(namespace: String, name: String) {
            self.namespace = namespace
            self.name = name
        }
    }

    /// A change that watchers see.
    public struct Change: Sendable {
        /// `ADDED`, `MODIFIED` or `DELETED`.
        public let type: String
        /// The object after the change.
        public let object: JSONValue
        /// The version of the change.
        public let version: Int64
    }

    /// A Service together with what its managers applied last.
    struct Entry {
        var object: JSONValue
        var applied: [String: JSONValue]
    }

    private static let history = 512
    private let folder: String
    private var entries: [Key: Entry] = [:]
    private var version: Int64
    private var changes: [Change] = []
    private let firstVersion: Int64
    private var watchers: [Int: AsyncStream<Change>.Continuation] = [:]
    private var nextWatcher = 0

    /// Reads what an earlier run stored.
    ///
    /// - Parameter folder: Where the files are; made when missing.
    /// - Throws: A description of the first file that cannot be read, so that none is silently dropped.
    public init(folder: String) throws {
        self.folder = folder
        try AtomicFile.makeFolder(folder)
        var newest: Int64 = WallClock.milliseconds()
        for namespace in AtomicFile.names(in: folder) {
            for file in AtomicFile.names(in: "\(folder)/\(namespace)") where file.hasSuffix(".json") {
                let path = "\(folder)/\(namespace)/\(file)"
                let stored = try JSONValue.parse(AtomicFile.read(path))
                let object = stored["object"] ?? .null
                let key = Key(namespace: namespace, name: String(file.dropLast(5)))
                self.entries[key] = Entry(object: object, applied: stored["applied"]?.objectValue ?? [:])
                newest = max(newest, Int64(object.at("metadata", "resourceVersion")?.stringValue ?? "") ?? 0)
            }
        }
        self.version = newest + 1
        self.firstVersion = newest + 1
    }

    /// The version of the whole store.
    public var currentVersion: String { String(self.version) }

    /// All Services a client asked for, sorted by namespace and name.
    public func list(_ accepts: @Sendable (JSONValue) -> Bool = { _ in true }) -> [JSONValue] {
        self.entries.sorted { $0.key.description < $1.key.description }.map(\.value.object).filter(accepts)
    }

    /// The names of all Services.
    public var keys: [Key] { self.entries.keys.sorted { $0.description < $1.description } }

    /// One Service.
    public func object(_ key: Key) throws(APIFault) -> JSONValue {
        guard let entry = self.entries[key] else { throw .notFound(key.name) }
        return entry.object
    }

    func entry(_ key: Key) -> Entry? { self.entries[key] }

    /// Stores a new Service.
    ///
    /// - Parameters:
    ///   - object: The checked Service; its identity, generation and time are set here.
    ///   - applied: What a server-side apply manager wants, by its name.
    ///   - dryRun: Whether nothing is to be kept.
    /// - Returns: The Service as stored.
    public func create(
        _ object: JSONValue, key: Key, applied: [String: JSONValue] = [:], dryRun: Bool = false
    ) throws(APIFault) -> JSONValue {
        guard self.entries[key] == nil else { throw .alreadyExists(key.name) }
        var object = object
        object.set("status", to: nil)
        object.set("metadata", "uid", to: .string(Self.identifier()))
        object.set("metadata", "creationTimestamp", to: .string(WallClock.now()))
        object.set("metadata", "generation", to: 1)
        return try self.keep(Entry(object: object, applied: applied), key: key, type: "ADDED", dryRun: dryRun)
    }

    /// Replaces the specification and metadata of a Service.
    ///
    /// - Parameters:
    ///   - object: The checked Service; a `resourceVersion` in it must be the stored one.
    ///   - key: Which Service.
    ///   - applied: The new record of server-side apply, or nil to keep it.
    ///   - dryRun: Whether nothing is to be kept.
    /// - Returns: The Service as stored.
    public func replace(
        _ object: JSONValue, key: Key, applied: [String: JSONValue]? = nil, dryRun: Bool = false
    ) throws(APIFault) -> JSONValue {
        guard let old = self.entries[key] else { throw .notFound(key.name) }
        let stored = old.object["metadata"]
        if let claimed = object.at("metadata", "resourceVersion")?.stringValue, !claimed.isEmpty,
            claimed != stored?["resourceVersion"]?.stringValue
        {
            throw .conflict(
                key.name,
                "the object has been modified; please apply your changes to the latest version and try again")
        }
        if let claimed = object.at("metadata", "uid"), claimed != stored?["uid"] {
            throw .conflict(key.name, "the uid in the request is not that of the stored object")
        }
        var object = object
        for field in ["uid", "creationTimestamp", "resourceVersion"] {
            object.set("metadata", field, to: stored?[field])
        }
        let generation = stored?["generation"]?.integerValue ?? 1
        // Annotations of ours go into the manifest: another one makes another revision, as another spec does.
        let changed = object["spec"] != old.object["spec"] || Self.shaping(object) != Self.shaping(old.object)
        object.set("metadata", "generation", to: .integer(changed ? generation + 1 : generation))
        object.set("status", to: old.object["status"])
        let entry = Entry(object: object, applied: applied ?? old.applied)
        if object == old.object, entry.applied == old.applied { return object }
        return try self.keep(entry, key: key, type: "MODIFIED", dryRun: dryRun)
    }

    private static func shaping(_ object: JSONValue) -> [String: JSONValue] {
        (object.at("metadata", "annotations")?.objectValue ?? [:]).filter { $0.key.hasPrefix("testudo.dev/") }
    }

    /// Replaces the status of a Service, unless it is gone or its generation moved on meanwhile.
    public func setStatus(_ status: JSONValue, key: Key, generation: Int64) throws(APIFault) {
        guard var entry = self.entries[key],
            entry.object.at("metadata", "generation")?.integerValue == generation, entry.object["status"] != status
        else { return }
        entry.object.set("status", to: status)
        _ = try self.keep(entry, key: key, type: "MODIFIED", dryRun: false)
    }

    /// Removes a Service.
    ///
    /// - Returns: The Service as it was last.
    public func delete(_ key: Key) throws(APIFault) -> JSONValue {
        guard let entry = self.entries[key] else { throw .notFound(key.name) }
        do {
            try AtomicFile.remove(self.path(of: key))
        } catch {
            throw APIFault(code: 500, reason: "InternalError", message: error.description, name: key.name)
        }
        self.entries[key] = nil
        self.version += 1
        var object = entry.object
        object.set("metadata", "resourceVersion", to: .string(String(self.version)))
        self.publish(Change(type: "DELETED", object: object, version: self.version))
        return object
    }

    /// The changes after a version, and all that follow until the stream's consumer goes away.
    ///
    /// - Parameter version: As a list returned it; empty or `0` begins with every Service there is.
    /// - Throws: ``APIFault`` (410) when the version is older than what the node remembers.
    public func watch(since version: String) throws(APIFault) -> AsyncStream<Change> {
        var first: [Change]
        if version.isEmpty || version == "0" {
            first = self.list().map { Change(type: "ADDED", object: $0, version: self.version) }
        } else {
            let oldest = self.changes.count < Self.history ? self.firstVersion : self.changes.first?.version ?? 0
            guard let since = Int64(version) else { throw .badRequest("resourceVersion \"\(version)\"") }
            guard since >= oldest else {
                throw APIFault(code: 410, reason: "Expired", message: "too old resource version: \(version)")
            }
            first = self.changes.filter { $0.version > since }
        }
        let number = self.nextWatcher
        self.nextWatcher += 1
        let (stream, continuation) = AsyncStream.makeStream(of: Change.self, bufferingPolicy: .bufferingOldest(2048))
        for change in first { continuation.yield(change) }
        continuation.onTermination = { [weak self] _ in Task { await self?.forget(number) } }
        self.watchers[number] = continuation
        return stream
    }

    private func forget(_ number: Int) { self.watchers[number] = nil }

    private func keep(_ entry: Entry, key: Key, type: String, dryRun: Bool) throws(APIFault) -> JSONValue {
        var entry = entry
        entry.object.set("metadata", "resourceVersion", to: .string(String(self.version + 1)))
        if dryRun { return entry.object }
        let file = JSONValue.object(["object": entry.object, "applied": .object(entry.applied)])
        do {
            try AtomicFile.makeFolder("\(self.folder)/\(key.namespace)")
            try AtomicFile.write(file.canonicalBytes, to: self.path(of: key))
        } catch {
            throw APIFault(code: 500, reason: "InternalError", message: error.description, name: key.name)
        }
        self.version += 1
        self.entries[key] = entry
        self.publish(Change(type: type, object: entry.object, version: self.version))
        return entry.object
    }

    private func publish(_ change: Change) {
        self.changes.append(change)
        if self.changes.count > Self.history { self.changes.removeFirst() }
        for (number, watcher) in self.watchers {
            if case .dropped = watcher.yield(change) {
                watcher.finish()
                self.watchers[number] = nil
            }
        }
    }

    private func path(of key: Key) -> String { "\(self.folder)/\(key.namespace)/\(key.name).json" }

    private static func identifier() -> String {
        var random = SystemRandomNumberGenerator()
        let hex = (0..<16).map { index -> String in
            var byte = UInt8.random(in: 0...255, using: &random)
            if index == 6 { byte = byte & 0x0f | 0x40 }
            if index == 8 { byte = byte & 0x3f | 0x80 }
            return (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }
        return [0..<4, 4..<6, 6..<8, 8..<10, 10..<16].map { hex[$0].joined() }.joined(separator: "-")
    }
}
