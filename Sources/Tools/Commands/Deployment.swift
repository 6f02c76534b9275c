import Envelope
import Foundation
import HTTPExchange
import ImageFormat
import NIOPosix
import PodManifest
import Registry
import WireFormat

/// A Service with its images pinned and its manifest rendered, ready to register and send.
struct PreparedService: Sendable {
    let name: String
    let namespace: String
    let service: JSONValue
    let manifest: PodManifest
    let initData: InitData
    /// Image as written -> image with digest.
    let images: [String: String]

    /// The broker resources that the manifest may ask for.
    var resources: [String] {
        var found: [String] = []
        for container in manifest.containers {
            if let key = container.imageKey { found.append(key) }
            found += container.environment.compactMap(\.secret)
        }
        found += sealedNeeds.flatMap(\.resources).filter(isOwn)
        return Array(Set(found)).sorted()
    }

    /// What may be done with keys of the broker, for sealed secrets.
    var keys: [String] {
        let own = sealedNeeds.compactMap(\.key).filter { $0.namespace == namespace }
        return Array(Set(own.map { "kms:\($0.name):\($0.operation)" })).sorted()
    }

    /// What sealed secrets name of other namespaces: opaque text must not open to a Service what a reference cannot. Policies of the broker
    /// may.
    var foreignNeeds: [String] {
        let keys = sealedNeeds.compactMap(\.key).filter { $0.namespace != namespace }
        return sealedNeeds.flatMap(\.resources).filter { !isOwn($0) }
            + keys.map { "kms/\($0.namespace)/\($0.name)" }
    }

    /// Whether a resource is the Service's own namespace's.
    private func isOwn(_ resource: String) -> Bool { resource.split(separator: "/").first == namespace[...] }

    /// The manifest was checked: what poses as sealed can be read.
    private var sealedNeeds: [SealedNeeds] {
        manifest.containers.flatMap(\.environment).compactMap(\.sealed).compactMap { try? SealedText($0).needs() }
    }

    /// Tells the broker that this digest may have these keys; nothing to tell for the classes without a TEE.
    ///
    /// - Parameter hardwareOnly: Simulated guests get nothing, whatever the deployment allows.
    func register(state: StateFolder, settings: Settings, hardwareOnly: Bool = false) async throws {
        guard manifest.isConfidential else { return }
        let admin = try BrokerAdmin(state: state, settings: settings)
        let year: Int64 = 365 * 24 * 3600
        let body: JSONValue = .object([
            "name": .string(name), "namespace": .string(namespace),
            "hostnames": .array(manifest.network.hostnames.map { .string($0) }),
            "resources": .array(resources.map { .string($0) }), "keys": .array(keys.map { .string($0) }),
            "measurements": "any-reference",
            "guestVersion": .string(manifest.guestVersion),
            "simulated": .bool(settings.allowsSimulated && !hardwareOnly),
            "owner": "tenant",
            "expires": .integer(Int64(Date().timeIntervalSince1970) + year),
        ])
        _ = try await admin.json("PUT", "/kbs/v0/testudo/manifests/\(initData.digest.hex)", body)
    }

    /// Retires the Service's other manifests, so that the host cannot go back to one (rule R9); their digests.
    func retireEarlier(state: StateFolder, settings: Settings) async throws -> [String] {
        try await BrokerAdmin(state: state, settings: settings).retireManifests(
            name: name, namespace: namespace, except: initData.digest.hex)
    }

    /// What ``deploy(state:settings:options:)`` is to do beside registering and sending.
    struct DeployOptions: Sendable {
        var hardwareOnly = false
        var keepEarlier = false
        var waits = true
    }

