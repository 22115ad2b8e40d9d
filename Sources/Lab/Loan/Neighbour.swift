package import Metering

/// A program that uses CPU time in turns of random length, and tells it.
package struct Neighbour {
    private let share: Double
    private let told: CPULedger?
    private var random: SplitMix64
    private var sink: UInt64 = 1

    /// The longest turn.
    private static let longest = Nanoseconds.milliseconds(400)
    /// What was burnt is told at least so often.
    private static let tellEvery = Nanoseconds.milliseconds(1)

    /// - Parameter share: the part of the time that it burns, above 0 and below 1.
    package init(share: Double, seed: UInt64, told: CPULedger?) {
        self.share = share
        self.told = told
        random = SplitMix64(state: seed)
    }

    /// Burns for a while on the calling thread, and says for how long to rest then.
    package mutating func burn() -> Nanoseconds {
        let turn = Double.random(in: 0...1, using: &random) * Self.longest.seconds
        let goal = LabClock.thread + Nanoseconds(UInt64(turn * 1e9))
        var next = LabClock.thread + Self.tellEvery
        while next < goal {
            while LabClock.thread < next {
                for _ in 0..<128 {
                    sink = sink &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963
                }
            }
            told?.add(CPULedger.other)
            next = next + Self.tellEvery
        }
        let rest = turn * (1 - share) / share
        return Nanoseconds(UInt64(rest * 1e9))
    }
}
