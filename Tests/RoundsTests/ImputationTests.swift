import Assessment
import Metering
import Testing

@testable import Rounds

private let hour: UInt64 = 3600

/// What the rule gives, said otherwise: all windows at hand, fractions compared by cross products.
private func imputed(_ records: [RoundRecord], _ round: Interval) -> UInt64 {
    typealias Power = (energy: UInt128, time: UInt128)
    var windows: [(span: Interval, power: Power)] = []
    for record in records {
        guard let energy = record.energy.value?.byState.total.rawValue else { continue }
        let span = Interval(start: record.window.start, end: record.window.end)
        let last = Timestamp(span.end.rawValue - 1)
        guard last >= round.start, last < round.end else { continue }
        windows.append((span, (UInt128(energy), UInt128(span.length.rawValue))))
    }
    func less(_ one: Power, _ other: Power) -> Bool {
        one.energy * other.time < other.energy * one.time
    }
    func percentile(_ powers: [Power]) -> Power? {
        guard !powers.isEmpty else { return nil }
        // ⌈0.95 n⌉ in whole numbers.
        return powers.sorted(by: less)[(powers.count * 95 + 99) / 100 - 1]
    }
    var covered = IntervalSet()
    for record in records where record.energy.value != nil {
        covered.insert(record.window.start.rawValue..<record.window.end.rawValue)
    }
    var sum: UInt128 = 0
    for gap in covered.gaps(in: round.start.rawValue..<round.end.rawValue) {
        var at = gap.lowerBound
        while at < gap.upperBound {
            let number = at / (hour * second)
            let end = min(gap.upperBound, (number + 1) * hour * second)
            let inHour = windows.filter { ($0.span.end.rawValue - 1) / (hour * second) == number }
            let before = windows.filter { $0.span.end.rawValue <= at }
                .max { $0.span.end < $1.span.end }
            let known = [percentile(inHour.map(\.power)), before?.power].compactMap { $0 }
            if let power = known.max(by: less) ?? percentile(windows.map(\.power)) {
                let (whole, rest) = (power.energy * UInt128(end - at)).quotientAndRemainder(
                    dividingBy: power.time)
                sum += whole + (rest > 0 ? 1 : 0)
            }
            at = end
        }
    }
    return UInt64(sum)
}

