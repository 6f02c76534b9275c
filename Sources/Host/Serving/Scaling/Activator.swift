import Logging
import PodManifest
import Sandbox
import WireFormat

/// Knows which revision answers to which host name and brings its instances up on demand.
public actor Activator {
    /// What a host name leads to.
    public struct Route: Sendable {
        /// The Service.
        public let key: ObjectStore.Key
        /// Whether the manifest allows plain HTTP (rule R17).
        public let plaintext: Bool
        /// Whether TLS ends in the guest.
        public let tls: Bool
    }

    /// Decides whether a revision may start now; nil lets it.
    public typealias Gate = @Sendable (ObjectStore.Key) async -> SandboxFailure?
    /// Hears how the last start of a Service went.
    public typealias Outcome = @Sendable (ObjectStore.Key, _ revision: String, SandboxFailure?) async -> Void

    private struct Revision {
        let specification: PodSpecification
        let settings: RevisionSettings
        let scaler: RevisionScaler
    }

    private static let timelineLimit = 50
    private let environment: PodSandbox.Environment
    private let logFolder: String
    private var gate: Gate = { _ in nil }
    private var outcome: Outcome = { _, _, _ in }
    private var revisions: [ObjectStore.Key: Revision] = [:]
    private var hosts: [String: ObjectStore.Key] = [:]
    private var retiring: [Int: Task<Void, Never>] = [:]
    private var nextRetirement = 0
    /// The phases of the latest starts, oldest first.
    public private(set) var timelines: [JSONValue] = []

    /// Creates an activator without routes.
    ///
    /// - Parameters:
    ///   - environment: What instances share.
    ///   - logFolder: Where sealed log records are kept.
    public init(environment: PodSandbox.Environment, logFolder: String) {
        self.environment = environment
        self.logFolder = logFolder
    }

    /// Sets who decides about starts and who hears of them.
    public func observe(gate: @escaping Gate, outcome: @escaping Outcome) {
        self.gate = gate
        self.outcome = outcome
    }

    /// What a host name leads to, or nil.
    public func route(_ host: String) -> Route? {
        guard let key = self.hosts[host], let revision = self.revisions[key] else { return nil }
        let manifest = revision.specification.manifest
        return Route(
            key: key, plaintext: manifest.network.plaintext,
            tls: revision.specification.runtimeClass == .confidential)
    }

    /// An instance for one connection to `key`, started when there is none.
    public func lease(_ key: ObjectStore.Key) async throws(SandboxFailure) -> InstanceLease {
        if let refusal = await self.gate(key) { throw refusal }
        guard let revision = self.revisions[key] else {
            throw SandboxFailure(.stopped, "Service \(key) is gone or has no revision that is ready")
        }
        return try await revision.scaler.lease()
    }

    /// Makes a revision the one that answers for its Service; instances of an earlier one are stopped.
    public func install(_ specification: PodSpecification, settings: RevisionSettings) async {
        let key = ObjectStore.Key(namespace: specification.namespace, name: specification.service)
        let replaced = self.revisions[key]?.specification.revision
        if let old = self.revisions[key] {
            if old.specification.revision == specification.revision,
                old.specification.initData.bytes == specification.initData.bytes, old.settings == settings
            {
                return
            }
            self.retire(key)
        }
        let (environment, folder) = (self.environment, self.logFolder)
        let scaler = RevisionScaler(
            settings: settings,
            make: { origin, onEnd in
                PodSandbox(
                    specification: specification, environment: environment,
                    logs: SealedLogRing(path: Self.ring(folder, key, specification.revision)), origin: origin,
                    onEnd: onEnd)
            },
            report: { [weak self] sandbox, timeline, failure in
                await self?.started(key, sandbox, timeline, failure)
            })
        self.dropOldLogs(key, keeping: [specification.revision, replaced ?? specification.revision])
        self.revisions[key] = Revision(specification: specification, settings: settings, scaler: scaler)
        for host in specification.manifest.network.hostnames { self.hosts[host.lowercased()] = key }
        if settings.minimum > 0 { Task { await scaler.prepare() } }
    }

    /// Forgets a Service and stops its instances.
    public func remove(_ key: ObjectStore.Key) {
        self.retire(key)
        self.dropOldLogs(key, keeping: [])
    }

    /// Stops everything.
    public func shutDown() async {
        for key in self.revisions.keys { self.retire(key) }
        for task in self.retiring.values { await task.value }
    }

    /// The instances that run or start.
    public func instances() async -> [JSONValue] {
        var found: [JSONValue] = []
        for revision in self.revisions.values {
            for sandbox in await revision.scaler.sandboxes { found.append(await sandbox.summary()) }
        }
        return found.sorted { $0["id"]?.stringValue ?? "" < $1["id"]?.stringValue ?? "" }
    }

    /// The log records that are kept of a Service, by revision, oldest first.
    public func logs(_ key: ObjectStore.Key) async -> [(revision: String, record: SealedLogRing.Record)] {
        var found: [(revision: String, record: SealedLogRing.Record)] = []
        let names = AtomicFile.names(in: "\(self.logFolder)/\(key.namespace)").filter { Self.isRing($0, of: key) }
        for revision in Set(names.map { $0.prefix { $0 != "." } }).sorted() {
            for record in await SealedLogRing(path: Self.ring(self.logFolder, key, String(revision))).records() {
                found.append((String(revision), record))
            }
        }
        return found
    }

    /// The envelope of the manifest that a Service runs with.
    public func initData(_ key: ObjectStore.Key) -> InitData? { self.revisions[key]?.specification.initData }

    /// Removes the log records of a Service but those of some revisions; a failure leaves them for the next time.
    private func dropOldLogs(_ key: ObjectStore.Key, keeping revisions: [String]) {
        let folder = "\(self.logFolder)/\(key.namespace)"
        try? AtomicFile.makeFolder(folder)
        for name in AtomicFile.names(in: folder) where Self.isRing(name, of: key) {
            if !revisions.contains(String(name.prefix { $0 != "." })) { try? AtomicFile.remove("\(folder)/\(name)") }
        }
    }

    private func retire(_ key: ObjectStore.Key) {
        guard let old = self.revisions.removeValue(forKey: key) else { return }
        self.hosts = self.hosts.filter { $0.value != key }
        let number = self.nextRetirement
        self.nextRetirement += 1
        self.retiring[number] = Task {
            await old.scaler.stop()
            self.retired(number)
        }
    }

    private func retired(_ number: Int) { self.retiring[number] = nil }

    private func started(
        _ key: ObjectStore.Key, _ sandbox: PodSandbox, _ timeline: Timeline, _ failure: SandboxFailure?
    ) async {
        let specification = sandbox.specification
        var entry: [String: JSONValue] = [
            "namespace": .string(key.namespace), "service": .string(key.name),
            "revision": .string(specification.revision), "instance": .string(await sandbox.id),
            "runtimeClass": .string(specification.runtimeClass.rawValue), "phases": timeline.json,
        ]
        if let failure { entry["failure"] = .string(failure.description) }
        self.timelines.append(.object(entry))
        if self.timelines.count > Self.timelineLimit { self.timelines.removeFirst() }
        // A start that was stopped on purpose says nothing about the Service.
        if failure?.kind != .stopped { await self.outcome(key, specification.revision, failure) }
    }

    private static func ring(_ folder: String, _ key: ObjectStore.Key, _ revision: String) -> String {
        "\(folder)/\(key.namespace)/\(revision).ring"
    }

    /// Whether a file is a ring of a revision of this Service: its name, a hyphen and a number.
    private static func isRing(_ name: String, of key: ObjectStore.Key) -> Bool {
        let revision = name.prefix { $0 != "." }
        guard revision.hasPrefix("\(key.name)-"), name.contains(".ring") else { return false }
        let number = revision.dropFirst(key.name.count + 1)
        return number.count >= 5 && number.allSatisfy { $0.isASCII && $0.isNumber }
    }
}
