import Envelope
import HTTPExchange
import WireFormat

/// The conversation with one registry: authentication and redirects.
actor RegistrySession {
    private let endpoint: HTTPEndpoint
    private let credentials: RegistryCredentials
    private let tokenServices: [HTTPEndpoint]
    private let makeExchanger: @Sendable (HTTPEndpoint) -> HTTPExchanger
    private let exchanger: HTTPExchanger
    /// The value of the `Authorization` header by scope, once the registry has asked for one.
    private var authorizations: [String: String] = [:]

    init(
        endpoint: HTTPEndpoint, credentials: RegistryCredentials, tokenServices: [HTTPEndpoint],
        exchanger: @escaping @Sendable (HTTPEndpoint) -> HTTPExchanger
    ) {
        self.endpoint = endpoint
        self.credentials = credentials
        self.tokenServices = tokenServices
        self.makeExchanger = exchanger
        self.exchanger = exchanger(endpoint)
    }

    /// Sends a request, answering a challenge once and following redirects within the origin for GET and HEAD.
    func send(
        _ method: String, _ target: String, headers: [(String, String)] = [], body: [UInt8] = [], scope: String
    ) async throws -> ExchangeResponse {
        var target = target
        for _ in 0...RegistryClient.maximumRedirects {
            var response = try await self.exchange(self.request(method, target, headers, body, scope))
            if response.status == 401, let challenge = Self.challenge(response) {
                try await self.answer(challenge, scope)
                response = try await self.exchange(self.request(method, target, headers, body, scope))
            }
            guard [301, 302, 307, 308].contains(response.status), method == "GET" || method == "HEAD" else {
                return response
            }
            target = try self.sameOrigin(response.header("location"), target)
        }
        throw RegistryError(.badAnswer, "\(method) \(target): more than \(RegistryClient.maximumRedirects) redirects")
    }

    /// Streams the body of a GET. A HEAD request goes first, so that challenges and redirects are settled before the
    /// first byte reaches the sink.
    func stream(
        _ target: String, scope: String, place: String, _ sink: @escaping @Sendable ([UInt8]) async throws -> Void
    ) async throws {
        var target = target
        for attempt in 0...RegistryClient.maximumRedirects {
            var response = try await self.exchange(self.request("HEAD", target, [], [], scope))
            if response.status == 401, let challenge = Self.challenge(response) {
                try await self.answer(challenge, scope)
                response = try await self.exchange(self.request("HEAD", target, [], [], scope))
            }
            if [301, 302, 307, 308].contains(response.status) {
                guard attempt < RegistryClient.maximumRedirects else {
                    throw RegistryError(.badAnswer, "\(place): more than \(RegistryClient.maximumRedirects) redirects")
                }
                target = try self.sameOrigin(response.header("location"), target)
                continue
            }
            try RegistryClient.expect([200], response, place)
            break
        }
        let request = self.request("GET", target, [], [], scope)
        do {
            let head = try await self.exchanger.stream(request) { chunk in
                try await sink(Array(chunk.readableBytesView))
            }
            guard head.status == 200 else { throw RegistryError(.badAnswer, "\(place): status \(head.status)") }
        } catch let error as ExchangeError {
            throw RegistryError(.unreachable, "\(place): \(error)")
        }
    }

    /// Resolves the `Location` of an upload or a redirect and refuses any other server.
    func sameOrigin(_ location: String?, _ target: String) throws -> String {
        guard let location else { throw RegistryError(.badAnswer, "\(target): an answer without Location") }
        if location.hasPrefix("/"), !location.hasPrefix("//") { return location }
        guard let address = WebAddress(location) else {
            throw RegistryError(.badAnswer, "\(target): an unreadable Location")
        }
        guard address.hasOrigin(self.endpoint.schemeName, self.endpoint.host, self.endpoint.port) else {
            throw RegistryError(
                .badAnswer, "\(target): a redirect to another server (\(address.host):\(address.port)) is refused")
        }
        return address.target
    }

    private func request(
        _ method: String, _ target: String, _ headers: [(String, String)], _ body: [UInt8], _ scope: String
    ) -> ExchangeRequest {
        var headers = headers
        if let value = self.authorizations[scope] { headers.append(("Authorization", value)) }
        return ExchangeRequest(method: method, path: target, headers: headers, body: body)
    }

    private func exchange(_ request: ExchangeRequest) async throws -> ExchangeResponse {
        do {
            return try await self.exchanger.send(request)
        } catch {
            throw RegistryError(.unreachable, "\(request.method) \(request.path): \(error)")
        }
    }

    private static func challenge(_ response: ExchangeResponse) -> AuthChallenge? {
        for (name, value) in response.headers where name.lowercased() == "www-authenticate" {
            if let challenge = AuthChallenge(value) { return challenge }
        }
        return nil
    }

    private func answer(_ challenge: AuthChallenge, _ scope: String) async throws {
        switch challenge.scheme {
        case .basic:
            guard let basic = self.basicAuthorization() else {
                throw RegistryError(
                    .unauthorized, "the registry \(self.endpoint.host) asks for a password and there is none")
            }
            self.authorizations[scope] = basic
        case .bearer:
            self.authorizations[scope] = "Bearer \(try await self.token(challenge, scope))"
        }
    }

    private func basicAuthorization() -> String? {
        guard case .basic(let user, let password) = self.credentials else { return nil }
        return "Basic \(Base64.encode(Array("\(user):".utf8) + password.copyBytes()))"
    }

    /// Fetches a token from the service the challenge names.
    private func token(_ challenge: AuthChallenge, _ scope: String) async throws -> String {
        guard let realm = challenge.parameters["realm"], let address = WebAddress(realm) else {
            throw RegistryError(
                .badAnswer, "the registry \(self.endpoint.host) sent a challenge without a usable realm")
        }
        let allowed = ([self.endpoint] + self.tokenServices).first {
            address.hasOrigin($0.schemeName, $0.host, $0.port)
        }
        guard let service = allowed else {
            throw RegistryError(.unauthorized, "tokens from \(address.host):\(address.port) are not allowed")
        }
        var target = address.target
        // The scope is ours, not the challenge's: a registry cannot make its client ask for rights elsewhere.
        var query = "scope=\(percentEncoded(scope))"
        if let name = challenge.parameters["service"] { query += "&service=\(percentEncoded(name))" }
        target += (target.contains("?") ? "&" : "?") + query
        var headers: [(String, String)] = [("Accept", "application/json")]
        if let basic = self.basicAuthorization() { headers.append(("Authorization", basic)) }
        let response: ExchangeResponse
        do {
            response = try await self.makeExchanger(service).send(
                ExchangeRequest(method: "GET", path: target, headers: headers, body: []))
        } catch {
            throw RegistryError(.unreachable, "token service \(address.host):\(address.port): \(error)")
        }
        try RegistryClient.expect([200], response, "token service \(address.host):\(address.port)")
        let value = try JSONValue.parse(response.body)
        guard let token = value["token"]?.stringValue ?? value["access_token"]?.stringValue,
            token.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        else { throw RegistryError(.badAnswer, "the token service \(address.host) sent no token") }
        return token
    }
}
