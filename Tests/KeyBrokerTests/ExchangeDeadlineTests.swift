import NIOCore
import NIOEmbedded
import Testing

@testable import KeyBroker

@Suite("Time for the parts of an exchange")
struct ExchangeDeadlineTests {
    @Test func `a connection whose answering side has ended ends, whatever the client goes on to send`() throws {
        let limits = ExchangeLimits()
        let loop = EmbeddedEventLoop()
        let channel = EmbeddedChannel(handler: ExchangeDeadline(limits), loop: loop)
        try channel.connect(to: try SocketAddress(ipAddress: "192.0.2.1", port: 1)).wait()
        func request(_ parts: [ExchangeDeadline.InboundIn]) throws {
            for part in parts { try channel.writeInbound(part) }
        }
        let head = ExchangeDeadline.InboundIn.head(.init(method: .post, scheme: nil, authority: nil, path: "/"))
        try request([head])
        // The body is overdue: the broker has refused, and ends its side.
        loop.advanceTime(by: limits.body)
        #expect(throws: BodyOverdue.self) { try channel.throwIfErrorCaught() }
        channel.close(mode: .output, promise: nil)
        // The rest of the body, and another request that nobody will answer.
        loop.advanceTime(by: .seconds(1))
        try request([.end(nil), head, .end(nil)])
        loop.advanceTime(by: limits.farewell)
        #expect(!channel.isActive)
        _ = try? channel.finish()
    }
}
