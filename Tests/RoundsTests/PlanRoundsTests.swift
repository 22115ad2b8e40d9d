import Assessment
import Metering
import Testing

@testable import Rounds

@Suite("The rounds of a plan")
struct PlanRounds {
    @Test("are the planned ones and those in reserve, half-open and end to end")
    func schedule() throws {
        let rounds = try assess(plan(rounds: 2, reserve: 1), [])
        #expect(
            rounds.map(\.interval)
                == (0..<3).map {
                    Interval(start: time($0 * 100), end: time($0 * 100 + 100))
                })
        #expect(rounds.map(\.isReserve) == [false, false, true])
        #expect(throws: PlanRoundsError.schedule) { try assess(plan(rounds: 0), []) }
        #expect(throws: PlanRoundsError.schedule) { try assess(plan(length: .max / 2), []) }
    }

    @Test("do not depend on how records arrive", arguments: 1...30)
    func anyOrder(seed: UInt64) throws {
        var random = Seeded(seed)
        var hosts = [host("a"), host("b", at: "t"), host("c")]
        hosts[2].assignments = [
            Assignment(site: "s", from: time(20), to: time(70)),
            Assignment(site: "t", from: time(90)),
        ]
        hosts[1].wallRatio = MeasuredRatio(
            value: PartsPerMillion(rawValue: 1_350_001), source: "", period: "")
        hosts[0].allocation = .reserved(PartsPerMillion(rawValue: 333_333), reason: "")
        let plan = plan(
            hosts, rounds: 3, length: 60,
            sites: [site("s", [grid, diesel]), site("t", [grid])])
        var records: [RoundRecord] = []
        for host in ["a", "b", "c", "x"] {
            var at: UInt64 = 0
            while at < 190 {
                let length = UInt64.random(in: 1...3, using: &random)
                let isMissing =
                    at >= 100 && at < 102 || Int.random(in: 0..<300, using: &random) == 0
                if !isMissing {
                    let energy = UInt64.random(in: 0...1_000_003, using: &random)
                    records.append(
                        busy(host, at + 1, at, at + length, microjoules: energy))
                }
                at += length
            }
        }
        let occurrences = (1...3).map {
            FlowOccurrence(
                flow: .init(secret: 1, scenario: .credit, digest: 1), host: "a", run: RunID(1),
                sequence: $0, position: 0, start: time($0 * 20), end: time($0 * 20 + 1), flows: 1)
        }
        let totals = [ledger(3, 0, 60), ledger(5, 60, 120)]
        let expected = try assess(plan, records, occurrences, ledger: totals)
        #expect(
            expected.flatMap(\.machines).contains { $0.energy?.metered.imputed ?? .zero > .zero })
        let again = records + records.filter { _ in Bool.random(using: &random) }
        var builder = try PlanRoundsBuilder(plan, ledger: totals.shuffled(using: &random))
        for one in occurrences.shuffled(using: &random) { builder.add(one) }
        for record in again.shuffled(using: &random) { builder.add(record) }
        var imputation = builder.imputation()
        for record in again.shuffled(using: &random) { imputation.add(record) }
        #expect(try builder.finish(imputation) == expected)
    }

    @Test("name a host that should have reported and did not, and list one that is not planned")
    func expected() throws {
        let found = try assess(
            plan([host("a"), host("b")]), windows("a", 0, 100) + windows("x", 0, 7))[0]
        #expect(found.missing == ["b"])
        #expect(found.problems == [.hostMissing("b")])
        #expect(found.unplanned == ["x": 7])
        #expect(found.disclosures.contains(.unplannedHosts(["x"])))
        #expect(found.metered.total == Microjoules(100_000_000))
        #expect(found.fleetCoverage == 0.5)
        #expect(found.scenarios[0].volume == .known(200))
    }

    @Test("expect a host in its time in service, and count nothing outside it")
    func service() throws {
        var one = host("a")
        one.assignments = [Assignment(site: "s", from: time(20), to: time(70))]
        let rounds = try assess(plan([one, host("b")], rounds: 2), windows("a", 0, 200))
        #expect(rounds[0].machine("a")?.round.expected == .seconds(50))
        #expect(rounds[0].metered.total == Microjoules(50_000_000))
        #expect(rounds[0].scenarios[0].counted.counts.flows == 100)
        #expect(rounds[0].problems == [.hostMissing("b")])
        #expect(rounds[1].machines.map(\.machine) == [.host("b")])
        #expect(rounds[1].missing == ["b"])
    }

    @Test("are the ones of a period where all is one site and nothing is missing")
    func likeAPeriod() throws {
        let records = windows("a", 0, 200, step: 7, microjoules: 999_983)
        let planned = try assess(plan(rounds: 2), records)
        let found = rounds(try period(200, round: 100), records)
        #expect(planned.map(\.metered.total) == found.map { $0.energy?.total })
        #expect(
            planned.map { $0.scenarios.map(\.counted) } == found.map(\.scenarios))
    }

    @Test("contradictions of a plan are refused")
    func contradictions() throws {
        var twice = host("a")
        twice.assignments = [
            Assignment(site: "s", to: time(60)), Assignment(site: "s", from: time(50)),
        ]
        #expect(throws: PlanRoundsError.overlappingAssignments(machine: "a")) {
            try assess(plan([twice]), [])
        }
        #expect(throws: PlanRoundsError.unknownSite(machine: "a", site: "s")) {
            try assess(plan(sites: []), [])
        }
        #expect(throws: PlanRoundsError.noSupply(site: "s")) {
            try assess(plan(sites: [site("s", [diesel])]), [])
        }
        #expect(throws: PlanRoundsError.machineTwice("a")) {
            try assess(plan([host("a"), host("a")]), [])
        }
    }

    @Test("are made of whatever times and numbers are sent", arguments: 1...100)
    func hostile(seed: UInt64) throws {
        var random = Seeded(seed)
        let start = time(0).rawValue
        let edges: [UInt64] = [
            0, 1, start - 1, start, start + 1, start + 100 * second, start + 200 * second, .max / 2,
            .max - 1, .max,
        ]
        func any() -> UInt64 { edges.randomElement(using: &random) ?? 0 }
        let records = (0..<40).map { (sequence: UInt64) in
            var one = busy("a", sequence, 0, 1, microjoules: any())
            one.window = Window(
                start: Timestamp(any()), end: Timestamp(any()), duration: Nanoseconds(any()))
            one.carriedTime = Nanoseconds(any())
            one.run = RunID(any())
            one.tally.scenarios[0].flows = any()
            return one
        }
        let readings = (0..<5).map { _ in
            MeterReading(
                meter: Bool.random(using: &random) ? "a" : "m",
                interval: Interval(start: Timestamp(any()), end: Timestamp(any())),
                energy: Microjoules(any()))
        }
        let totals = (0..<5).map { _ in
            LedgerTotal(
                scenario: .credit,
                interval: Interval(start: Timestamp(any()), end: Timestamp(any())), flows: any())
        }
        let device = PlannedDevice(id: "d", role: "r", site: "s", meter: "m")
        let found = try assess(
            plan(rounds: 2, devices: [device]), records, readings: readings, ledger: totals)
        let again = try assess(
            plan(rounds: 2, devices: [device]), records.reversed(), readings: readings.reversed(),
            ledger: totals.reversed())
        #expect((found == again) as Bool)
    }

    @Test("of 1,000 hosts are all there")
    func fleet() throws {
        let hosts = (0..<1000).map { host("h\($0)") }
        let records = hosts.flatMap { windows($0.id, 0, 100, step: 50) }
        let found = try assess(plan(hosts), records)[0]
        #expect(found.problems == [])
        #expect(found.metered.total == Microjoules(2_000_000_000))
        #expect(found.assessed.segments.count == 1000)
    }

    @Test("flag clocks, and rules that are not in the plan")
    func flags() throws {
        var records = windows("a", 0, 100)
        for index in records.indices {
            records[index].origin = RecordOrigin(
                bootID: "b", softwareVersion: "1", rulesDigest: index < 3 ? "bad" : "good",
                attribution: AttributionRule(
                    model: index < 3 ? .standard : .concurrency, idle: .unallocated))
        }
        // What has no energy is divided by no rule.
        records[5].energy = .unknown(.noSource)
        records[5].origin.attribution = AttributionRule(model: .standard, idle: .reserved)
        records[0].clockError = 1_000_001
        records[1].clockError = nil
        let found = try assess(plan(rules: ["good"]), records)[0]
        #expect(found.problems == [.foreignRules(host: "a", digests: ["bad"])])
        #expect(
            found.disclosures == [
                .clockError(host: "a", microseconds: 1_000_001),
                .clocksUnsynchronised([UnsynchronisedClock(host: "a", windows: 1)]),
            ])
        let quality = try #require(found.machine("a")?.quality)
        #expect(quality.bootIDs == ["b"] && quality.rulesDigests == ["bad", "good"])
        let rules = try #require(found.machine("a")?.round.attributions)
        #expect(
            rules == [
                AttributionRule(model: .standard, idle: .unallocated),
                AttributionRule(model: .concurrency, idle: .unallocated),
            ])
        #expect(quality.runs.map(\.first) == [1] && quality.runs.map(\.last) == [100])
        #expect(quality.runs.map(\.received) == [100])
        records[0].clockError = 1_000_000
        records[1].clockError = 5
        #expect(try assess(plan(), records)[0].disclosures == [])
        let hosts = ["a", "b"].map { host($0) }
        var many = hosts.flatMap { windows($0.id, 0, 100) }
        for index in many.indices { many[index].clockError = index % 50 == 0 ? 5 : nil }
        let disclosures = try assess(plan(hosts), many)[0].disclosures
        #expect(
            disclosures.map(\.description) == [
                "the clocks of 2 hosts were not synchronised, in so many windows: a 98, b 98"
            ])
    }

    @Test("disclose doubtful counts, with the share that all of the round may lack")
    func doubtful() throws {
        var records = windows("a", 0, 100)
        for index in 0..<60 {
            records[index].flags.insert(.countsDoubtful)
            records[index].tally.losses.kernelDrops = 1
        }
        for index in records.indices { records[index].tally.exchanges = 99 }
        let found = try assess(plan(), records)[0]
        #expect(found.problems == [])
        #expect(
            found.disclosures == [
                // 60 of 9,960.
                .countsDoubtful(
                    host: "a", windows: 60, of: 100, loss: CountLoss(partsPerMillion: 6_025))
            ])
        #expect(
            found.disclosures.map(\.description) == [
                "the counts of a are doubtful in 60 of 100 windows: up to 0.61 % of the round's "
                    + "exchanges there may be missing or counted twice"
            ])
        // Those of a host that counts nothing of the plan's are nobody's.
        let others = StandardWeights.scenarios.map { PlannedScenario(id: $0, countingHosts: ["b"]) }
        let two = plan([host("a"), host("b")], scenarios: others)
        #expect(try assess(two, records + windows("b", 0, 100))[0].disclosures == [])
    }

    @Test("stay simulated")
    func simulated() throws {
        var records = windows("a", 0, 100)
        records[50].flags = .simulated
        let found = try assess(plan([host("a"), host("b")]), records + windows("b", 0, 100))[0]
        #expect(found.simulated)
        #expect(found.assessed.segments.map(\.isSimulated) == [true, false])
    }
}

