import NIOCore
import NIOHTTP2

/// Ends calls of callers without a token once they bring more than their message may have: messages are gathered whole
/// before a service sees them, and health is for everybody.
final class StrangerLimit: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame.FramePayload
    typealias InboundOut = HTTP2Frame.FramePayload

    /// The most bytes of such a call.
    private static let limit = 64 * 1024

    private let authorizer: CallAuthorizer
    /// How many bytes may still come; nil for a caller whose token counts.
    private var left: Int? = limit

    /// Stands in front of one call.
    init(_ authorizer: CallAuthorizer) { self.authorizer = authorizer }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .headers(let frame):
            let tokens = frame.headers["authorization"]
            let token = tokens.count == 1 ? tokens[0] : nil
            if (try? authorizer.require(.client, authorization: token)) != nil { left = nil }
        case .data(let frame):
            guard let known = left else { break }
            left = known - frame.data.readableBytes
            guard known >= frame.data.readableBytes else { return context.close(promise: nil) }
        default: break
        }
        context.fireChannelRead(data)
    }
}
