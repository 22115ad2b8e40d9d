import Metering
import Testing

@testable import Agent

@Suite("The capture's thread")
struct CaptureRhythmTests {
    private let end = Timestamp(1_000_000_000_000_000)

    private func wait(
        secondsBeforeEnd: Double, sinceWaiting: Double? = nil, isQuiet: Bool
    ) -> Int32 {
        let now = Timestamp(end.rawValue - UInt64(secondsBeforeEnd * 1e9))
        return CaptureRhythm.milliseconds(
            to: end, waiting: sinceWaiting.map { Timestamp(now.rawValue - UInt64($0 * 1e9)) },
            isQuiet: isQuiet, at: now)
    }

    @Test("looks 20 times a second where something passes, and once where nothing does")
    func looks() {
        #expect(wait(secondsBeforeEnd: 5, isQuiet: false) == 51)
        #expect(wait(secondsBeforeEnd: 5, isQuiet: true) == 1001)
    }

    @Test("looks at the end of the window", arguments: [true, false])
    func boundary(isQuiet: Bool) {
        #expect(wait(secondsBeforeEnd: 0.02, isQuiet: isQuiet) == 21)
        // That it has ended is not announced yet.
        #expect(wait(secondsBeforeEnd: 0, isQuiet: isQuiet) == 51)
    }

    @Test("gives a window of a quiet host when its packets have been handed over, in one wait")
    func waitingWindow() {
        #expect(wait(secondsBeforeEnd: 9.99, sinceWaiting: 0.01, isQuiet: true) == 391)
        #expect(wait(secondsBeforeEnd: 9.5, sinceWaiting: 0.5, isQuiet: true) == 51)
        #expect(wait(secondsBeforeEnd: 9.99, sinceWaiting: 0.01, isQuiet: false) == 51)
    }

    @Test("waits no longer for it where the clock was set back")
    func clockSetBack() {
        let wait = CaptureRhythm.milliseconds(
            to: Timestamp(end.rawValue + 3_600_000_000_000), waiting: end, isQuiet: true,
            at: Timestamp(end.rawValue - 3_600_000_000_000 / 2))
        #expect(wait == 401)
    }
}