@Suite("Energy is conserved over rounds and segments")
struct SegmentConservation {
    @Test("a window over many ends is divided to the microjoule", arguments: 1...100)
    func divided(seed: UInt64) throws {
        var random = Seeded(seed)
        let energy = UInt64.random(in: 0...(1 << 45), using: &random)
        var moved = host("a")
        moved.assignments = [
            Assignment(site: "s", to: time(45)), Assignment(site: "t", from: time(45)),
        ]
        var changed = diesel
        changed.from = Timestamp(time(30).rawValue + UInt64.random(in: 0..<second, using: &random))
        let plan = plan(
            [moved], rounds: 3, length: 40, sites: [site("s", [grid, changed]), site("t")])
        let from = UInt64.random(in: 0...39, using: &random)
        let to = UInt64.random(in: 41...120, using: &random)
        let found = try assess(plan, [busy("a", 1, from, to, microjoules: energy)])
        let segments = found.flatMap(\.machines).flatMap(\.segments)
        let known = segments.compactMap(\.energy).map(\.metered.measured.rawValue)
        #expect(known.reduce(0, +) == energy)
        for segment in segments {
            let inside = segment.interval.clamped(
                to: Interval(start: time(from), end: time(to)))
            let share =
                Double(energy) * Double(inside?.length.rawValue ?? 0)
                / Double((to - from) * second)
            #expect(abs(Double(segment.energy?.metered.measured.rawValue ?? 0) - share) <= 1)
        }
    }

