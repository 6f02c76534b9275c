import WireFormat

/// The fixed documents by which kubectl learns what this node serves.
enum Discovery {
    static let servingGroup = "serving.knative.dev"

    /// `/version`.
    static let version: JSONValue = .object([
        "major": "1", "minor": "32", "gitVersion": "v1.32.0+testudo", "gitCommit": "", "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z", "goVersion": "", "compiler": "swift", "platform": "linux/amd64",
    ])

    /// `/api`.
    static let coreVersions: JSONValue = .object([
        "kind": "APIVersions", "versions": .array(["v1"]), "serverAddressByClientCIDRs": .array([]),
    ])

    /// `/api/v1`: namespaces only.
    static let coreResources = resourceList(
        "v1",
        [
            resource(
                "namespaces", singular: "namespace", kind: "Namespace", namespaced: false, verbs: ["get", "list"],
                shortNames: ["ns"])
        ])

    /// `/apis`.
    static let groups: JSONValue = .object([
        "kind": "APIGroupList", "apiVersion": "v1", "groups": .array([servingGroupEntry]),
    ])

    /// `/apis/serving.knative.dev`.
    static let servingGroupDocument: JSONValue = .object(
        (servingGroupEntry.objectValue ?? [:]).merging(["kind": "APIGroup", "apiVersion": "v1"]) { $1 })

    /// `/apis/serving.knative.dev/v1`.
    static let servingResources = resourceList(
        "serving.knative.dev/v1",
        [
            resource(
                "services", singular: "service", kind: "Service", namespaced: true,
                verbs: ["create", "delete", "get", "list", "patch", "update", "watch"],
                shortNames: ["kservice", "ksvc"]),
            resource(
                "services/status", singular: "", kind: "Service", namespaced: true, verbs: ["get"], shortNames: []),
        ])

    /// `/openapi/v3`.
    static let openAPIRoot: JSONValue = .object([
        "paths": .object([
            "apis/serving.knative.dev/v1": .object([
                "serverRelativeURL": "/openapi/v3/apis/serving.knative.dev/v1?hash=1"
            ])
        ])
    ])

    /// `/openapi/v3/apis/serving.knative.dev/v1`: enough for kubectl to leave field validation to the server.
    static let openAPIServing: JSONValue = .object([
        "openapi": "3.0.0",
        "info": .object(["title": "Testudo node", "version": "v1"]),
        "paths": .object([
            "/apis/serving.knative.dev/v1/namespaces/{namespace}/services/{name}": .object([
                "patch": .object([
                    "description": "change the Service", "operationId": "patchService",
                    "parameters": .array(
                        ["fieldManager", "fieldValidation", "force"].map { name in
                            .object([
                                "name": .string(name), "in": "query",
                                "schema": .object(["type": .string(name == "force" ? "boolean" : "string")]),
                            ])
                        }),
                    "requestBody": .object([
                        "content": .object([
                            "application/merge-patch+json": .object(["schema": .object(["type": "object"])]),
                            "application/apply-patch+yaml": .object(["schema": .object(["type": "object"])]),
                        ])
                    ]),
                    "responses": .object(["200": .object(["description": "OK"])]),
                    "x-kubernetes-action": "patch",
                    "x-kubernetes-group-version-kind": serviceKind,
                ])
            ])
        ]),
        "components": .object([
            "schemas": .object([
                "dev.knative.serving.v1.Service": .object([
                    "type": "object", "x-kubernetes-preserve-unknown-fields": true,
                    "x-kubernetes-group-version-kind": .array([serviceKind]),
                ])
            ])
        ]),
    ])

    /// The media types of `/openapi/v2` in protobuf: kubectl up to 1.26 reads no other form and asks by the first name,
    /// which Go refuses to read in an answer.
    static let openAPIv2Protobuf = [
        "application/com.github.proto-openapi.spec.v2@v1.0+protobuf",
        "application/com.github.proto-openapi.spec.v2.v1.0+protobuf",
    ]

    /// `/openapi/v2` as the protobuf message `openapi.v2.Document` of gnostic: version (1), info (2) with title (1) and
    /// version (2), and no paths (8). Clients leave kinds that are not described to the server.
    static let openAPIv2Message: [UInt8] = {
        func field(_ number: UInt8, _ bytes: [UInt8]) -> [UInt8] { [number << 3 | 2, UInt8(bytes.count)] + bytes }
        let info = field(1, Array("Testudo node".utf8)) + field(2, Array("v1".utf8))
        return field(1, Array("2.0".utf8)) + field(2, info) + field(8, [])
    }()

    /// `/openapi/v2`, for clients that read it as JSON.
    static let openAPIv2: JSONValue = .object([
        "swagger": "2.0", "info": .object(["title": "Testudo node", "version": "v1"]), "paths": .object([:]),
        "definitions": .object([:]),
    ])

    private static let serviceKind: JSONValue = .object([
        "group": "serving.knative.dev", "version": "v1", "kind": "Service",
    ])

    private static let servingGroupEntry: JSONValue = .object([
        "name": "serving.knative.dev",
        "versions": .array([.object(["groupVersion": "serving.knative.dev/v1", "version": "v1"])]),
        "preferredVersion": .object(["groupVersion": "serving.knative.dev/v1", "version": "v1"]),
    ])

    private static func resourceList(_ version: String, _ resources: [JSONValue]) -> JSONValue {
        .object([
            "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": .string(version),
            "resources": .array(resources),
        ])
    }

    private static func resource(
        _ name: String, singular: String, kind: String, namespaced: Bool, verbs: [String], shortNames: [String]
    ) -> JSONValue {
        .object([
            "name": .string(name), "singularName": .string(singular), "kind": .string(kind),
            "namespaced": .bool(namespaced), "verbs": .array(verbs.map { .string($0) }),
            "shortNames": .array(shortNames.map { .string($0) }),
        ])
    }
}
