import NIOCore
import NIOHTTP1

/// Turns a request's target into the absolute form that an HTTP proxy wants (RFC 9112 §3.2.2), from its Host header.
/// The client library only knows CONNECT, which many proxies refuse for plain HTTP.
final class AbsoluteFormHandler: ChannelOutboundHandler {
    typealias OutboundIn = HTTPClientRequestPart
    typealias OutboundOut = HTTPClientRequestPart

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard case .head(var head) = unwrapOutboundIn(data), head.uri.hasPrefix("/"), let host = head.headers.first(name: "host") else {
            context.write(data, promise: promise)
            return
        }
        head.uri = "http://\(host)\(head.uri)"
        context.write(wrapOutboundOut(.head(head)), promise: promise)
    }

    /// Puts the handler just before the encoder of a connection that the client library has set up.
    static func install(on channel: any Channel) -> EventLoopFuture<Void> {
        channel.eventLoop.makeCompletedFuture {
            let pipeline = channel.pipeline.syncOperations
            let encoder = try pipeline.context(handlerType: HTTPRequestEncoder.self).handler as! HTTPRequestEncoder
            try pipeline.addHandler(AbsoluteFormHandler(), position: .after(encoder))
        }
    }
}
