import Foundation
import LogDiary
import NIOCore
import NIOPosix
import ServiceLifecycle
import Testing

@testable import Collector

/// What the collector says where it cannot listen. Whoever reads it knows neither the programs of the
/// host nor the settings by heart.
@Suite("An address that the collector cannot take")
struct ListeningTests {
    @Test("of the metrics is named with what to do, and the collector goes on without")
    func metrics() async throws {
        let taken = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(taken.localAddress?.port)
        let diary = Diary()
        let page = IngestMetricsPage(
            host: "127.0.0.1", port: port, metrics: IngestMetrics(), log: diary.log)
        let group = ServiceGroup(services: [page], logger: diary.log)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            await diary.wait(for: "no metrics are shown")
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
        let line = try #require(diary.text.first { $0.contains("no metrics are shown") })
        for words in [
            "error no metrics are shown: Address already in use", "127.0.0.1:\(port)",
            "ss -ltnp 'sport = :\(port)'", "listen.metrics", "then restart the collector",
        ] {
            #expect(line.contains(words), "\(line)")
        }
        try await taken.close()
    }

    @Test("of the agents is named with who may have it and what to do")
    func agents() {
        let told: [ServerError: [String]] = [
            .addressInUse("[::1]:7443", port: 7443): ["ss -ltnp 'sport = :7443'", "already"],
            .permissionDenied("127.0.0.1:443"): ["1024", "CAP_NET_BIND_SERVICE"],
            .addressNotAvailable("192.0.2.1:7443"): ["`ip address`"],
            .cannotListen("h:7443", reason: "no such name"): ["no such name"],
        ]
        for (error, all) in told {
            for words in all + ["listen.agents"] {
                #expect("\(error)".contains(words), "\(error)")
            }
        }
        #expect(Server.address("::1", 7443) == "[::1]:7443")
        #expect(Server.address("127.0.0.1", 7443) == "127.0.0.1:7443")
    }
}
