import Envelope
import WireFormat

/// Makes pod manifests out of Knative Services.
///
/// Rendering is a pure function of Service, digests and profile, so that tenant and node come to the same bytes
/// independently (rule R18).
public enum ManifestRenderer {
    /// Renders the manifest of a Service.
    ///
    /// - Parameters:
    ///   - service: The Service.
    ///   - digests: The manifest digest of each image, by its name as written in the Service.
    ///   - profile: What the tenant's manifests have in common.
    /// - Throws: `WireError` with the path of the field in Service or manifest.
    public static func render(
        service: KnativeService, digests: [String: SHA256Digest], profile: TenantProfile
    ) throws(WireError) -> PodManifest {
        let isConfidential = service.runtimeClass == "testudo-cvm"
        let manifest = PodManifest(
            name: service.name, namespace: service.namespace, runtimeClass: service.runtimeClass,
            guestVersion: profile.guestVersion, debug: service.debug, protections: isConfidential ? ["attested"] : [],
            containers: [try container(of: service, digests, profile, isConfidential)],
            resources: PodResources(vcpus: service.container.vcpus, memoryMiB: service.container.memoryMiB),
            registry: profile.registry, imagePolicy: profile.imagePolicy, lookaside: profile.lookaside,
            network: PodNetwork(
                hostnames: ["\(service.name).\(service.namespace).\(profile.domain)"],
                plaintext: !isConfidential || service.plaintext, egress: []),
            hostOperations: ["status", "stop"] + (service.debug ? ["debug-console"] : []),
            logRecipient: isConfidential ? profile.logRecipient : "",
            keyBroker: isConfidential ? profile.keyBroker : PodKeyBroker(url: "", certificate: ""),
            concurrency: service.concurrency, timeoutSeconds: service.timeoutSeconds)
        try manifest.validate()
        return manifest
    }

    private static func container(
        of service: KnativeService, _ digests: [String: SHA256Digest], _ profile: TenantProfile, _ isConfidential: Bool
    ) throws(WireError) -> PodContainer {
        let source = service.container
        let path = "spec.template.spec.containers[0]"
        guard let digest = digests[source.image] else {
            throw WireError(field: "\(path).image", reason: "has no known digest")
        }
        let registry = try PinnedImage.registry(of: source.image, "\(path).image")
        guard profile.registry.endpoint.hasSuffix("://\(registry)") else {
            throw WireError(
                field: "\(path).image", reason: "must come from the tenant's registry, \(profile.registry.endpoint)")
        }
        guard isConfidential || service.imageKey == nil else {
            throw WireError(
                field: "metadata.annotations.\(KnativeService.annotationPrefix)image-key",
                reason: "is for testudo-cvm: \(service.runtimeClass) cannot prove itself to the key broker")
        }
        var environment: [PodContainer.Variable] = []
        for (position, variable) in source.environment.enumerated() {
            switch variable.source {
            case .value(let text):
                guard isConfidential || !SealedSecret.isSealed(text) else {
                    throw WireError(
                        field: "\(path).env[\(position)].value",
                        reason: "sealed secrets are for testudo-cvm: \(service.runtimeClass) cannot prove itself")
                }
                environment.append(.init(name: variable.name, source: .value(text)))
            case .secret(let name, let key):
                guard isConfidential else {
                    throw WireError(
                        field: "\(path).env[\(position)].valueFrom",
                        reason: "secrets are for testudo-cvm: \(service.runtimeClass) cannot prove itself")
                }
                let address = "kbs:///\(service.namespace)/\(name)/\(key)"
                try ResourceAddress.check(address, "\(path).env[\(position)].valueFrom.secretKeyRef")
                environment.append(.init(name: variable.name, source: .secret(address)))
            }
        }
        return PodContainer(
            name: source.name, image: try PinnedImage.pin(source.image, to: digest, "\(path).image"),
            imageKey: service.imageKey, command: source.command, arguments: source.arguments, environment: environment,
            workingDirectory: source.workingDirectory, port: source.port, user: source.user)
    }
}
