import Testing
import WireFormat

@testable import KeyBroker

@Suite("Changes of a tenant")
struct TenantChangeTests {
    @Test func `of two who change a tenant as they read it one is told that it is another one now`() async throws {
        let tenants = try await TwoTenants()
        func put(_ changes: [String: JSONValue], ifMatch: String?, name: String = "acme") async throws -> BrokerResponse
        {
            var request = BrokerRequest(method: "PUT", path: ["kbs", "v0", "testudo", "tenants", name])
            if let ifMatch { request.query = ["if-match": ifMatch] }
            request.body = try tenants.tenant(name, changes).canonicalBytes
            request.authorization = "Bearer \(try tenants.bench.adminToken())"
            return await tenants.bench.broker.respond(to: request)
        }
        func read() async throws -> JSONValue {
            try JSONValue.parse(try await tenants.bench.administer("GET", "testudo/tenants/acme").body)
        }
        let etag = try #require(try await read()["etag"]?.stringValue)
        let first = try await put(["namespaces": ["acme", "one"]], ifMatch: etag)
        #expect(first.status == 200 && (try? JSONValue.parse(first.body)["etag"]?.stringValue) != etag)
        for stale in [etag, "none", ""] {
            try expectRefusal(
                try await put(["namespaces": ["acme", "two"]], ifMatch: stale), 409, "ResourceExists")
        }
        #expect(try await read()["namespaces"] == ["acme", "one"])
        #expect(try await put(["namespaces": ["acme"]], ifMatch: try await read()["etag"]?.stringValue).status == 200)
        // What the tenant has is not what it is.
        let before = try await read()["etag"]
        try await tenants.furnish("acme")
        #expect(try await read()["etag"] == before)
        try expectRefusal(try await put([:], ifMatch: etag, name: "third"), 409, "ResourceExists")
        #expect(try await put([:], ifMatch: "none", name: "third").status == 200)
    }
}
