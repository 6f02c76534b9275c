import Foundation
import HTTPExchange
import NIOPosix
import WireFormat

/// The node's Kubernetes-shaped interface. The node is not trusted: its answers are shown, never believed.
struct NodeClient: Sendable {
    private let exchanger: HTTPExchanger
    private let token: String
    private let address: String

    init(state: StateFolder, settings: Settings) throws {
        self.exchanger = HTTPExchanger(
            endpoint: try HTTPEndpoint(url: settings.node, trust: .none), dialer: TCPDialer(),
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton)
        self.address = settings.node
        self.token = try StateFolder.text(state.nodeTokenFile).trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// The path of one Service or, without a name, of the namespace's list.
    static func servicePath(_ namespace: String, _ name: String?) -> String {
        let list = "/apis/serving.knative.dev/v1/namespaces/\(namespace)/services"
        return name.map { "\(list)/\($0)" } ?? list
    }

    /// One call; nil when the object is not there.
    func find(_ method: String, _ path: String, body: JSONValue? = nil, type: String = "application/json")
        async throws -> JSONValue?
    {
        var headers = [("Authorization", "Bearer \(token)"), ("Accept", "application/json")]
        if body != nil { headers.append(("Content-Type", type)) }
        let response: ExchangeResponse
        do {
            response = try await exchanger.send(
                ExchangeRequest(method: method, path: path, headers: headers, body: body?.canonicalBytes ?? []))
        } catch {
            throw CommandFailure(
                "the node does not answer at \(address)",
                hint: "`testudo up` starts it; `testudo status` shows what runs")
        }
        if response.status == 404 { return nil }
        let value = response.body.isEmpty ? .null : try JSONValue.parse(response.body)
        guard (200..<300).contains(response.status) else {
            let message = value["message"]?.stringValue ?? "status \(response.status)"
            throw CommandFailure("the node refused \(method) \(path): \(message)")
        }
        return value
    }

    func call(_ method: String, _ path: String, body: JSONValue? = nil, type: String = "application/json")
        async throws -> JSONValue
    {
        guard let answer = try await find(method, path, body: body, type: type) else {
            throw CommandFailure("\(path) is not there", hint: "`testudo get` lists the Services")
        }
        return answer
    }

    /// Creates or changes a Service as `kubectl apply --server-side` does.
    func apply(_ service: JSONValue, namespace: String, name: String) async throws -> JSONValue {
        try await call(
            "PATCH", Self.servicePath(namespace, name) + "?fieldManager=testudo&force=true", body: service,
            type: "application/apply-patch+yaml")
    }
}
