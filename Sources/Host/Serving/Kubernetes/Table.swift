import WireFormat

/// Renders Services as the table that `kubectl get` prints.
enum Table {
    /// A `meta.k8s.io/v1` Table of these Services.
    ///
    /// - Parameters:
    ///   - services: The objects, in order.
    ///   - resourceVersion: The version of the list.
    ///   - includeObject: `Metadata`, `Object` or `None`, as the client asked.
    static func services(_ services: [JSONValue], resourceVersion: String, includeObject: String) -> JSONValue {
        let columns = [
            ("Name", "name"), ("URL", ""), ("LatestCreated", ""), ("LatestReady", ""), ("Ready", ""), ("Reason", ""),
        ]
        return self.table(
            columns, resourceVersion: resourceVersion,
            services.map { service in
                let ready = Conditions.find("Ready", in: service)
                let cells = [
                    service.at("metadata", "name"), service.at("status", "url"),
                    service.at("status", "latestCreatedRevisionName"), service.at("status", "latestReadyRevisionName"),
                    ready?["status"], ready?["reason"],
                ]
                return (cells.map { .string($0?.stringValue ?? "") }, service)
            }, includeObject: includeObject)
    }

    /// A Table of namespaces.
    static func namespaces(_ namespaces: [JSONValue], includeObject: String) -> JSONValue {
        self.table(
            [("Name", "name"), ("Status", "")], resourceVersion: "1",
            namespaces.map { namespace in
                ([.string(namespace.at("metadata", "name")?.stringValue ?? ""), "Active"], namespace)
            }, includeObject: includeObject)
    }

    private static func table(
        _ columns: [(String, String)], resourceVersion: String, _ rows: [([JSONValue], JSONValue)],
        includeObject: String
    ) -> JSONValue {
        .object([
            "kind": "Table", "apiVersion": "meta.k8s.io/v1",
            "metadata": .object(["resourceVersion": .string(resourceVersion)]),
            "columnDefinitions": .array(
                columns.map { name, format in
                    .object([
                        "name": .string(name), "type": "string", "format": .string(format),
                        "description": .string(name), "priority": 0,
                    ])
                }),
            "rows": .array(
                rows.map { cells, object in
                    .object(["cells": .array(cells), "object": self.reduced(object, includeObject)])
                }),
        ])
    }

    private static func reduced(_ object: JSONValue, _ includeObject: String) -> JSONValue {
        switch includeObject {
        case "Object": object
        case "None": .null
        default:
            .object([
                "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
                "metadata": object["metadata"] ?? .object([:]),
            ])
        }
    }
}
