import CertificateAuthority
import Foundation
import LogDiary
import NIOCore
import NIOPosix
import Testing

@testable import TransportSecurity

/// What each side of one connection said of it.
private struct Meeting {
    var collector: Result<CertificateFacts, any Error>
    var agent: Result<CertificateFacts, any Error>

    var collectorFailure: TLSFailure? { failure(collector) }
    var agentFailure: TLSFailure? { failure(agent) }
    var isGood: Bool {
        if case (.success, .success) = (collector, agent) { true } else { false }
    }

    private func failure(_ result: Result<CertificateFacts, any Error>) -> TLSFailure? {
        if case .failure(let error) = result { error as? TLSFailure } else { nil }
    }
}

@Suite("The handshake of agent and collector")
struct HandshakeTests {
    /// Connects once over loopback. `host` is whom the agent wants; what the agent hears after its
    /// handshake counts as its failure.
    private func meet(
        _ agent: LiveCredentials, _ collector: LiveCredentials, host: String = "127.0.0.1",
        speaking: Bool = true
    ) async throws -> Meeting {
        let group = MultiThreadedEventLoopGroup.singleton
        let accepted = group.any().makePromise(of: CertificateFacts.self)
        let server = try await ServerBootstrap(group: group)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try collector.accept(
                        channel, within: .seconds(60), answerToPlain: ByteBuffer(string: "no")
                    ).cascade(to: accepted)
                    try channel.pipeline.syncOperations.addHandler(Welcome())
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let heard = group.any().makePromise(of: Void.self)
        let (client, verified) = try await ClientBootstrap(group: group)
            .connect(host: "127.0.0.1", port: server.localAddress?.port ?? 0) { channel in
                channel.eventLoop.makeCompletedFuture {
                    let verified = try agent.connect(channel, host: host, within: .seconds(60))
                    try channel.pipeline.syncOperations.addHandler(Listener(heard))
                    return (channel, verified)
                }
            }
        var agentResult: Result<CertificateFacts, any Error>
        do {
            let facts = try await verified.get()
            try await heard.futureResult.get()
            agentResult = .success(facts)
        } catch { agentResult = .failure(error) }
        try? await client.close()
        let collectorResult = await result(of: accepted.futureResult)
        try await server.close()
        return Meeting(collector: collectorResult, agent: agentResult)
    }

    private func result(
        of future: EventLoopFuture<CertificateFacts>
    ) async -> Result<CertificateFacts, any Error> {
        do { return .success(try await future.get()) } catch { return .failure(error) }
    }

    private func live(
        _ files: CredentialFiles, _ side: TransportSide, aheadDays: Int64 = 0
    ) -> LiveCredentials {
        LiveCredentials(
            files, side: side, log: Diary().log,
            now: { wallClockSeconds() + aheadDays * 86_400 })
    }

    @Test("ends well with certificates of one authority, and tells each of the other")
    func good() async throws {
        let issued = try Issued()
        let meeting = try await meet(
            live(issued.agent("a"), .agent), live(issued.collector(), .collector))
        #expect(meeting.isGood)
        #expect(try meeting.collector.get().isOf(agent: "a"))
        #expect(try meeting.agent.get().names == "127.0.0.1")
    }

    @Test("verifies a name, also a name for an address")
    func names() async throws {
        let issued = try Issued()
        let collector = try live(issued.collector(["localhost", "c.example"]), .collector)
        let agent = try live(issued.agent("a"), .agent)
        #expect(try await meet(agent, collector, host: "c.example").isGood)
        #expect(try await meet(agent, collector, host: "LOCALHOST.").isGood)
        for host in ["127.0.0.1", "d.example", "example"] {
            let meeting = try await meet(agent, collector, host: host)
            let names = "localhost, c.example"
            #expect(meeting.agentFailure == .otherHost(expected: host, names: names), "\(host)")
        }
        let odd = try await meet(agent, collector, host: "c_1.example")
        #expect(odd.agentFailure == .unusableName("c_1.example"))
    }

