import HTTPTypes
import Hummingbird
import HummingbirdCore
import HummingbirdTLS
import Logging
import NIOCore
import Verifier
import WireFormat

/// The attestation service over HTTP, with the paths of trustee's: `/attestation`, `/policy`, `/challenge`, the keys, health.
struct RESTServer {
    private let service: EvaluationService
    private let configuration: ServerConfiguration
    private let endpoint: ServerConfiguration.Endpoint
    private let logger: Logger
    private let onListening: @Sendable (Int) async -> Void

    private static let headLimit = 64 << 10

    init(
        _ service: EvaluationService, _ configuration: ServerConfiguration, _ endpoint: ServerConfiguration.Endpoint,
        logger: Logger, onListening: @escaping @Sendable (Int) async -> Void
    ) {
        self.service = service
        self.configuration = configuration
        self.endpoint = endpoint
        self.logger = logger
        self.onListening = onListening
    }

    func run() async throws {
        let decoder = HTTP1Channel.Configuration.DecoderConfiguration(
            maxHeaderFieldSize: Self.headLimit, maxHeaderListSize: Self.headLimit, maxHeaderFieldCount: 100)
        let http = HTTPServerBuilder.http1(
            configuration: .init(idleTimeout: .seconds(60), httpDecoderConfiguration: decoder))
        let (service, authorizer) = (service, configuration.authorizer)
        let application = Application(
            responder: CallbackResponder<BasicRequestContext> { request, _ in
                await Self.answer(request, service, authorizer)
            },
            server: try configuration.tls.map { tls in
                try HTTPServerBuilder.tls(http, tlsConfiguration: try tls.nio(["http/1.1"]))
            } ?? http,
            configuration: ApplicationConfiguration(
                address: .hostname(endpoint.host, port: endpoint.port), serverName: nil,
                availableConnectionsDelegate: MaximumAvailableConnections(1024)),
            onServerRunning: { [onListening] channel in
                if let port = channel.localAddress?.port { await onListening(port) }
            },
            logger: logger)
        try await application.run()
    }

    /// The reply to a request: status, type and text.
    private struct Reply {
        var status: HTTPResponse.Status = .ok
        var type = "application/json"
        var text: String
    }

    private static func answer(
        _ request: Request, _ service: EvaluationService, _ authorizer: CallAuthorizer
    ) async -> Response {
        var reply: Reply
        do throws(ServiceFailure) {
            reply = try await route(request, service, authorizer)
        } catch {
            reply = Reply(status: status(of: error.kind), type: "text/plain", text: error.reason)
        }
        var headers = HTTPFields()
        headers[.contentType] = reply.type
        headers[.cacheControl] = "no-store"
        headers[.xContentTypeOptions] = "nosniff"
        if reply.status == .unauthorized { headers[.wwwAuthenticate] = "Bearer" }
        return Response(
            status: reply.status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(string: reply.text)))
    }

    private static func status(of kind: ServiceFailure.Kind) -> HTTPResponse.Status {
        switch kind {
        case .malformed: .badRequest
        case .unauthenticated: .unauthorized
        case .forbidden, .refused: .forbidden
        case .unsupported: .notImplemented
        case .failed: .internalServerError
        }
    }

    private static func route(
        _ request: Request, _ service: EvaluationService, _ authorizer: CallAuthorizer
    ) async throws(ServiceFailure) -> Reply {
        let authorization = request.headers[.authorization]
        switch (request.method, request.uri.path) {
        case (.get, "/healthz"): return Reply(type: "text/plain", text: "")
        case (.get, "/.well-known/jwks.json"): return Reply(text: service.keySet.canonicalText)
        case (.post, "/attestation"):
            try authorizer.require(.client, authorization: authorization)
            let body = try await document(request)
            let token = try await service.evaluate(policies: try policies(body)) { () throws(WireError) in
                try submissions(body)
            }
            return Reply(type: "text/plain", text: token)
        case (.post, "/challenge"):
            try authorizer.require(.client, authorization: authorization)
            let body = try await document(request)
            let tee = (body["inner"] ?? body)["tee"]?.stringValue ?? ""
            return Reply(type: "text/plain", text: try service.challenge(tee: tee))
        case (.get, "/policy"):
            try authorizer.require(.client, authorization: authorization)
            let names = service.policyIdentifiers.map { JSONValue.object(["policy-id": .string($0)]) }
            return Reply(text: JSONValue.array(names).canonicalText)
        case (.post, "/policy"):
            try authorizer.require(.administrator, authorization: authorization)
            let body = try await document(request)
            guard let identifier = body["policy_id"]?.stringValue, let policy = body["policy"]?.stringValue else {
                throw ServiceFailure(.malformed, "policy_id and policy must be texts")
            }
            try await service.setPolicy(identifier, encoded: policy)
            return Reply(type: "text/plain", text: "")
        case (.post, "/token-key"):
            try authorizer.require(.administrator, authorization: authorization)
            let answer: JSONValue = ["kid": .string(try await service.rotateTokenKey())]
            return Reply(text: answer.canonicalText)
        default: return Reply(status: .notFound, type: "text/plain", text: "there is nothing under this path")
        }
    }

    private static func document(_ request: Request) async throws(ServiceFailure) -> JSONValue {
        let buffer: ByteBuffer
        do {
            buffer = try await request.body.collect(upTo: ServerConfiguration.messageLimit)
        } catch {
            throw ServiceFailure(.malformed, "the body did not arrive, or exceeds \(ServerConfiguration.messageLimit)")
        }
        do {
            return try JSONValue.parse(
                Array(buffer.readableBytesView), limits: JSONLimits(size: ServerConfiguration.messageLimit))
        } catch {
            throw ServiceFailure(.malformed, error.description)
        }
    }

    private static func policies(_ body: JSONValue) throws(ServiceFailure) -> [String] {
        guard let list = body["policy_ids"], list != .null else { return [] }
        guard let names = list.arrayValue?.map(\.stringValue), !names.contains(nil) else {
            throw ServiceFailure(.malformed, "policy_ids must be a list of texts")
        }
        return names.compactMap { $0 }
    }

    private static func submissions(_ body: JSONValue) throws(WireError) -> [Submission] {
        // Older clients send one piece of evidence without a list around it.
        if body["verification_requests"] == nil, var members = body.objectValue, members["evidence"] != nil {
            members["policy_ids"] = nil
            return [try Submission(json: .object(members), path: "")]
        }
        guard let list = body["verification_requests"]?.arrayValue,
            list.count <= AttestationEvaluator.submissionLimit
        else {
            throw WireError(
                field: "verification_requests",
                reason: "must be a list of at most \(AttestationEvaluator.submissionLimit)")
        }
        var submissions: [Submission] = []
        for (index, element) in list.enumerated() {
            submissions.append(try Submission(json: element, path: "verification_requests[\(index)]"))
        }
        return submissions
    }
}
