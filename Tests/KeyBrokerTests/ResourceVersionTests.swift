import Envelope
import Testing
import WireFormat

@testable import KeyBroker

@Suite("Versions of resources")
struct ResourceVersionTests {
    private let path = "resource/default/key/one"

    private func opened(_ bench: BrokerBench, _ guest: FakeGuest, _ cookie: String, _ query: [String: String])
        async throws
        -> String?
    {
        var request = BrokerRequest(method: "GET", path: ["kbs", "v0"] + path.split(separator: "/").map(String.init))
        request.cookie = "kbs-session-id=\(cookie)"
        request.query = query
        let response = await bench.broker.respond(to: request)
        guard response.status == 200 else { return nil }
        return String(
            decoding: try JWE.open(try JSONValue.parse(response.body), with: guest.key).copyBytes(), as: UTF8.self)
    }

    private func put(_ bench: BrokerBench, _ text: String, _ query: [String: String] = [:]) async throws -> Int {
        var request = BrokerRequest(method: "POST", path: ["kbs", "v0"] + path.split(separator: "/").map(String.init))
        request.authorization = "Bearer \(try bench.adminToken())"
        request.query = query
        request.body = Array(text.utf8)
        return await bench.broker.respond(to: request).status
    }

    @Test func `guests read the present version or the one they name, until it expires`() async throws {
        let bench = try await BrokerBench()
        let guest = FakeGuest()
        try await bench.prepare(guest)
        let (cookie, _) = try await bench.attest(guest)
        #expect(try await put(bench, "two", ["expires": "\(bench.time.now + 100)"]) == 200)
        #expect(try await opened(bench, guest, cookie, [:]) == "two")
        #expect(try await opened(bench, guest, cookie, ["version": "1"]) == "secret one")
        #expect(try await opened(bench, guest, cookie, ["version": "2"]) == "two")
        #expect(try await opened(bench, guest, cookie, ["version": "3"]) == nil)
        #expect(try await opened(bench, guest, cookie, ["version": "x"]) == nil)
        bench.time.advance(100)
        #expect(try await opened(bench, guest, cookie, [:]) == nil)
        #expect(try await opened(bench, guest, cookie, ["version": "1"]) == "secret one")
        #expect(try await put(bench, "late", ["expires": "soon"]) == 400)
        // A misspelt parameter changes nothing rather than something else.
        #expect(try await put(bench, "late", ["expiry": "1"]) == 400)
        let listed = try JSONValue.parse(
            try await bench.administer("GET", "testudo/resources/default/key/one").body)
        #expect(listed["versions"]?.arrayValue?.map { $0["version"]?.integerValue } == [1, 2])
        #expect(listed["versions"]?.arrayValue?.last?["size"] == 3)
    }

    @Test func `old versions give way, deleted ones are gone, and numbers never come back`() async throws {
        let bench = try await BrokerBench()
        let name = try ResourcePath(parsing: "default/key/one")
        let store = bench.broker.store
        for number in 1...20 {
            #expect(try await store.putResource(name, SecretBytes([UInt8(number)]), now: 0) == Int64(number))
        }
        #expect(try await store.storedResource(name)?.versions.map(\.number) == Array(5...20))
        #expect(await store.sealed.count(.resourceBytes) == 16)
        #expect(try await store.resource(name, version: 4, now: 0) == nil)
        #expect(try await store.resource(name, version: 5, now: 0)?.copyBytes() == [5])
        #expect(try await store.deleteResource(name, version: 5))
        #expect(try await store.resource(name, version: 5, now: 0) == nil)
        await #expect(throws: BrokerError.self) { try await store.deleteResource(name, version: 20) }
        #expect(try await store.deleteResource(name))
        #expect(await store.sealed.count(.resourceBytes) == 0)
        #expect(try await store.putResource(name, SecretBytes([1]), now: 0) == 21)
    }
}
