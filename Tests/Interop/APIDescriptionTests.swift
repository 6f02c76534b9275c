import TestSupport
import Testing
import WireFormat

@testable import KeyBroker

/// What keeps the description of the API true: the router's table, and what the client in Python sent and got.
@Suite("The description of the key broker's API")
struct APIDescriptionTests {
    @Test func `has each call of the router and no other`() throws {
        let described = Set(try APIDescription().operations.map(\.name))
        let routed = Set(BrokerRoute.allCases.map { $0.rawValue.replacing("...}", with: "}") })
        #expect(routed.subtracting(described).sorted() == [], "calls that the description lacks")
        #expect(described.subtracting(routed).sorted() == [], "calls that the broker lacks")
    }

    @Test(arguments: BrokerRoute.allCases)
    func `each call is found by its path, and none hides another`(route: BrokerRoute) throws {
        let parts = route.rawValue.split(separator: " ")
        let path = parts[1].dropFirst().split(separator: "/").map(String.init)
        let values = path.filter { $0.hasPrefix("{") }
        #expect(BrokerRoute.resolve(method: String(parts[0]), path: path) == .route(route, values))
        guard case .otherMethods(let methods) = BrokerRoute.resolve(method: "BREW", path: path) else {
            Issue.record("another method is not told from another path")
            return
        }
        #expect(methods.contains(String(parts[0])))
        #expect(BrokerRoute.resolve(method: String(parts[0]), path: ["x"] + path) == .unknown)
    }

    @Test func `says of each call who may make it, what it is for and how it fails`() throws {
        let description = try APIDescription()
        let audiences: [String: Set<String>] = [
            "public": ["session"], "guest": ["session", "token"], "admin": ["administrator"],
        ]
        var identifiers: Set<String> = []
        for operation in description.operations {
            let definition = operation.definition
            let tag = try #require(definition["tags"]?[0]?.stringValue, "\(operation.name)")
            let schemes = Set(
                (definition["security"]?.arrayValue ?? []).flatMap { ($0.objectValue ?? [:]).keys })
            let allowed = try #require(audiences[tag], "\(operation.name): \(tag)")
            #expect(tag == "public" ? schemes.isSubset(of: allowed) : schemes == allowed, "\(operation.name)")
            #expect(definition["summary"]?.stringValue?.isEmpty == false, "\(operation.name)")
            let identifier = try #require(definition["operationId"]?.stringValue, "\(operation.name)")
            #expect(identifiers.insert(identifier).inserted, "\(identifier) comes twice")
            let responses = try #require(definition["responses"]?.objectValue, "\(operation.name)")
            #expect(responses["200"] != nil, "\(operation.name)")
            for (status, response) in responses where status != "200" {
                let schema = description.resolved(response)?["content"]?["application/json"]?["schema"]
                #expect(
                    schema?["$ref"] == "#/components/schemas/Problem", "\(operation.name) \(status)")
            }
            if !schemes.isEmpty { #expect(responses["401"] != nil, "\(operation.name)") }
            let content = definition["requestBody"]?["content"]?["application/json"]
            if let schema = content?["schema"], let example = content?["example"] {
                #expect(try description.violations(of: schema, in: example) == [], "\(operation.name)")
            }
        }
    }

