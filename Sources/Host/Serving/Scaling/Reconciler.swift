import Envelope
import Logging
import PodManifest
import Sandbox
import WireFormat

/// Brings what runs in line with what was asked for: digests, manifest, registration, route, status.
public actor Reconciler {
    /// Where the gateways are, for the addresses in statuses.
    public struct Addresses: Sendable {
        /// The port of the TLS gateway.
        public let tls: Int
        /// The port of the plain HTTP gateway.
        public let http: Int

        /// Names the ports.
        public init(tls: Int, http: Int) {
            self.tls = tls
            self.http = http
        }
    }

    private let store: ObjectStore
    private let activator: Activator
    private let digests: any DigestResolving
    private let registrations: any RegistrationChecking
    private let profile: TenantProfile
    private let unavailable: [RuntimeClass: String]
    private let idleSeconds: Int
    private let addresses: Addresses
    private let logger: Logger
    private var facts: [ObjectStore.Key: ServiceFacts] = [:]
    private var seen: [ObjectStore.Key: JSONValue] = [:]
    private var tasks: [ObjectStore.Key: Task<Void, Never>] = [:]

    /// Creates a reconciler; it does nothing before ``run()``.
    ///
    /// - Parameters:
    ///   - store: The Services.
    ///   - activator: Runs them.
    ///   - digests: Finds the digests of tags.
    ///   - registrations: Asks key brokers.
    ///   - profile: What the tenant's manifests have in common.
    ///   - unavailable: The classes that cannot run here, with why.
    ///   - idleSeconds: For Services that say nothing.
    ///   - addresses: Where the gateways are.
    ///   - logger: The node's log.
    public init(
        store: ObjectStore, activator: Activator, digests: any DigestResolving,
        registrations: any RegistrationChecking, profile: TenantProfile, unavailable: [RuntimeClass: String] = [:],
        idleSeconds: Int, addresses: Addresses, logger: Logger
    ) {
        self.unavailable = unavailable
        self.store = store
        self.activator = activator
        self.digests = digests
        self.registrations = registrations
        self.profile = profile
        self.idleSeconds = idleSeconds
        self.addresses = addresses
        self.logger = logger
    }

    /// Follows the store until cancelled.
    public func run() async {
        await self.activator.observe(
            gate: { [weak self] in await self?.admit($0) },
            outcome: { [weak self] in await self?.started($0, $1, $2) })
        while !Task.isCancelled {
            // The stream ends early when this actor was too slow for it; a new one begins with all objects.
            guard let changes = try? await self.store.watch(since: "") else { return }
            for await change in changes { await self.follow(change) }
        }
        for task in self.tasks.values { task.cancel() }
    }

    private func follow(_ change: ObjectStore.Change) async {
        guard let namespace = change.object.at("metadata", "namespace")?.stringValue,
            let name = change.object.at("metadata", "name")?.stringValue
        else { return }
        let key = ObjectStore.Key(namespace: namespace, name: name)
        if change.type == "DELETED" {
            self.tasks.removeValue(forKey: key)?.cancel()
            self.facts[key] = nil
            self.seen[key] = nil
            return await self.activator.remove(key)
        }
        let relevant = JSONValue.object([
            "uid": change.object.at("metadata", "uid") ?? .null, "spec": change.object["spec"] ?? .null,
            "annotations": change.object.at("metadata", "annotations") ?? .null,
        ])
        guard self.seen[key] != relevant else { return }
        self.seen[key] = relevant
        self.tasks[key]?.cancel()
        self.tasks[key] = Task { await self.settle(key) }
    }

    /// Reconciles until nothing more can change by waiting.
    private func settle(_ key: ObjectStore.Key) async {
        var pause = Duration.milliseconds(500)
        while !Task.isCancelled {
            await self.reconcile(key)
            guard let facts = self.facts[key], !facts.isSettled, !Task.isCancelled else { return }
            try? await Task.sleep(for: pause)
            pause = min(pause * 2, .seconds(15))
        }
    }

    private func reconcile(_ key: ObjectStore.Key) async {
        guard let object = try? await self.store.object(key) else { return }
        let generation = object.at("metadata", "generation")?.integerValue ?? 1
        var facts = ServiceFacts(generation: generation, revision: ServiceFacts.revision(key.name, generation))
        let before = self.facts[key]
        facts.readyRevision = before?.readyRevision
        if before?.revision == facts.revision { facts.failure = before?.failure }
        await self.render(object, key, into: &facts)
        if let specification = facts.specification {
            facts.registration = await self.registrations.check(
                specification.manifest, digest: specification.initData.digest)
        }
        guard !Task.isCancelled else { return }
        await self.adopt(facts, key)
    }

    /// Makes the facts those of the Service: route first, then status.
    private func adopt(_ facts: ServiceFacts, _ key: ObjectStore.Key) async {
        var facts = facts
        // An earlier revision goes on answering until the latest may; without one, the gate gives the reason.
        if let specification = facts.specification, facts.mayServe || facts.readyRevision == nil {
            if facts.mayServe { facts.readyRevision = facts.revision }
            self.facts[key] = facts
            await self.activator.install(specification, settings: facts.settings)
        }
        self.facts[key] = facts
        await self.publish(key)
    }

    private func render(_ object: JSONValue, _ key: ObjectStore.Key, into facts: inout ServiceFacts) async {
        do {
            facts.settings = try RevisionSettings(object, defaultIdleSeconds: self.idleSeconds)
            var digests: [String: SHA256Digest] = [:]
            for image in ServiceObject.images(of: object) {
                digests[image] = try await self.digest(of: image, object: object, revision: facts.revision)
            }
            let manifest = try ManifestRenderer.render(
                service: try KnativeService(parsing: object), digests: digests, profile: self.profile)
            facts.images = manifest.containers.map { ($0.name, $0.image) }
            let specification = try PodSpecification(
                namespace: key.namespace, service: key.name, revision: facts.revision, manifest: manifest,
                initData: try InitData(manifest: manifest))
            facts.specification = specification
            if let reason = self.unavailable[specification.runtimeClass] {
                let name = specification.runtimeClass.rawValue
                throw SandboxFailure(.classUnavailable, "\(name) cannot run here: \(reason)")
            }
        } catch let fault as APIFault {
            facts.fault = .init(reason: "InvalidService", message: fault.message, isPassing: false)
        } catch let error as WireError {
            facts.fault = .init(reason: "InvalidService", message: "\(error)", isPassing: false)
        } catch let failure as SandboxFailure {
            facts.fault = .init(reason: failure.kind.rawValue, message: failure.reason, isPassing: false)
        } catch {
            facts.fault = .init(
                reason: "ResolvingDigests",
                message: "cannot find the image's digest: \(error); is it pushed, and does the registry run?",
                isPassing: true)
        }
    }

    /// A tag is resolved once per revision: what the status holds already stays.
    private func digest(of image: String, object: JSONValue, revision: String) async throws -> SHA256Digest {
        if object.at("status", "latestCreatedRevisionName")?.stringValue == revision {
            for entry in object.at("status", "containerStatuses")?.arrayValue ?? [] {
                guard entry["image"]?.stringValue == image, let pinned = entry["imageDigest"]?.stringValue,
                    let at = pinned.lastIndex(of: "@")
                else { continue }
                return try SHA256Digest.parse(String(pinned[pinned.index(after: at)...]))
            }
        }
        return try await self.digests.digest(of: image)
    }

    /// Whether a Service may start: asks the broker again when the last answer forbade it.
    private func admit(_ key: ObjectStore.Key) async -> SandboxFailure? {
        guard var facts = self.facts[key] else { return SandboxFailure(.stopped, "Service \(key) is not known yet") }
        if facts.mayServe || facts.readyRevision != nil { return nil }
        if let fault = facts.fault { return SandboxFailure(.launchFailed, fault.message) }
        guard let specification = facts.specification else { return SandboxFailure(.stopped, "no manifest yet") }
        let answer = await self.registrations.check(specification.manifest, digest: specification.initData.digest)
        if self.facts[key]?.revision == facts.revision, answer != facts.registration {
            facts.registration = answer
            await self.adopt(facts, key)
        }
        let condition = facts.conditions.last
        switch answer {
        case .registered, .notNeeded: return nil
        case .unknown: return SandboxFailure(.notRegistered, condition?.message ?? "")
        case .unreachable: return SandboxFailure(.unreachable, condition?.message ?? "")
        }
    }

    private func started(_ key: ObjectStore.Key, _ revision: String, _ failure: SandboxFailure?) async {
        guard var facts = self.facts[key], facts.revision == revision, facts.failure != failure else { return }
        facts.failure = failure
        self.facts[key] = facts
        await self.publish(key)
    }

    private func publish(_ key: ObjectStore.Key) async {
        guard let facts = self.facts[key], let object = try? await self.store.object(key) else { return }
        var status: [String: JSONValue] = [
            "observedGeneration": .integer(facts.generation),
            "latestCreatedRevisionName": .string(facts.revision),
            "conditions": Conditions.render(facts.conditions, over: object, now: WallClock.now()),
        ]
        if let specification = facts.specification {
            let url = self.url(specification)
            status["url"] = .string(url)
            status["address"] = .object(["url": .string(url)])
            status["annotations"] = .object([
                "testudo.dev/manifest-digest": .string(specification.initData.digest.description)
            ])
            let images = ServiceObject.images(of: object)
            status["containerStatuses"] = .array(
                zip(facts.images, images).map { pinned, image in
                    .object([
                        "name": .string(pinned.name), "image": .string(image), "imageDigest": .string(pinned.pinned),
                    ])
                })
        }
        if let ready = facts.readyRevision {
            status["latestReadyRevisionName"] = .string(ready)
            status["traffic"] = .array([
                .object(["latestRevision": true, "percent": 100, "revisionName": .string(ready)])
            ])
        }
        do throws(APIFault) {
            try await self.store.setStatus(.object(status), key: key, generation: facts.generation)
        } catch {
            self.logger.error("a status was not stored", metadata: ["service": "\(key)", "error": "\(error.message)"])
        }
    }

    private func url(_ specification: PodSpecification) -> String {
        let host = specification.manifest.network.hostnames.first ?? specification.service
        return specification.runtimeClass == .confidential
            ? "https://\(host)\(self.addresses.tls == 443 ? "" : ":\(self.addresses.tls)")"
            : "http://\(host)\(self.addresses.http == 80 ? "" : ":\(self.addresses.http)")"
    }
}
