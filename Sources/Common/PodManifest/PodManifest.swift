import Envelope
import WireFormat

/// What a pod is, once and for all: the document whose digest the hardware holds and the tenant registers.
///
/// Everything that the host could otherwise choose and that matters to the tenant stands in here. Canonical JSON
/// (RFC 8785); ``InitData`` is its envelope.
public struct PodManifest: Equatable, Sendable {
    /// The Service's name.
    public var name: String
    /// The Service's namespace.
    public var namespace: String
    /// `testudo-cvm`, `testudo-vm` or `testudo-runc`.
    public var runtimeClass: String
    /// The guest version that the tenant expects.
    public var guestVersion: String
    /// Whether console and debug command line are allowed; another launch measurement.
    public var debug: Bool
    /// Protections that the machine must give, such as `attested`; never a vendor's name.
    public var protections: [String]
    /// The containers; one for now.
    public var containers: [PodContainer]
    /// Size of the machine.
    public var resources: PodResources
    /// Where images come from.
    public var registry: PodRegistry
    /// Which signatures images need, in the shape of containers-policy.json.
    public var imagePolicy: JSONValue
    /// The base URL of a store of simple signatures; empty for none.
    public var lookaside: String
    /// Names and reach on the network.
    public var network: PodNetwork
    /// What the host may ask the agent beyond starting it.
    public var hostOperations: [String]
    /// The tenant's public key for logs, P-256 in X9.63 form as base64url; empty where logs are plain.
    public var logRecipient: String
    /// The tenant's key broker; both fields are empty in classes without attestation.
    public var keyBroker: PodKeyBroker
    /// Requests at one time; 0 is no limit.
    public var concurrency: Int
    /// How long one request may take.
    public var timeoutSeconds: Int

    /// Whether the pod's code, data and keys are kept from the host.
    public var isConfidential: Bool { self.runtimeClass == "testudo-cvm" }
}

/// One container of a pod.
public struct PodContainer: Equatable, Sendable {
    /// One variable of the container's environment.
    public struct Variable: Equatable, Sendable {
        /// The name.
        public var name: String
        /// Where the value comes from.
        public var source: Source

        /// Creates a variable.
        public init(name: String, source: Source) {
            self.name = name
            self.source = source
        }

        /// The literal value, if it is one.
        public var value: String? { if case .value(let text) = self.source { text } else { nil } }
        /// The sealed secret that the guest opens, if the literal value is one (``SealedSecret``).
        public var sealed: String? { self.value.flatMap { SealedSecret.isSealed($0) ? $0 : nil } }
        /// The key broker's resource, if it is a secret.
        public var secret: String? { if case .secret(let path) = self.source { path } else { nil } }
    }

    /// Where the value of a variable comes from.
    public enum Source: Equatable, Sendable {
        /// The value itself; the host sees it.
        case value(String)
        /// A resource of the key broker, `kbs:///repository/type/tag`.
        case secret(String)
    }

    /// The container's name.
    public var name: String
    /// `registry/repository@sha256:hex`.
    public var image: String
    /// The resource that opens the image's layers; nil for images in clear or with key-provider packets.
    public var imageKey: String?
    /// Replaces the image's entry point when not empty.
    public var command: [String]
    /// Replaces the image's arguments when not empty.
    public var arguments: [String]
    /// The environment beyond the image's own.
    public var environment: [Variable]
    /// Replaces the image's working directory when not empty.
    public var workingDirectory: String
    /// The port that the application listens on.
    public var port: Int
    /// Replaces the image's user when not empty: `uid` or `uid:gid`.
    public var user: String
}

/// Size of a pod's machine. Fixed at the start; there is no hot-plug.
public struct PodResources: Equatable, Sendable {
    /// Virtual processors, 1 to 16.
    public var vcpus: Int
    /// Memory, MiB.
    public var memoryMiB: Int

    /// Creates a size.
    public init(vcpus: Int, memoryMiB: Int) {
        self.vcpus = vcpus
        self.memoryMiB = memoryMiB
    }
}

/// Where a pod's images come from.
public struct PodRegistry: Equatable, Sendable {
    /// `http://host:port` or `https://host[:port]`.
    public var endpoint: String
    /// PEM of the certificate to pin; empty for http.
    public var certificate: String

    /// Creates a registry's address.
    public init(endpoint: String, certificate: String) {
        self.endpoint = endpoint
        self.certificate = certificate
    }
}

/// A pod's names and reach.
public struct PodNetwork: Equatable, Sendable {
    /// The names it answers to.
    public var hostnames: [String]
    /// Whether it also serves plain HTTP (rule R17).
    public var plaintext: Bool
    /// Destinations that containers may reach; none can be given yet.
    public var egress: [String]
}

/// The tenant's key broker, as a pod knows it.
public struct PodKeyBroker: Equatable, Sendable {
    /// `https://host:port`.
    public var url: String
    /// PEM of the broker's TLS certificate; pinned exactly.
    public var certificate: String

    /// Creates a broker's address.
    public init(url: String, certificate: String) {
        self.url = url
        self.certificate = certificate
    }
}