@Suite("Missing energy is imputed upward")
struct Imputations {
    @Test("as the rule says, whatever is missing", arguments: 1...30)
    func law(seed: UInt64) throws {
        var random = Seeded(seed)
        var records: [RoundRecord] = []
        var at: UInt64 = UInt64.random(in: 0...200, using: &random)
        while at < 6 * hour {
            let length = UInt64.random(in: 5...60, using: &random)
            if Int.random(in: 0..<50, using: &random) > 0 {
                records.append(
                    busy(
                        "a", at + 1, at, at + length,
                        microjoules: UInt64.random(in: 0...9_999_991, using: &random)))
            }
            at += length
        }
        let found = try assess(plan(rounds: 2, length: 3 * hour), records)
        for round in found {
            let energy = try #require(round.machine("a")?.energy)
            let machine = try #require(round.machine("a"))
            let isFilled = machine.round.energyCovered.isAtLeast(
                PartsPerMillion(rawValue: 950_000), of: machine.round.expected)
            #expect(
                energy.metered.imputed.rawValue
                    == (isFilled ? imputed(records, round.interval) : 0))
        }
    }

    @Test("never below what a window before used, nor the hour's high windows")
    func upward() throws {
        // 95 windows of 1 J, the last before the gap of 3 J, then 3 of 7 J: the 95th percentile of 99
        // windows has rank 95.
        let records =
            windows("a", 0, 95) + [busy("a", 96, 95, 96, microjoules: 3_000_000)]
            + windows("a", 97, 100, microjoules: 7_000_000)
        let found = try assess(plan(), records)[0]
        let energy = try #require(found.machine("a")?.energy)
        #expect(energy.metered.imputed == Microjoules(3_000_000))
        #expect(
            energy.metered.total == Microjoules(95_000_000 + 3_000_000 + 21_000_000 + 3_000_000))
        #expect(found.problems == [.countsCoverage(host: "a", fraction: 0.99)])
        #expect(found.disclosures == [])
    }

    @Test(
        "at the first window of a round by the hour's, and before the round's first hour by the round's"
    )
    func first() throws {
        let early = try assess(
            plan(), windows("a", 2, 99) + [busy("a", 100, 99, 100, microjoules: 5)])[0]
        #expect(early.machine("a")?.energy?.metered.imputed == Microjoules(2_000_000))
        // An hour of 24 is missing at the start: 23 hours, of which one and a half are twice as high.
        let high = windows("a", 22 * hour + hour / 2, 24 * hour, step: 60, microjoules: 2_000_000)
        let late = try assess(
            plan(length: 24 * hour),
            windows("a", hour, 22 * hour + hour / 2, step: 60) + high)[0]
        #expect(late.machine("a")?.energy?.metered.imputed == Microjoules(120_000_000))
    }

    @Test("after a reboot at a round's end, by the window before")
    func end() throws {
        let first = windows("a", 0, 97) + [busy("a", 98, 97, 98, microjoules: 4_000_000)]
        var reboot = busy("a", 1, 101, 102, microjoules: 1_000_000)
        reboot.run = RunID(2)
        let found = try assess(plan(rounds: 2), first + [reboot] + windows("a", 102, 200))
        let imputed = found.map { $0.machine("a")?.energy?.metered.imputed }
        #expect(imputed == [Microjoules(8_000_000), Microjoules(1_000_000)])
    }

    @Test(
        "a host silent for 2 % is imputed and disclosed, one silent for 6 % makes the round invalid"
    )
    func silent() throws {
        func round(_ missing: UInt64) throws -> PlannedRound {
            var scenarios = StandardWeights.scenarios.map { PlannedScenario(id: $0) }
            for index in scenarios.indices { scenarios[index].countingHosts = ["b"] }
            return try assess(
                plan([host("a"), host("b")], scenarios: scenarios),
                windows("a", 0, 40) + windows("a", 40 + missing, 100) + windows("b", 0, 100))[0]
        }
        let two = try round(2)
        #expect(two.problems == [])
        #expect(two.disclosures == [.energyCoverage(host: "a", fraction: 0.98)])
        #expect(two.machine("a")?.energy?.metered.imputed == Microjoules(2_000_000))
        let six = try round(6)
        #expect(six.problems == [.energyCoverage(host: "a", fraction: 0.94)])
        #expect(six.machine("a")?.energy?.metered.imputed == .zero)
        #expect(abs(six.fleetCoverage - 0.97) < 1e-12)
        #expect(six.scenarios[0].outside.flows == 188)
        let five = try round(5)
        #expect(five.problems == [])
    }

    @Test("a second reading of other records is refused")
    func second() throws {
        let records = windows("a", 0, 50) + windows("a", 52, 100)
        var builder = try PlanRoundsBuilder(plan())
        for record in records { builder.add(record) }
        let nothing = builder.imputation()
        #expect(nothing.hostsToRead == ["a"])
        #expect(throws: ImputationError.otherRecords(host: "a", round: 0, missing: 98)) {
            try builder.finish(nothing)
        }
        var more = builder.imputation()
        for record in records + [busy("a", 51, 50, 51)] { more.add(record) }
        #expect(throws: ImputationError.otherRecords(host: "a", round: 0, missing: -1)) {
            try builder.finish(more)
        }
        var whole = try PlanRoundsBuilder(plan())
        for record in windows("a", 0, 100) { whole.add(record) }
        #expect(whole.imputation().hostsToRead == [])
        #expect(try whole.finish(whole.imputation())[0].problems == [])
    }

    @Test("a quantile in little room is the one of all", arguments: 1...200)
    func quantile(seed: UInt64) {
        var random = Seeded(seed)
        let powers = (0..<Int.random(in: 1...300, using: &random)).map { _ in
            WindowPower(
                energy: Microjoules(UInt64.random(in: 0...50, using: &random)),
                time: Nanoseconds(UInt64.random(in: 1...5, using: &random)))
        }
        var high = HighPowers(of: powers.count)
        for power in powers.dropLast() { high.add(power) }
        high.add(powers[powers.count - 1])
        #expect(high.percentile == powers.sorted()[(powers.count * 95 + 99) / 100 - 1])
    }
}
