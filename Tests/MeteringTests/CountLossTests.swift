import Metering
import Testing

@Suite("The bound for lost counts")
struct CountLossTests {
    private func loss(
        exchanges: UInt64 = 0, uncaptured: UInt64 = 0,
        _ set: (inout TrafficLosses) -> Void = { _ in }
    ) -> UInt64 {
        var tally = Tally(scenarios: [], services: [])
        tally.exchanges = exchanges
        set(&tally.losses)
        tally.losses.uncaptured = uncaptured
        return CountLoss(of: tally, over: .seconds(10)).partsPerMillion
    }

    @Test("is nothing without losses, also where nothing was exchanged")
    func none() {
        #expect(loss() == 0)
        #expect(loss(exchanges: 5) == 0)
    }

    @Test("takes each drop, gap and eviction for one exchange, rounded up")
    func share() {
        #expect(loss(exchanges: 999) { $0.kernelDrops = 1 } == 1000)
        #expect(loss(exchanges: 998) { $0.gaps = 1 } == 1002)
        #expect(loss(exchanges: 1_000_000_000) { $0.evicted = 1 } == 1)
        #expect(loss { $0.interfaceDrops = 1 } == 1_000_000)
        #expect(
            loss(exchanges: 6) {
                $0.kernelDrops = 1
                $0.interfaceDrops = 1
                $0.gaps = 1
                $0.evicted = 1
            } == 400_000)
    }

    @Test("is told in percent, rounded up to a hundredth")
    func percent() {
        let told = [0, 1, 100, 2_901, 999_901, 2_000_000].map {
            CountLoss(partsPerMillion: $0).percent
        }
        #expect(told == ["0.00 %", "0.01 %", "0.01 %", "0.30 %", "100.00 %", "100.00 %"])
    }

    @Test("takes each unread key for an exchange not counted, each forgotten one for one too many")
    func keys() {
        #expect(loss(exchanges: 999) { $0.keyless = 1 } == 1000)
        #expect(loss(exchanges: 999) { $0.forgottenKeys = 1 } == 1000)
        #expect(
            loss(exchanges: 6) {
                $0.keyless = 1
                $0.forgottenKeys = 2
                $0.unread = 1
            } == 400_000)
    }

    @Test("takes a request and a response that are unpaired for one exchange")
    func unjoined() {
        #expect(
            loss(exchanges: 0) { ($0.unpairedRequests, $0.unpairedResponses) = (7, 9) } == 1_000_000
        )
        #expect(
            loss(exchanges: 999) { ($0.unpairedRequests, $0.unpairedResponses) = (1, 40) } == 1000)
        #expect(loss(exchanges: 999) { $0.unpairedRequests = 40 } == 0)
        #expect(loss(exchanges: 999) { $0.unpairedResponses = 40 } == 0)
    }

    @Test("takes the larger of the drops that are dated and those that are not")
    func undated() {
        #expect(loss(exchanges: 90) { $0.undatedDrops = 10 } == 100_000)
        #expect(
            loss(exchanges: 90) {
                $0.undatedDrops = 5
                $0.kernelDrops = 10
            } == 100_000)
    }

    @Test("adds the share of time without capture")
    func uncaptured() {
        #expect(loss(exchanges: 1000, uncaptured: 10_000_000) == 1000)
        #expect(loss(exchanges: 999, uncaptured: 10_000_001) { $0.gaps = 1 } == 2001)
        #expect(loss(uncaptured: 10_000_000_000) == 1_000_000)
    }

    @Test("stays within 0 and 1,000,000 for numbers of any size")
    func extremes() {
        for number in [1, UInt64.max / 2, .max - 1, .max] {
            #expect(loss(exchanges: number, uncaptured: number) { $0.gaps = number } <= 1_000_000)
            #expect(loss { $0.kernelDrops = number } == 1_000_000)
            #expect(loss(exchanges: .max) { $0.kernelDrops = number } > 0)
        }
    }

    @Test(
        "makes counts doubtful above one in a thousand",
        arguments: [(0, 0, false), (1, 999, false), (1, 998, true), (1, 0, true), (0, 5, false)])
    func doubt(lost: UInt64, exchanges: UInt64, isDoubtful: Bool) {
        var tally = Tally(scenarios: [], services: [])
        tally.exchanges = exchanges
        tally.losses.kernelDrops = lost
        #expect((CountLoss(of: tally, over: .seconds(10)) > .doubtful) == isDoubtful)
    }

    @Test("tells packets of no service apart from those that were parsed or not decoded")
    func packets() {
        var tally = Tally(
            scenarios: [], services: [ServiceTally(scenarios: 0), ServiceTally(scenarios: 0)])
        tally.packets = 10
        tally.services[0].packets = 3
        tally.services[1].packets = 4
        tally.losses.undecoded = 1
        #expect(tally.otherPackets == 2)
        tally.losses.undecoded = .max
        #expect(tally.otherPackets == 0)
    }

    @Test("connections that were left out are their part of all packets, rounded up")
    func shed() {
        #expect(CountLoss(shed: 0, beside: 0).partsPerMillion == 0)
        #expect(CountLoss(shed: 0, beside: 9).partsPerMillion == 0)
        #expect(CountLoss(shed: 1, beside: 999) == .doubtful)
        #expect(CountLoss(shed: 1, beside: 998) > .doubtful)
        #expect(CountLoss(shed: 3, beside: 0).partsPerMillion == 1_000_000)
        #expect(CountLoss(shed: .max, beside: .max).partsPerMillion == 1_000_000)
    }
}
