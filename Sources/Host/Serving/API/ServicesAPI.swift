import Hummingbird
import NIOCore
import ServiceLifecycle
import WireFormat

/// `/apis/serving.knative.dev/v1`: the Services as Kubernetes clients read and write them.
struct ServicesAPI: Sendable {
    let store: ObjectStore

    /// Serves a path below the group.
    ///
    /// - Parameters:
    ///   - request: The request.
    ///   - rest: The path after `/apis/serving.knative.dev/v1`.
    func serve(_ request: APIRequest, _ rest: ArraySlice<String>) async throws(APIFault) -> Response {
        let rest = Array(rest)
        switch rest.count {
        case 0: return APIRequest.answer(Discovery.servingResources)
        case 1 where rest[0] == "services": return try await self.list(request, namespace: nil)
        case 3 where rest[0] == "namespaces" && rest[2] == "services":
            switch request.method {
            case .get: return try await self.list(request, namespace: rest[1])
            case .post: return try await self.create(request, namespace: rest[1])
            default: throw Self.notAllowed(request)
            }
        case 4 where rest[0] == "namespaces" && rest[2] == "services":
            return try await self.one(request, ObjectStore.Key(namespace: rest[1], name: rest[3]))
        case 5 where rest[0] == "namespaces" && rest[2] == "services" && rest[4] == "status":
            guard request.method == .get else { throw Self.notAllowed(request) }
            return try await self.one(request, ObjectStore.Key(namespace: rest[1], name: rest[3]))
        default: throw .notFound(rest.joined(separator: "/"), resource: "path")
        }
    }

    private func one(_ request: APIRequest, _ key: ObjectStore.Key) async throws(APIFault) -> Response {
        switch request.method {
        case .get:
            let object = try await self.store.object(key)
            return self.present([object], single: object, request, version: await self.store.currentVersion)
        case .put:
            let object = try ServiceObject(await request.body(), namespace: key.namespace, name: key.name)
            return APIRequest.answer(
                try await self.store.replace(object.json, key: key, dryRun: request.isDryRun))
        case .patch: return try await self.patch(request, key)
        case .delete: return try await self.delete(request, key)
        default: throw Self.notAllowed(request)
        }
    }

    private func create(_ request: APIRequest, namespace: String) async throws(APIFault) -> Response {
        let object = try ServiceObject(await request.body(), namespace: namespace)
        let stored = try await self.store.create(object.json, key: object.key, dryRun: request.isDryRun)
        return APIRequest.answer(stored, .created)
    }

    private func patch(_ request: APIRequest, _ key: ObjectStore.Key) async throws(APIFault) -> Response {
        switch request.contentType {
        case "application/apply-patch+yaml": return try await self.apply(request, key)
        // Services have no merge keys, so a strategic patch means the same as a merge patch; client-go sends it to
        // types that it knows, which Services are not.
        case "application/merge-patch+json", "application/strategic-merge-patch+json":
            let patch = try await request.body()
            let current = try await self.store.object(key)
            var wanted = Patch.merge(patch, into: current)
            // Without a version in the patch the latest object is meant.
            if patch.at("metadata", "resourceVersion") == nil { wanted.set("metadata", "resourceVersion", to: nil) }
            let object = try ServiceObject(wanted, namespace: key.namespace, name: key.name)
            return APIRequest.answer(
                try await self.store.replace(object.json, key: key, dryRun: request.isDryRun))
        default:
            throw APIFault(
                code: 415, reason: "UnsupportedMediaType",
                message: "\(request.contentType) is none of application/merge-patch+json, "
                    + "application/strategic-merge-patch+json, application/apply-patch+yaml")
        }
    }

    /// Server-side apply: creates what is not there.
    private func apply(_ request: APIRequest, _ key: ObjectStore.Key) async throws(APIFault) -> Response {
        let manager = request.parameter("fieldManager")
        guard !manager.isEmpty else { throw .badRequest("server-side apply needs fieldManager") }
        let configuration = try await request.body()
        guard configuration.at("metadata", "managedFields") == nil else {
            throw .badRequest("metadata.managedFields must be absent")
        }
        guard let entry = await self.store.entry(key) else {
            let object = try ServiceObject(configuration, namespace: key.namespace, name: key.name)
            let stored = try await self.store.create(
                object.json, key: key, applied: [manager: configuration], dryRun: request.isDryRun)
            return APIRequest.answer(stored, .created)
        }
        var wanted = try Patch.apply(
            configuration, to: entry.object, manager: manager, applied: entry.applied,
            force: request.parameter("force") == "true")
        if configuration.at("metadata", "resourceVersion") == nil {
            wanted.set("metadata", "resourceVersion", to: nil)
        }
        let object = try ServiceObject(wanted, namespace: key.namespace, name: key.name)
        var applied = entry.applied
        applied[manager] = configuration
        return APIRequest.answer(
            try await self.store.replace(object.json, key: key, applied: applied, dryRun: request.isDryRun))
    }

