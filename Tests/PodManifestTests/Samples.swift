import Envelope
import PodManifest
import WireFormat

/// A tenant, a Service and what they render to.
enum Samples {
    static let digest = SHA256Digest(hashing: Array("image".utf8))
    static let image = "127.0.0.1:5000/hello:latest"
    /// The generator of P-256: a valid point that nobody's key belongs to.
    static let recipient =
        "BGsX0fLhLEJH-Lzm5WOkQPJ3A32BLeszoPShOUXYmMKWT-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU"
    static let certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"

    static let profileJSON: JSONValue = [
        "guestVersion": "0.1.0", "domain": "localhost",
        "registry": ["endpoint": "http://127.0.0.1:5000", "certificate": ""],
        "imagePolicy": ["default": [["type": "reject"]]], "lookaside": "", "logs": ["recipient": .string(recipient)],
        "keyBroker": ["url": "https://127.0.0.1:8480", "certificate": .string(certificate)],
    ]

    static let serviceJSON: JSONValue = [
        "apiVersion": "serving.knative.dev/v1", "kind": "Service",
        "metadata": [
            "name": "hello", "annotations": ["testudo.dev/image-key": "kbs:///default/image-key/hello"],
            "generation": 3, "resourceVersion": "7",
        ],
        "spec": [
            "template": [
                "metadata": ["annotations": ["autoscaling.knative.dev/min-scale": "1"]],
                "spec": [
                    "containerConcurrency": 10,
                    "containers": [
                        [
                            "image": .string(image), "ports": [["containerPort": 8081]],
                            "env": [
                                ["name": "TARGET", "value": "world \"\\\u{7f}\u{1}"],
                                [
                                    "name": "DB_PASSWORD",
                                    "valueFrom": ["secretKeyRef": ["name": "db", "key": "password.txt"]],
                                ],
                            ],
                            "resources": ["limits": ["cpu": "1500m", "memory": "256Mi"]],
                            "securityContext": ["runAsUser": 1000, "runAsNonRoot": true],
                        ]
                    ],
                ],
            ]
        ],
        "status": ["anything": true],
    ]

    static func manifest() throws -> PodManifest {
        try ManifestRenderer.render(
            service: try KnativeService(parsing: serviceJSON), digests: [image: digest],
            profile: try TenantProfile(parsing: profileJSON))
    }
}

extension JSONValue {
    /// A copy with the member at `path` replaced, or removed for nil. Numbers in the path are positions in arrays.
    func with(_ path: String, _ value: JSONValue?) -> JSONValue {
        var rest = path.split(separator: "/").map(String.init)
        guard !rest.isEmpty else { return value ?? .null }
        let first = rest.removeFirst()
        let inner = rest.joined(separator: "/")
        if case .array(var elements) = self, let index = Int(first), elements.indices.contains(index) {
            elements[index] = elements[index].with(inner, value)
            return .array(elements)
        }
        var members = self.objectValue ?? [:]
        members[first] = rest.isEmpty ? value : (members[first] ?? [:]).with(inner, value)
        return .object(members)
    }
}
