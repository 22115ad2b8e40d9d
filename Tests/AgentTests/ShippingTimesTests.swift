import Testing

@testable import Agent

@Suite("A connection to a collector")
struct ShippingTimesTests {
    @Test("is looked at when a welcome, a heartbeat or a word is due, and not before")
    func looks() {
        let before = ContinuousClock.now
        let progress = ShippingProgress()
        let opened = before...ContinuousClock.now
        #expect((opened + .seconds(10)).contains(progress.nextLook))
        progress.welcome(7)
        #expect((opened + .seconds(15)).contains(progress.nextLook))
        // A collector that says nothing is left after 45 s, between two heartbeats.
        let now = opened.upperBound
        #expect(progress.takeHeartbeat(at: now + .seconds(15)))
        #expect(progress.nextLook == now + .seconds(30))
        #expect(progress.takeHeartbeat(at: now + .seconds(31)))
        #expect((opened + .seconds(45)).contains(progress.nextLook))
        #expect(throws: ShippingError.self) { try progress.checkTimes(now + .seconds(46)) }
    }

    @Test("gets a heartbeat where nothing was sent for 15 s, and one at a time")
    func heartbeats() {
        let progress = ShippingProgress()
        let now = ContinuousClock.now
        #expect(!progress.takeHeartbeat(at: now + .seconds(20)), "before the welcome")
        progress.welcome(0)
        #expect(!progress.takeHeartbeat(at: now + .seconds(14)))
        #expect(progress.takeHeartbeat(at: now + .seconds(15)))
        #expect(!progress.takeHeartbeat(at: now + .seconds(29)))
        #expect(progress.takeHeartbeat(at: now + .seconds(30)))
    }
}

private func + (
    range: ClosedRange<ContinuousClock.Instant>, time: Duration
) -> ClosedRange<ContinuousClock.Instant> {
    range.lowerBound + time...range.upperBound + time
}
