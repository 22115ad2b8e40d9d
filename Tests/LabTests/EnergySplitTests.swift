import Foundation
import Metering
import Testing

@testable import Lab

@Suite("The energy above idle")
struct EnergySplitTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// A ledger whose counters are written as another program would.
    private func ledger(_ name: String) throws -> CPULedger {
        try CPULedger(path: "\(folder.path)/\(name)")
    }

    private func tell(_ ledger: CPULedger, _ milliseconds: [UInt64]) throws {
        let bytes = milliseconds.map { ($0 * 1_000_000).littleEndian }.withUnsafeBytes { Data($0) }
        let file = try #require(FileHandle(forWritingAtPath: ledger.path))
        try file.write(contentsOf: bytes)
        try file.close()
    }

    @Test("belongs to those who told what they used, and the rest to others")
    func told() throws {
        let ledgers = [try ledger("a"), try ledger("b")]
        var split = EnergySplit(ledgers)
        try tell(ledgers[0], [3, 0, 0, 1, 0])
        try tell(ledgers[1], [0, 0, 0, 0, 4])
        split.take(picojoules: 1_000_000_000_000, busy: .milliseconds(10))
        let truth = split.truth
        #expect(truth.ledgers[0]["credit"]?.joules == 0.3)
        #expect(truth.ledgers[0]["query"]?.joules == 0.1)
        #expect(truth.ledgers[0]["repayment"]?.joules == 0)
        #expect(truth.ledgers[1]["other"]?.joules == 0.4)
        #expect(abs(truth.othersJoules - 0.2) < 1e-12)
        #expect(truth.ledgers[0]["credit"]?.cpuSeconds == 0.003)
    }

    @Test("is never more than what was there, and never less", arguments: 0..<20 as Range<UInt64>)
    func conservation(seed: UInt64) throws {
        var random = SplitMix64(state: seed)
        let ledgers = [try ledger("a")]
        var split = EnergySplit(ledgers)
        var used: [UInt64] = [0, 0, 0, 0, 0]
        var whole: UInt64 = 0
        for _ in 0..<200 {
            for slot in used.indices { used[slot] += UInt64.random(in: 0...3, using: &random) }
            try tell(ledgers[0], used)
            // In ticks: what was told is seen busy in later steps.
            let busy = Nanoseconds.milliseconds(UInt64.random(in: 0...2, using: &random) * 10)
            let energy = UInt64.random(in: 0...1_000_000_000_000, using: &random)
            if busy > .zero { whole += energy }
            split.take(picojoules: energy, busy: busy)
        }
        let truth = split.truth
        let sum = truth.othersJoules + truth.ledgers[0].values.reduce(0) { $0 + $1.joules }
        #expect(abs(sum / (Double(whole) / 1e12) - 1) < 1e-9)
    }

    @Test("waits for the time that is not yet seen busy, and comes in full on a straight curve")
    func late() throws {
        let ledgers = [try ledger("a")]
        var split = EnergySplit(ledgers)
        for step in 1...100 as ClosedRange<UInt64> {
            try tell(ledgers[0], [step * 5, step * 2, 0, 0, 0])
            // 45 W of a core that is busy in every other step.
            let busy = Nanoseconds.milliseconds(step.isMultiple(of: 2) ? 20 : 0)
            split.take(picojoules: 45_000 * busy.rawValue, busy: busy)
        }
        let uses = split.truth.ledgers[0]
        #expect(abs((uses["credit"]?.joules ?? 0) / (0.5 * 45) - 1) < 1e-6)
        #expect(abs((uses["drawdown"]?.joules ?? 0) / (0.2 * 45) - 1) < 1e-6)
    }

    @Test("is less for each further core where the curve is bent")
    func bent() throws {
        func watts(_ bend: Double, _ busy: UInt64) throws -> Double {
            let curve = try #require(
                PowerCurve(
                    idleWatts: 60, wattsPerCore: 45, dramShare: 0.12, bend: bend, cores: 2))
            let energy = curve.dynamicEnergy(
                elapsed: .milliseconds(10), busy: .milliseconds(busy))
            return Double(energy) / 1e12 / 0.01
        }
        #expect(try watts(0, 10) == 45)
        #expect(try watts(0, 20) == 90)
        #expect(abs(try watts(0.4, 10) - 36) < 0.01)
        #expect(abs(try watts(0.4, 20) - 54) < 0.01)
        // Ticks may show more busy time than there was.
        #expect(abs(try watts(0.4, 30) - 81) < 0.01)
    }
}

@Suite("A random rhythm")
struct LoadArrivalsTests {
    private func arrivals(
        swing: Double = 0, bursts: Bool = false, seed: UInt64 = 1
    ) throws -> LoadArrivals {
        let mix = try #require(
            LoadMix(shares: [1, 2, 3, 4], refused: 0, errors: 0, seed: seed))
        return LoadArrivals(mix, rate: 100, swing: swing, bursts: bursts)
    }

    private func times(_ arrivals: LoadArrivals, seconds: Double) -> [Double] {
        var arrivals = arrivals
        var times: [Double] = []
        while arrivals.due < seconds {
            times.append(arrivals.due)
            arrivals.advance()
        }
        return times
    }

    @Test(
        "has the mean rate, with or without swing and bursts", arguments: [0, 0.9], [false, true])
    func mean(swing: Double, bursts: Bool) throws {
        let times = times(try arrivals(swing: swing, bursts: bursts), seconds: 400)
        #expect(abs(Double(times.count) / 40_000 - 1) < 0.1)
        #expect(zip(times, times.dropFirst()).allSatisfy { $0 <= $1 })
    }

    @Test("does not remember: distances are as likely short as an exponential's")
    func memoryless() throws {
        let times = times(try arrivals(), seconds: 200)
        let short = zip(times, times.dropFirst()).count { $1 - $0 < 0.01 }
        // 1 − 1/e of the distances lie below the mean.
        #expect(abs(Double(short) / Double(times.count) - 0.632) < 0.02)
    }

    @Test("has five times the rate in 1 s of 4 where it bursts")
    func bursts() throws {
        let times = times(try arrivals(bursts: true), seconds: 400)
        let within = times.count { $0.truncatingRemainder(dividingBy: 4) < 1 }
        #expect(abs(Double(within) / Double(times.count) - 0.625) < 0.02)
    }

    @Test("is the same for the same seed, and another for another")
    func repeatable() throws {
        let first = times(try arrivals(swing: 0.5, seed: 3), seconds: 10)
        #expect(times(try arrivals(swing: 0.5, seed: 3), seconds: 10) == first)
        #expect(times(try arrivals(swing: 0.5, seed: 4), seconds: 10) != first)
    }
}