    private func delete(_ request: APIRequest, _ key: ObjectStore.Key) async throws(APIFault) -> Response {
        let object = try await self.store.object(key)
        let preconditions = await request.optionalBody()?["preconditions"]
        for field in ["uid", "resourceVersion"] {
            guard let wanted = preconditions?[field], wanted != .null else { continue }
            guard wanted == object.at("metadata", field) else {
                throw .conflict(key.name, "the \(field) in the precondition is not that of the stored object")
            }
        }
        if !request.isDryRun { _ = try await self.store.delete(key) }
        return APIRequest.answer(
            .object([
                "kind": "Status", "apiVersion": "v1", "metadata": .object([:]), "status": "Success",
                "details": .object([
                    "name": .string(key.name), "group": .string(Discovery.servingGroup), "kind": "services",
                    "uid": object.at("metadata", "uid") ?? "",
                ]),
            ]))
    }

    private func list(_ request: APIRequest, namespace: String?) async throws(APIFault) -> Response {
        guard request.method == .get else { throw Self.notAllowed(request) }
        let selection = try Selection(
            namespace: namespace, fieldSelector: request.parameter("fieldSelector"),
            labelSelector: request.parameter("labelSelector"))
        if ["true", "1"].contains(request.parameter("watch")) { return try await self.watch(request, selection) }
        let version = await self.store.currentVersion
        let objects = await self.store.list { selection.accepts($0) }
        let list = JSONValue.object([
            "kind": "ServiceList", "apiVersion": "serving.knative.dev/v1",
            "metadata": .object(["resourceVersion": .string(version)]), "items": .array(objects),
        ])
        return self.present(objects, single: list, request, version: version)
    }

    private func present(
        _ objects: [JSONValue], single: JSONValue, _ request: APIRequest, version: String
    ) -> Response {
        guard request.wantsTable else { return APIRequest.answer(single) }
        return APIRequest.answer(
            Table.services(objects, resourceVersion: version, includeObject: request.parameter("includeObject")))
    }

    /// One JSON object a line until the client leaves, the time is over or the node stops.
    private func watch(_ request: APIRequest, _ selection: Selection) async throws(APIFault) -> Response {
        let changes = try await self.store.watch(since: request.parameter("resourceVersion"))
        let seconds = min(max(Int(request.parameter("timeoutSeconds")) ?? 1800, 1), 3600)
        let table = request.wantsTable
        let includeObject = request.parameter("includeObject")
        let body = request.original.body
        return Response(
            status: .ok, headers: [.contentType: "application/json"],
            body: ResponseBody { writer in
                let (lines, line) = AsyncStream.makeStream(of: ByteBuffer.self)
                let feeder = Task {
                    for await change in changes.cancelOnGracefulShutdown() where selection.accepts(change.object) {
                        let object =
                            table
                            ? Table.services(
                                [change.object], resourceVersion: String(change.version), includeObject: includeObject)
                            : change.object
                        let event = JSONValue.object(["type": .string(change.type), "object": object])
                        line.yield(ByteBuffer(bytes: event.canonicalBytes + [0x0a]))
                    }
                    line.finish()
                }
                let alarm = Task {
                    try await Task.sleep(for: .seconds(seconds))
                    line.finish()
                }
                let leaving = Task {
                    // A watch has no body to wait for: the end of the stream is the client's leaving.
                    try? await body.consumeWithCancellationOnInboundClose { _ in
                        try await Task.sleep(for: .seconds(seconds))
                    }
                    line.finish()
                }
                defer {
                    feeder.cancel()
                    alarm.cancel()
                    leaving.cancel()
                }
                for await buffer in lines { try await writer.write(buffer) }
                try await writer.finish(nil)
            })
    }

    private static func notAllowed(_ request: APIRequest) -> APIFault {
        APIFault(
            code: 405, reason: "MethodNotAllowed", message: "\(request.method.rawValue) is not served at this path")
    }
}
