import Hummingbird
import NIOCore
import WireFormat

/// A request to the node's API, as far as routing needs it.
struct APIRequest {
    /// The most bytes of a body.
    static let bodyLimit = 1 << 20

    let method: HTTPRequest.Method
    let path: [String]
    let original: Request

    init(_ request: Request) {
        self.method = request.method
        self.original = request
        self.path = request.uri.path.split(separator: "/").map(String.init)
    }

    /// A query parameter, decoded; empty when absent.
    func parameter(_ name: String) -> String { self.original.uri.queryParameters[name[...]].map { String($0) } ?? "" }

    /// Whether nothing is to be kept.
    var isDryRun: Bool { self.parameter("dryRun") == "All" }

    /// Whether the client wants objects as a table.
    var wantsTable: Bool {
        let accept = (self.original.headers[.accept] ?? "").split(separator: ",").first ?? ""
        return accept.contains("as=Table") && accept.contains("g=meta.k8s.io")
    }

    /// Whether the client names a media type among those that it takes.
    func accepts(_ type: String) -> Bool {
        (self.original.headers[.accept] ?? "").split(separator: ",").contains { accepted in
            accepted.prefix { $0 != ";" }.filter { $0 != " " } == type
        }
    }

    /// The media type of the body, without parameters.
    var contentType: String {
        let header = self.original.headers[.contentType] ?? "application/json"
        return header.prefix { $0 != ";" }.lowercased().filter { $0 != " " }
    }

    /// The body as JSON; YAML is accepted by its media type.
    func body() async throws(APIFault) -> JSONValue {
        let bytes: [UInt8]
        do {
            let buffer = try await self.original.body.collect(upTo: Self.bodyLimit)
            bytes = Array(buffer.readableBytesView)
        } catch {
            throw APIFault(
                code: 413, reason: "RequestEntityTooLarge", message: "the body is over \(Self.bodyLimit) bytes")
        }
        do throws(WireError) {
            if bytes.first(where: { $0 > 0x20 }) == UInt8(ascii: "{") { return try JSONValue.parse(bytes) }
            guard self.contentType.contains("yaml") else { return try JSONValue.parse(bytes) }
            return try YAMLBody.parse(String(decoding: bytes, as: UTF8.self))
        } catch {
            throw .badRequest("the body is not an object: \(error)")
        }
    }

    /// The body where it may be empty, as with DELETE.
    func optionalBody() async -> JSONValue? { try? await self.body() }

    /// A JSON answer.
    static func answer(_ value: JSONValue, _ status: HTTPResponse.Status = .ok) -> Response {
        Response(
            status: status, headers: [.contentType: "application/json"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: value.canonicalBytes + [0x0a])))
    }

    /// An answer in a media type of its own.
    static func answer(_ bytes: [UInt8], type: String) -> Response {
        Response(status: .ok, headers: [.contentType: type], body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }

    /// A refusal in Kubernetes form.
    static func answer(_ fault: APIFault) -> Response {
        var response = self.answer(fault.status, HTTPResponse.Status(code: fault.code))
        if fault.code == 401 { response.headers[.wwwAuthenticate] = "Bearer" }
        return response
    }
}