    @Test(arguments: [
        ("2027-01-31T00:00:00Z", true), ("2027-04-30T23:59:59Z", true), ("2028-02-29T00:00:00Z", true),
        ("2027-12-29T00:00:00Z", true), ("1800000000", true), ("2027-04-31T00:00:00Z", false),
        ("2027-02-29T00:00:00Z", false), ("2027-02-30T00:00:00Z", false), ("2027-00-10T00:00:00Z", false),
        ("2027-01-32T00:00:00Z", false), ("2027-01-00T00:00:00Z", false),
    ])
    func `a time is any day that the calendar has, as the broker reads it`(time: String, isGood: Bool) throws {
        let description = try APIDescription()
        func schema(_ name: String, _ parameter: String) throws -> JSONValue {
            let call = try #require(description.operations.first { $0.name == name })
            let parameters = (call.definition["parameters"]?.arrayValue ?? []).compactMap { description.resolved($0) }
            return try #require(parameters.first { $0["name"]?.stringValue == parameter }?["schema"])
        }
        for schema in [
            try schema("GET /kbs/v0/testudo/audit", "since"),
            try schema("POST /kbs/v0/resource/{repository}/{type}/{tag}", "expires"),
        ] { #expect(try description.violations(of: schema, in: .string(time)).isEmpty == isGood) }
        #expect((Timestamp.seconds(parsing: time) != nil) == isGood)
    }

    @Test(.enabled(if: ForeignClient.python != nil, ForeignClient.missing))
    func `holds for all that was sent and answered`() throws {
        let description = try APIDescription()
        var succeeded: Set<String> = []
        let exchanges = try ForeignClient.played.get().exchanges
        #expect(exchanges.count > 500)
        for exchange in exchanges where exchange.status != 405 && InteropTests.known[exchange.testCase] == nil {
            guard let operation = description.operation(exchange.method, exchange.path) else {
                #expect([404, 405].contains(exchange.status), "\(exchange.method) \(exchange.path)")
                continue
            }
            let place = "\(operation.name) in \(exchange.testCase): \(exchange.status)"
            let known = operation.definition["responses"]?[String(exchange.status)]
            // A path that only looks like the call's, such as one with a name that no resource can have.
            if known == nil, exchange.status == 404 { continue }
            let response = try #require(description.resolved(known), "\(place) is not described")
            if exchange.status == 200 {
                succeeded.insert(operation.name)
                try check(exchange, sentBy: operation, description, place)
            }
            try check(exchange, response, description, place)
        }
        let never = Set(description.operations.map(\.name)).subtracting(succeeded)
        #expect(never.sorted() == [], "calls that no case of the client makes with success")
    }

    /// The response's type, headers and body.
    private func check(
        _ exchange: ForeignClient.Exchange, _ response: JSONValue, _ description: APIDescription, _ place: String
    ) throws {
        for (name, header) in response["headers"]?.objectValue ?? [:] where header["required"] == true {
            let value = try #require(exchange.headers[name.lowercased()], "\(place) without \(name)")
            #expect(
                try description.violations(of: try #require(header["schema"]), in: .string(value)) == [], "\(place)")
        }
        guard let content = response["content"]?.objectValue else {
            #expect(exchange.got == [], "\(place) has a body")
            return
        }
        let type = try #require(exchange.headers["content-type"], "\(place) has no type")
        let schema = try #require(content[type]?["schema"], "\(place) has the type \(type)")
        guard let got = exchange.got else { return }
        for document in try documents(got, type) {
            #expect(
                try description.violations(of: schema, in: document) == [],
                "\(place): \(String(decoding: got.prefix(300), as: UTF8.self))")
        }
    }

    /// A body that was accepted is one that the description allows.
    private func check(
        _ exchange: ForeignClient.Exchange, sentBy operation: APIDescription.Operation, _ description: APIDescription,
        _ place: String
    ) throws {
        guard let schema = operation.definition["requestBody"]?["content"]?["application/json"]?["schema"],
            let sent = exchange.sent
        else { return }
        #expect(
            try description.violations(of: schema, in: try JSONValue.parse(sent)) == [],
            "\(place): \(String(decoding: sent.prefix(300), as: UTF8.self))")
    }

    private func documents(_ body: [UInt8], _ type: String) throws -> [JSONValue] {
        switch type {
        case "application/json": [try JSONValue.parse(body)]
        case "application/jsonl": try body.split(separator: UInt8(ascii: "\n")).map { try JSONValue.parse($0) }
        default: [.string(String(decoding: body, as: UTF8.self))]
        }
    }
}