    @Test("failover in the middle of a round gives each site and each electricity its share")
    func failover() throws {
        var moved = host("a")
        moved.assignments = [
            Assignment(site: "s", to: time(50)), Assignment(site: "t", from: time(50)),
        ]
        let found = try assess(
            plan([moved], sites: [site("s", [grid, diesel]), site("t")]), windows("a", 0, 100))[0]
        let segments = found.assessed.segments
        #expect(segments.map(\.site) == ["s", "s", "t"])
        #expect(segments.map(\.supply.factor) == ["g", "d", "g"])
        #expect(
            segments.map { $0.energy?.metered.total.rawValue } == [
                30_000_000, 20_000_000, 50_000_000,
            ])
        #expect(found.problems == [])
    }

    @Test("an allocation multiplies once, half to even, and the states still sum")
    func allocation() throws {
        #expect(UInt64(5).multipliedHalfEven(by: PartsPerMillion(rawValue: 500_000)) == 2)
        #expect(UInt64(7).multipliedHalfEven(by: PartsPerMillion(rawValue: 500_000)) == 4)
        #expect(UInt64.max.multipliedHalfEven(by: PartsPerMillion(rawValue: 2_000_000)) == .max)
        var shared = host("a")
        shared.allocation = .reserved(PartsPerMillion(rawValue: 333_333), reason: "")
        let records = [
            busy("a", 1, 0, 50, microjoules: 1_000_001),
            busy("a", 2, 50, 98, microjoules: 999_999, state: .bridged),
        ]
        let found = try assess(plan([shared]), records)[0]
        let energy = try #require(found.machine("a")?.energy)
        #expect(energy.metered.total.rawValue == 2_000_000 + energy.metered.imputed.rawValue)
        #expect(
            energy.boundary.total.rawValue
                == energy.host.total.rawValue.multipliedHalfEven(
                    by: PartsPerMillion(rawValue: 333_333)))
        #expect(energy.boundary.imputed > .zero && energy.boundary.bridged > .zero)
    }

    @Test("a wall ratio lifts CPUs and memory to the host, as an estimate, and nothing else")
    func wallRatio() throws {
        var lifted = host("a")
        lifted.wallRatio = MeasuredRatio(
            value: PartsPerMillion(rawValue: 1_500_000), source: "", period: "")
        var records = [
            busy("a", 1, 0, 50, microjoules: 3_000_001),
            busy("a", 2, 50, 100, microjoules: 5_000_000),
        ]
        var found = try assess(plan([lifted]), records)[0]
        var energy = try #require(found.machine("a")?.energy)
        #expect(energy.metered.measured == Microjoules(8_000_001))
        #expect(energy.host.measured == .zero)
        #expect(energy.host.estimated == Microjoules(12_000_002))
        #expect(found.machine("a")?.scopes == [.host])
        records[1].scope = .host
        found = try assess(plan([lifted]), records)[0]
        energy = try #require(found.machine("a")?.energy)
        #expect(energy.host.measured == Microjoules(5_000_000))
        #expect(energy.host.estimated == Microjoules(4_500_002))
        #expect(found.disclosures == [])
        #expect(
            try assess(plan(), records)[0].disclosures
                == [.mixedScopes([.host, .processorAndMemory])])
    }

    @Test("energies at the end of their range are clamped, and no trap")
    func overflow() throws {
        var lifted = host("a")
        lifted.wallRatio = MeasuredRatio(
            value: PartsPerMillion(rawValue: .max), source: "", period: "")
        lifted.allocation = .reserved(PartsPerMillion(rawValue: .max), reason: "")
        let found = try assess(
            plan([lifted]),
            [
                busy("a", 1, 0, 50, microjoules: .max - 1),
                busy("a", 2, 50, 99, microjoules: .max - 1),
            ])
        #expect(found[0].machine("a")?.energy?.boundary.total == Microjoules(.max))
    }
}
