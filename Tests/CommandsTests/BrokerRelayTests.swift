import HTTPExchange
import KeyBroker
import NIOPosix
import TestSupport
import Testing
import WireFormat

@testable import Commands

/// The relay that `testudo demo` puts between a guest and the tenant's broker.
@Suite("The host's relay")
struct BrokerRelayTests {
    /// A client as a guest is one: it believes one certificate.
    private static func client(_ url: String, pinned: String) throws -> HTTPExchanger {
        HTTPExchanger(
            endpoint: try HTTPEndpoint(url: url, trust: .pinnedCertificate(pem: pinned)), dialer: TCPDialer(),
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton)
    }

    private static func relay(before stage: BrokerStage, _ folder: String) async throws -> BrokerRelay {
        try BrokerSetup.run(folder: folder, listen: "127.0.0.1:0")
        let tenant = try StateFolder.text("\(stage.state.broker)/tls.pem")
        return try await BrokerRelay.start(
            certificate: "\(folder)/tls.pem", key: "\(folder)/tls.key",
            broker: try client(stage.settings.broker, pinned: tenant))
    }

    @Test func `cookie, body and answer are handed on as they came`() async throws {
        try await BrokerStage.run { stage in
            let scratch = try ScratchFolder()
            let relay = try await Self.relay(before: stage, "\(scratch.path)/relay")
            let guest = try Self.client(relay.url, pinned: try StateFolder.text("\(scratch.path)/relay/tls.pem"))
            let hello = Array("{\"extra-params\": \"\",\"tee\":\"snp\",  \"version\":\"0.4.0\"}".utf8)
            let json = ("Content-Type", "application/json")
            let challenge = try await guest.send(
                ExchangeRequest(method: "POST", path: "/kbs/v0/auth", headers: [json], body: hello))
            #expect(challenge.status == 200)
            let cookie = try #require(challenge.header("set-cookie")?.split(separator: ";").first.map(String.init))
            let evidence = Array("no evidence".utf8)
            let refusal = try await guest.send(
                ExchangeRequest(
                    method: "POST", path: RelayedMessage.path, headers: [json, ("Cookie", cookie)], body: evidence))
            let seen = relay.exchanges
            #expect(seen.map(\.request.body) == [hello, evidence])
            #expect(seen.map(\.response.body) == [challenge.body, refusal.body])
            #expect(seen.last?.request.headers.contains { $0.0 == "Cookie" && $0.1 == cookie } == true)
            // The broker knew the session: it went on to the body and refused that.
            let last = try #require(try await Audit.lines(try stage.admin()).last { $0["kind"] == "attest" })
            #expect(last["check"] == "attestation-body" && refusal.status != 200, "\(last.canonicalText)")
            await relay.stop()
            withExtendedLifetime(scratch) {}
        }
    }

    @Test func `who pins the tenant's broker says nothing to the relay`() async throws {
        try await BrokerStage.run { stage in
            let scratch = try ScratchFolder()
            let relay = try await Self.relay(before: stage, "\(scratch.path)/relay")
            let guest = try Self.client(relay.url, pinned: try StateFolder.text("\(stage.state.broker)/tls.pem"))
            await #expect(throws: ExchangeError.self) {
                try await guest.send(ExchangeRequest(method: "POST", path: "/kbs/v0/auth", body: Array("{}".utf8)))
            }
            #expect(relay.exchanges.isEmpty)
            await relay.stop()
            withExtendedLifetime(scratch) {}
        }
    }

    @Test func `a relayed message is altered in one place`() throws {
        let body = Array("{\"a\":{\"b\":1,\"c\":2},\"d\":3}".utf8)
        let request = ExchangeRequest(
            method: "POST", path: RelayedMessage.path, headers: [("cookie", "x=1")], body: body)
        var message = try RelayedMessage(request)
        try message.put("other", at: ["a", "c"])
        #expect(message.body.canonicalText == "{\"a\":{\"b\":1,\"c\":\"other\"},\"d\":3}" && message.cookie == "x=1")
        #expect(throws: CommandFailure.self) { try message.put("other", at: ["a", "x"]) }
        #expect(throws: CommandFailure.self) {
            try RelayedMessage(ExchangeRequest(method: "POST", path: RelayedMessage.path, body: body))
        }
    }
}
