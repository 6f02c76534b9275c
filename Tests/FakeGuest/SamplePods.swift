import PodManifest
import WireFormat

/// Manifests and profiles for tests.
public enum SamplePods {
    /// The base point of P-256: a valid key whose private half is 1.
    public static let logRecipient =
        "BGsX0fLhLEJH-Lzm5WOkQPJ3A32BLeszoPShOUXYmMKWT-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU"
    /// The text of an image that is pinned.
    public static let image = "127.0.0.1:5999/hello@sha256:" + String(repeating: "a", count: 64)

    /// What a tenant gives the node.
    public static func profile(brokerPort: Int = 8999, registryPort: Int = 5999) throws -> TenantProfile {
        try TenantProfile(
            parsing: [
                "guestVersion": "0.1.0", "domain": "localhost",
                "registry": ["endpoint": .string("http://127.0.0.1:\(registryPort)"), "certificate": ""],
                "imagePolicy": ["default": [["type": "reject"]]], "lookaside": "",
                "logs": ["recipient": .string(self.logRecipient)],
                "keyBroker": [
                    "url": .string("https://127.0.0.1:\(brokerPort)"),
                    "certificate": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
                ],
            ])
    }

    /// A Service as a user writes it.
    public static func service(
        _ name: String = "hello", runtimeClass: String = "testudo-vm", image: String = image,
        annotations: [String: JSONValue] = [:], pod: [String: JSONValue] = [:]
    ) -> JSONValue {
        let container: JSONValue = ["image": .string(image)]
        let fields: [String: JSONValue] = [
            "runtimeClassName": .string(runtimeClass), "containers": [container],
        ]
        return [
            "apiVersion": "serving.knative.dev/v1", "kind": "Service",
            "metadata": ["name": .string(name), "annotations": .object(annotations)],
            "spec": ["template": ["spec": .object(fields.merging(pod) { $1 })]],
        ]
    }

    /// A manifest of a Service whose image is pinned.
    public static func manifest(
        runtimeClass: String = "testudo-vm", brokerPort: Int = 8999, registryPort: Int = 5999
    ) throws -> PodManifest {
        let image = Self.image.replacingPort(registryPort)
        let service = try KnativeService(parsing: self.service(runtimeClass: runtimeClass, image: image))
        return try ManifestRenderer.render(
            service: service, digests: [image: try .init(hex: String(repeating: "a", count: 64))],
            profile: try self.profile(brokerPort: brokerPort, registryPort: registryPort))
    }
}

extension String {
    fileprivate func replacingPort(_ port: Int) -> String {
        "127.0.0.1:\(port)" + self[(self.firstIndex(of: "/") ?? self.startIndex)...]
    }
}