    @Test("takes no address of the certificate for a name")
    func addressForName() async throws {
        let issued = try Issued()
        let meeting = try await meet(
            live(issued.agent("a"), .agent), live(issued.collector(["127.0.0.1"]), .collector),
            host: "localhost")
        #expect(
            meeting.agentFailure == .otherHost(expected: "localhost", names: "127.0.0.1"))
    }

    @Test("fails with an authority that one side does not know, and both can say so")
    func unknownAuthority() async throws {
        let ours = try Issued(), theirs = try Issued(authorityName: "other")
        let agent = try ours.agent("a"), collector = try theirs.collector()
        let stranger = try await meet(live(agent, .agent), live(collector, .collector))
        #expect(stranger.agentFailure == .untrusted)
        #expect(stranger.collectorFailure == .refusedByPeer(alert: "unknown ca"))
        // The agent trusts the collector, which does not know the agent.
        let trusting = CredentialFiles(
            authorities: collector.authorities, certificate: agent.certificate, key: agent.key)
        let refused = try await meet(live(trusting, .agent), live(collector, .collector))
        #expect(refused.collectorFailure == .untrusted)
        #expect(
            [.refusedByPeer(alert: "unknown ca"), .closedAtOnce].contains(refused.agentFailure))
    }

    @Test("fails with an expired certificate, by name of the reason")
    func expired() async throws {
        let past = Date() - 3 * 366 * 86_400
        let issued = try Issued(at: past)
        let good = try (issued.agent("a"), issued.collector())
        let old = try (issued.agent("a", at: past), issued.collector(at: past))
        let agentOld = try await meet(live(old.0, .agent), live(good.1, .collector))
        guard case .expired? = agentOld.collectorFailure else {
            Issue.record("\(agentOld)")
            return
        }
        #expect(
            [.refusedByPeer(alert: "certificate expired"), .closedAtOnce]
                .contains(agentOld.agentFailure))
        let collectorOld = try await meet(live(good.0, .agent), live(old.1, .collector))
        guard case .expired? = collectorOld.agentFailure else {
            Issue.record("\(collectorOld)")
            return
        }
        #expect(
            collectorOld.collectorFailure == .refusedByPeer(alert: "certificate expired"))
    }

    @Test("fails with a certificate made for the other side's use")
    func otherUse() async throws {
        let issued = try Issued()
        let agent = try issued.agent("a"), collector = try issued.collector()
        let posing = try await meet(live(collector, .agent), live(collector, .collector))
        #expect(posing.collectorFailure == .untrusted)
        let serving = try await meet(live(agent, .agent), live(agent, .collector))
        #expect(serving.agentFailure == .untrusted)
    }

    @Test("takes renewed certificates on both sides without a restart")
    func rotation() async throws {
        let issued = try Issued()
        let agentFiles = try issued.agent("a"), collectorFiles = try issued.collector()
        let agent = live(agentFiles, .agent), collector = live(collectorFiles, .collector)
        let before = try await meet(agent, collector)
        try renew(agentFiles, with: issued.agent("b"))
        try renew(collectorFiles, with: issued.collector(["127.0.0.1", "new.example"]))
        let after = try await meet(agent, collector)
        #expect(try before.collector.get().names == "agent a")
        #expect(try after.collector.get().names == "agent b")
        #expect(try after.agent.get().names == "new.example, 127.0.0.1")
    }

    @Test("is given up when the peer says nothing")
    func silence() async throws {
        let issued = try Issued()
        let group = MultiThreadedEventLoopGroup.singleton
        let server = try await ServerBootstrap(group: group).bind(host: "127.0.0.1", port: 0).get()
        let agent = try live(issued.agent("a"), .agent)
        let (client, verified) = try await ClientBootstrap(group: group)
            .connect(host: "127.0.0.1", port: server.localAddress?.port ?? 0) { channel in
                channel.eventLoop.makeCompletedFuture {
                    (
                        channel,
                        try agent.connect(
                            channel, host: "127.0.0.1", within: .milliseconds(50))
                    )
                }
            }
        await #expect(throws: TLSFailure.tooSlow) { try await verified.get() }
        try await client.closeFuture.get()
        try await server.close()
    }
}

/// Sends a word once the handshake is done.
private final class Welcome: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    func channelActive(context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: "welcome")), promise: nil)
    }
    func errorCaught(context: ChannelHandlerContext, error: any Error) {}
}

/// Waits for a word, or for what went wrong before it.
private final class Listener: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let heard: EventLoopPromise<Void>

    init(_ heard: EventLoopPromise<Void>) { self.heard = heard }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { heard.succeed() }
    func errorCaught(context: ChannelHandlerContext, error: any Error) { heard.fail(error) }
    func channelInactive(context: ChannelHandlerContext) { heard.fail(TLSFailure.cut) }
}
