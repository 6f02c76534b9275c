import Hummingbird
import NIOCore
import WireFormat

/// `/apis/testudo.dev/v1`: what this node is and what it did. Nothing here is evidence; that comes from the guest.
struct NodeAPI: Sendable {
    let node: any NodeReporting

    /// Serves a path below the group.
    func serve(_ request: APIRequest, _ rest: ArraySlice<String>) async throws(APIFault) -> Response {
        guard request.method == .get else {
            throw APIFault(code: 405, reason: "MethodNotAllowed", message: "only GET is served here")
        }
        let rest = Array(rest)
        switch (rest.first ?? "", rest.count) {
        case ("", 0): return APIRequest.answer(Self.resources)
        case ("nodes", 1): return APIRequest.answer(Self.list("NodeList", [await self.node.describe()]))
        case ("nodes", 2) where rest[1] == "self": return APIRequest.answer(await self.node.describe())
        case ("instances", 1): return APIRequest.answer(Self.list("InstanceList", await self.node.instances()))
        case ("timelines", 1): return APIRequest.answer(Self.list("TimelineList", await self.node.timelines()))
        case ("logs", 3):
            let records = await self.node.logs(ObjectStore.Key(namespace: rest[1], name: rest[2]))
            return APIRequest.answer(Self.list("LogRecordList", records))
        case ("manifests", 3):
            let key = ObjectStore.Key(namespace: rest[1], name: rest[2])
            guard let bytes = await self.node.initData(key) else { throw .notFound(rest[2], resource: "manifests") }
            return Response(
                status: .ok, headers: [.contentType: "application/toml"],
                body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
        default: throw .notFound(rest.joined(separator: "/"), resource: "path")
        }
    }

    private static let resources: JSONValue = .object([
        "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "testudo.dev/v1", "resources": .array([]),
    ])

    private static func list(_ kind: String, _ items: [JSONValue]) -> JSONValue {
        .object(["kind": .string(kind), "apiVersion": "testudo.dev/v1", "items": .array(items)])
    }
}
