package import NIOCore
import NIOSSL
import NIOTLS

extension LiveCredentials {
    /// Adds TLS to a channel that connects to `host`, a name or an address, whose certificate must
    /// carry it. Call it on the channel's loop, before other handlers are added.
    ///
    /// What is returned has the collector's certificate once it is verified; send nothing before.
    /// Errors, also later ones of the connection, are ``TLSFailure`` where they are of TLS. Throws
    /// ``CredentialProblem``.
    package func connect(
        _ channel: any Channel, host: String, within limit: TimeAmount
    ) throws -> EventLoopFuture<CertificateFacts> {
        // Addresses do not go into the server's name; the library compares that of the socket.
        let name = CertificateFacts.address(host) == nil ? host : nil
        let tls = try NIOSSLClientHandler(context: context(), serverHostname: name)
        let handshake = Handshake(channel.eventLoop, host: host, within: limit, now: now)
        try channel.pipeline.syncOperations.addHandlers([tls, handshake])
        return handshake.peer.futureResult
    }

    /// Adds TLS to a channel that was accepted, whose peer must show a certificate. Call it on the
    /// channel's loop, before other handlers are added.
    ///
    /// As ``connect(_:host:within:)``. A peer that speaks without TLS gets `answerToPlain` and is
    /// closed.
    package func accept(
        _ channel: any Channel, within limit: TimeAmount, answerToPlain: ByteBuffer
    ) throws -> EventLoopFuture<CertificateFacts> {
        let tls = NIOSSLServerHandler(context: try context())
        let handshake = Handshake(channel.eventLoop, host: nil, within: limit, now: now)
        try channel.pipeline.syncOperations.addHandlers([
            PlainPeerGuard(answer: answerToPlain), tls, handshake,
        ])
        return handshake.peer.futureResult
    }
}

/// Behind the TLS handler: tells how the handshake ended, and tells the errors of TLS in this
/// module's terms.
private final class Handshake: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    let peer: EventLoopPromise<CertificateFacts>
    /// The host whose certificate is wanted; `nil` on the side that accepts.
    private let host: String?
    private let limit: TimeAmount
    private let now: @Sendable () -> Int64
    private var timeout: Scheduled<Void>?
    private var isDone = false
    private var hasHeard = false

    init(
        _ loop: any EventLoop, host: String?, within limit: TimeAmount,
        now: @escaping @Sendable () -> Int64
    ) {
        peer = loop.makePromise()
        self.host = host
        self.limit = limit
        self.now = now
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let channel = context.channel
        let peer = peer
        timeout = context.eventLoop.scheduleTask(in: limit) {
            peer.fail(TLSFailure.tooSlow)
            channel.close(promise: nil)
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) { end(.failure(TLSFailure.cut)) }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case TLSUserEvent.handshakeCompleted? = event as? TLSUserEvent { verify(context) }
        context.fireUserInboundEventTriggered(event)
    }

    /// The library has verified chain, time, use and name. It takes an address for a name and the
    /// common name where there is no other; here the certificate must carry the host itself.
    private func verify(_ context: ChannelHandlerContext) {
        guard let facts = certificate(context) else {
            return refuse(.noCertificate, context)
        }
        if let host, !facts.isOf(host: host) {
            return refuse(.otherHost(expected: host, names: facts.names), context)
        }
        end(.success(facts))
    }

    private func refuse(_ failure: TLSFailure, _ context: ChannelHandlerContext) {
        end(.failure(failure))
        context.close(promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        hasHeard = true
        context.fireChannelRead(data)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        var failure = TLSFailure.of(error, peer: certificate(context), host: host, now: now())
        // TLS 1.3 lets a client finish before its certificate was looked at: where the collector's
        // alert is lost with the connection, all that is seen is that it ended.
        let isEnd = failure == .cut || error is IOError
        if isDone, host != nil, !hasHeard, isEnd { failure = .closedAtOnce }
        let told: any Error = failure ?? error
        end(.failure(told))
        context.fireErrorCaught(told)
    }

    func channelInactive(context: ChannelHandlerContext) {
        end(.failure(TLSFailure.closedInHandshake))
        context.fireChannelInactive()
    }

    private func certificate(_ context: ChannelHandlerContext) -> CertificateFacts? {
        let certificate = try? context.pipeline.syncOperations.nioSSL_peerCertificate()
        return certificate.map(CertificateFacts.init)
    }

    private func end(_ result: Result<CertificateFacts, any Error>) {
        guard !isDone else { return }
        isDone = true
        timeout?.cancel()
        peer.completeWith(result)
    }
}

/// Before the TLS handler: knows a peer that does not speak TLS by its first byte, answers in the
/// clear and closes.
private final class PlainPeerGuard: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let answer: ByteBuffer
    private var isClosing = false

    init(answer: ByteBuffer) { self.answer = answer }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isClosing else { return }
        let buffer = unwrapInboundIn(data)
        guard let first = buffer.getInteger(at: buffer.readerIndex, as: UInt8.self) else { return }
        if first == TLSBytes.handshake {
            context.fireChannelRead(data)
            context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
            return
        }
        isClosing = true
        context.fireErrorCaught(TLSFailure.peerIsPlain)
        context.writeAndFlush(wrapOutboundOut(answer), promise: nil)
        context.close(promise: nil)
    }
}

/// How TLS begins.
package enum TLSBytes {
    /// The first byte of a handshake record.
    ///
    /// Source: RFC 8446 section 5.1, ContentType.
    static let handshake: UInt8 = 22

    /// Whether a peer's first bytes are a TLS handshake: its type and the version's first byte.
    package static func begin(_ buffer: ByteBuffer) -> Bool {
        buffer.readableBytes >= 2
            && buffer.getBytes(at: buffer.readerIndex, length: 2) == [handshake, 3]
    }
}
