import PodManifest

/// The isolation classes, as `runtimeClassName` names them.
public enum RuntimeClass: String, Sendable, CaseIterable {
    /// One confidential VM per pod.
    case confidential = "testudo-cvm"
    /// One VM per pod, no TEE.
    case machine = "testudo-vm"
    /// A container of the host's own runtime.
    case container = "testudo-runc"
}

/// All the host needs to know to start instances of one revision.
public struct PodSpecification: Sendable {
    /// The namespace of the Service.
    public let namespace: String
    /// The Service.
    public let service: String
    /// The revision, `NAME-00001`.
    public let revision: String
    /// The class, as the manifest says.
    public let runtimeClass: RuntimeClass
    /// What the pod is.
    public let manifest: PodManifest
    /// The manifest's envelope; its exact bytes are what is measured.
    public let initData: InitData

    /// Creates a specification.
    ///
    /// - Throws: ``SandboxFailure`` (`ClassUnavailable`) when the manifest's class is none of ``RuntimeClass``.
    public init(
        namespace: String, service: String, revision: String, manifest: PodManifest, initData: InitData
    ) throws(SandboxFailure) {
        guard let runtimeClass = RuntimeClass(rawValue: manifest.runtimeClass) else {
            throw SandboxFailure(.classUnavailable, "runtime class \(manifest.runtimeClass) is unknown")
        }
        self.namespace = namespace
        self.service = service
        self.revision = revision
        self.runtimeClass = runtimeClass
        self.manifest = manifest
        self.initData = initData
    }
}
