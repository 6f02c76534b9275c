import Hummingbird
import Logging
import NIOCore
import WireFormat

/// Routes the requests of the node's API. Every path but `/healthz` needs the token, on loopback too (rule R19).
public struct APIResponder: HTTPResponder {
    /// The request context; nothing beyond Hummingbird's own.
    public typealias Context = BasicRequestContext

    private let token: BearerToken
    private let services: ServicesAPI
    private let node: NodeAPI
    private let store: ObjectStore

    /// Creates the responder.
    ///
    /// - Parameters:
    ///   - token: What clients must show.
    ///   - store: The Services.
    ///   - node: What the node tells about itself.
    public init(token: BearerToken, store: ObjectStore, node: any NodeReporting) {
        self.token = token
        self.store = store
        self.services = ServicesAPI(store: store)
        self.node = NodeAPI(node: node)
    }

    /// Answers one request; faults become `Status` objects.
    public func respond(to request: Request, context: BasicRequestContext) async -> Response {
        let parsed = APIRequest(request)
        do throws(APIFault) {
            if parsed.path == ["healthz"] || parsed.path == ["readyz"] { return Self.text("ok\n") }
            guard self.token.admits(request.headers[.authorization]) else {
                throw APIFault(code: 401, reason: "Unauthorized", message: "Unauthorized")
            }
            return try await self.route(parsed)
        } catch {
            return APIRequest.answer(error)
        }
    }

    private func route(_ request: APIRequest) async throws(APIFault) -> Response {
        let path = request.path
        if path.starts(with: ["apis", "serving.knative.dev", "v1"]) {
            return try await self.services.serve(request, path.dropFirst(3))
        }
        if path.starts(with: ["apis", "testudo.dev", "v1"]) {
            return try await self.node.serve(request, path.dropFirst(3))
        }
        guard request.method == .get else { throw .notFound("/" + path.joined(separator: "/"), resource: "path") }
        switch path.joined(separator: "/") {
        case "version": return APIRequest.answer(Discovery.version)
        case "api": return APIRequest.answer(Discovery.coreVersions)
        case "api/v1": return APIRequest.answer(Discovery.coreResources)
        case "apis": return APIRequest.answer(Discovery.groups)
        case "apis/serving.knative.dev": return APIRequest.answer(Discovery.servingGroupDocument)
        case "openapi/v2":
            guard Discovery.openAPIv2Protobuf.contains(where: request.accepts) else {
                return APIRequest.answer(Discovery.openAPIv2)
            }
            return APIRequest.answer(Discovery.openAPIv2Message, type: Discovery.openAPIv2Protobuf[1])
        case "openapi/v3": return APIRequest.answer(Discovery.openAPIRoot)
        case "openapi/v3/apis/serving.knative.dev/v1": return APIRequest.answer(Discovery.openAPIServing)
        case "api/v1/namespaces": return await self.namespaces(request)
        default:
            if path.count == 4, path.starts(with: ["api", "v1", "namespaces"]) {
                guard await self.namespaceNames().contains(path[3]) else {
                    throw .notFound(path[3], resource: "namespaces")
                }
                return APIRequest.answer(Self.namespace(path[3]))
            }
            throw .notFound("/" + path.joined(separator: "/"), resource: "path")
        }
    }

    /// Namespaces exist by being used; `default` always does.
    private func namespaceNames() async -> [String] {
        Set(await self.store.keys.map(\.namespace) + ["default"]).sorted()
    }

    private func namespaces(_ request: APIRequest) async -> Response {
        let items = await self.namespaceNames().map(Self.namespace)
        if request.wantsTable {
            return APIRequest.answer(Table.namespaces(items, includeObject: request.parameter("includeObject")))
        }
        return APIRequest.answer(
            .object([
                "kind": "NamespaceList", "apiVersion": "v1", "metadata": .object(["resourceVersion": "1"]),
                "items": .array(items),
            ]))
    }

    private static func namespace(_ name: String) -> JSONValue {
        .object([
            "kind": "Namespace", "apiVersion": "v1", "metadata": .object(["name": .string(name)]),
            "status": .object(["phase": "Active"]),
        ])
    }

    private static func text(_ text: String) -> Response {
        Response(
            status: .ok, headers: [.contentType: "text/plain"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }
}