    /// Registers, sends, waits for the node's verdict, and only then retires what this Service was before: a node that
    /// refuses must not leave the tenant with a manifest that runs nowhere and none that may run.
    func deploy(
        state: StateFolder, settings: Settings, options: DeployOptions = DeployOptions()
    ) async throws -> (service: JSONValue, retired: [String]) {
        try await register(state: state, settings: settings, hardwareOnly: options.hardwareOnly)
        let client = try NodeClient(state: state, settings: settings)
        let before = try await client.find("GET", NodeClient.servicePath(namespace, name))
        var answer = try await client.apply(service, namespace: namespace, name: name)
        if options.waits { answer = try await ApplyCommand.settled(client, self, before: before) }
        if options.keepEarlier { return (answer, []) }
        return (answer, try await retireEarlier(state: state, settings: settings))
    }
}

/// The tenant's side of a deployment: nothing is registered whose signature was not checked here (rule R23).
struct Deployment: Sendable {
    let state: StateFolder
    let settings: Settings
    let progress: Progress

    /// Resolves tags, checks signatures, renders the manifest.
    ///
    /// - Parameter unsignedDigest: accepts images that no signature covers when the manifest has this digest.
    func prepare(_ service: JSONValue, unsignedDigest: String?) async throws -> PreparedService {
        let profile = try TenantProfile(parsing: try JSONValue.parse(try StateFolder.read(state.profileFile)))
        let knative = try KnativeService(parsing: service)
        var pinned = service
        var images: [String: String] = [:]
        var digests: [String: SHA256Digest] = [:]
        for image in knative.images {
            progress.step("checking \(image)")
            let checked = try await check(image, policy: profile.imagePolicy, unsignedDigest: unsignedDigest)
            images[image] = checked.text
            digests[image] = checked.digest
            pinned = replace(image, with: checked.text, in: pinned)
        }
        let exact = try KnativeService(parsing: pinned)
        var exactDigests: [String: SHA256Digest] = [:]
        for (image, text) in images { exactDigests[text] = digests[image] }
        let manifest = try ManifestRenderer.render(service: exact, digests: exactDigests, profile: profile)
        let prepared = PreparedService(
            name: knative.name, namespace: knative.namespace, service: pinned, manifest: manifest,
            initData: try InitData(manifest: manifest), images: images)
        for name in Set(prepared.foreignNeeds).sorted() {
            progress.step(
                "a sealed secret names \(ShownText.line(name)), of another namespace: it is not registered, and only a policy opens it"
            )
        }
        return prepared
    }

    /// The image's digest, once a signature that the tenant's policy accepts covers it.
    private func check(_ image: String, policy: JSONValue, unsignedDigest: String?) async throws
        -> (text: String, digest: SHA256Digest)
    {
        let reference = try ImageReference(image)
        let client = try RegistryAccess.client(for: reference)
        let digest: SHA256Digest
        do { digest = try await client.digest(of: reference) } catch {
            throw CommandFailure("cannot resolve \(image): \(error)", hint: "is the image pushed and the registry up?")
        }
        let exact = reference.pinned(to: digest)
        if let unsignedDigest {
            guard unsignedDigest == digest.description else {
                throw CommandFailure(
                    "\(image) has digest \(digest), not \(unsignedDigest.isEmpty ? "(none given)" : unsignedDigest)",
                    hint: "pass --digest \(digest) if you mean this image")
            }
            return (exact.description, digest)
        }
        let verdict = try await SignatureCheck(policy: try SignaturePolicy(optional: policy), client: client).verify(
            exact)
        guard verdict.isAccepted else {
            throw CommandFailure(
                "\(image) is not signed as your policy wants: \(verdict.reason)",
                hint: "sign it with `testudo image sign \(image)`, or allow it in tenant/image-policy.json: "
                    + "the guest applies that policy too")
        }
        return (exact.description, digest)
    }

    private func replace(_ image: String, with text: String, in value: JSONValue) -> JSONValue {
        switch value {
        case .object(let fields):
            return .object(
                Dictionary(
                    uniqueKeysWithValues: fields.map { key, entry in
                        if key == "image", entry.stringValue == image { return (key, JSONValue.string(text)) }
                        return (key, replace(image, with: text, in: entry))
                    }))
        case .array(let items):
            return .array(items.map { replace(image, with: text, in: $0) })
        default:
            return value
        }
    }
}
