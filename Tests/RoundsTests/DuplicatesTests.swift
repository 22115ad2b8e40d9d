import Metering
import Testing

@testable import Rounds

/// A window of ten seconds, number `number` from 0, in which `host` counted `credits` under `counting`.
private func counted(
    _ host: String, _ number: UInt64, _ credits: UInt64, _ counting: FlowCounting?
) -> RoundRecord {
    var one = record(host, number + 1, number * 10, number * 10 + 10, credits: credits)
    one.flows = counting.map {
        [$0] + Array(repeating: .alone(.host), count: 3)
    }
    return one
}

private func fleet(_ told: UInt64, secret: UInt64 = 1) -> FlowCounting {
    .fleet(secret: secret, told: told)
}

private func occurrence(
    _ digest: UInt64, _ host: String, _ number: UInt64, position: UInt64 = 0, flows: UInt64 = 1
) -> FlowOccurrence {
    FlowOccurrence(
        flow: .init(secret: 1, scenario: .credit, digest: digest), host: host, run: RunID(1),
        sequence: number + 1, position: position, start: time(number * 10),
        end: time(number * 10 + 10), flows: flows)
}

private func credit(
    _ period: Period, _ records: [RoundRecord], _ occurrences: [FlowOccurrence]
) -> [FleetRound] {
    var builder = RoundsBuilder(period)
    for record in records { builder.add(record) }
    for occurrence in occurrences { builder.add(occurrence) }
    return builder.finish()
}

@Suite("Flows that several hosts counted")
struct DuplicatesAcrossHosts {
    @Test("count once, in the round of the earliest window, within the period or not")
    func once() throws {
        let period = try Period(from: time(10), to: time(30), roundLength: .seconds(10))
        let records = [
            counted("a", 1, 3, fleet(3)), counted("b", 1, 2, fleet(2)),
            counted("a", 2, 4, fleet(4)), counted("b", 2, 1, fleet(1)),
        ]
        let rounds = credit(
            period, records,
            [
                // Two windows of one time: the host's name decides.
                occurrence(1, "b", 1), occurrence(1, "a", 1),
                // Counted before the period, and after it.
                occurrence(2, "a", 2, flows: 2), occurrence(2, "c", 0),
                occurrence(3, "a", 2), occurrence(3, "c", 3),
            ])
        #expect(rounds.map { $0.scenarios[0].volume } == [.known(4), .known(3)])
        #expect(rounds.map { $0.scenarios[0].counts.flows } == [5, 5])
        #expect(rounds.map { $0.scenarios[0].counts.duplicatesAcrossHosts } == [1, 2])
        #expect(rounds.allSatisfy { $0.problems.isEmpty && $0.disclosures.isEmpty })
        let totals = PeriodTotals(rounds)
        #expect(totals.scenarios[0].volume == .known(7))
        #expect(totals.scenarios[0].counts.duplicatesAcrossHosts == 3)
        #expect(totals.scenarios[0].deduplications == [.fleet])
    }

    @Test("are the same whatever order they come in", arguments: 1...50)
    func anyOrder(seed: UInt64) throws {
        var random = Seeded(seed)
        let period = try period(60, round: 20)
        var flows: [[FlowOccurrence]] = []
        var counts: [String: [UInt64: UInt64]] = [:]
        for digest: UInt64 in 0..<40 {
            var seen: [FlowOccurrence] = []
            for position in 0..<UInt64.random(in: 1...5, using: &random) {
                let host = ["a", "b", "c"].randomElement(using: &random) ?? "a"
                let number = UInt64.random(in: 0..<6, using: &random)
                let flows = UInt64.random(in: 1...3, using: &random)
                counts[host, default: [:]][number, default: 0] += flows
                seen.append(
                    occurrence(
                        digest, host, number, position: digest * 10 + position, flows: flows))
            }
            flows.append(seen)
        }
        let records = counts.flatMap { host, windows in
            (0..<6).map { counted(host, $0, windows[$0] ?? 0, fleet(windows[$0] ?? 0)) }
        }
        // The truth, said otherwise: of each flow the first by the rule stays.
        var kept: [UInt64] = [0, 0, 0]
        for seen in flows {
            let first = try #require(
                seen.sorted { one, other in
                    if one.end != other.end { return one.end < other.end }
                    if one.host != other.host { return one.host < other.host }
                    return one.position < other.position
                }.first)
            kept[Int(first.end.since(time(0)).rawValue - 1) / 20_000_000_000] += first.flows
        }
        let expected = credit(period, records, flows.flatMap { $0 })
        #expect(expected.map { $0.scenarios[0].counts.volume } == kept)
        let again = flows.shuffled(using: &random).flatMap { $0.shuffled(using: &random) }
        #expect(credit(period, records.shuffled(using: &random), again) == expected)
    }

    @Test("are other flows under another secret and in another scenario")
    func others() throws {
        let period = try period(10, round: 10)
        let one = occurrence(1, "a", 0)
        func flow(_ secret: UInt64, _ scenario: ScenarioID) -> FlowOccurrence {
            FlowOccurrence(
                flow: .init(secret: secret, scenario: scenario, digest: 1), host: "b",
                run: RunID(1), sequence: 1, position: 0, start: time(0), end: time(10), flows: 1)
        }
        let records = [counted("a", 0, 1, fleet(1)), counted("b", 0, 1, fleet(1))]
        let rounds = credit(period, records, [one, flow(2, .credit), flow(1, .query)])
        #expect(rounds[0].scenarios[0].volume == .known(2))
    }

    @Test("never take more than their host counted")
    func clamped() throws {
        let records = [counted("a", 0, 5, fleet(5)), counted("b", 0, 1, fleet(1))]
        let rounds = credit(
            try period(10, round: 10), records,
            [occurrence(1, "a", 0), occurrence(1, "b", 0, flows: 1_000)])
        #expect(rounds[0].scenarios[0].volume == .known(5))
    }
}

@Suite("What keeps duplicates across hosts from being told is said")
struct DuplicationFindings {
    private func round(_ records: [RoundRecord]) throws -> FleetRound {
        credit(try period(10, round: 10), records, [])[0]
    }

    @Test("digests that are missing or too many: a problem above a twentieth of the flows")
    func missing() throws {
        func found(_ told: UInt64, of flows: UInt64) throws -> FleetRound {
            try round([counted("a", 0, flows, fleet(told)), counted("b", 0, 90, fleet(90))])
        }
        let one = RoundProblem.digestsMissing(host: "a", scenario: .credit, flows: 10)
        #expect(try found(9, of: 10).problems == [one])
        #expect(try found(0, of: 10).problems == [one])
        #expect(try found(10, of: 0).problems == [one])
        let few = RoundProblem.digestsMissing(host: "a", scenario: .credit, flows: 4)
        #expect(try found(0, of: 4).problems == [])
        #expect(try found(0, of: 4).disclosures == [few])
        #expect(try found(0, of: 4).scenarios[0].volume == .known(94))
        #expect(try found(10, of: 10).disclosures == [])
        #expect(one.description.contains("TA is an upper bound"))
    }

    @Test("several secrets, where both counted")
    func secrets() throws {
        func found(_ flows: UInt64) throws -> FleetRound {
            try round([
                counted("a", 0, 5, fleet(5, secret: 1)),
                counted("b", 0, flows, fleet(flows, secret: 2)),
            ])
        }
        #expect(
            try found(1).problems == [.mixedFlowSecrets(scenario: .credit, hosts: ["a", "b"])])
        #expect(try found(0).problems == [])
    }

    @Test("hosts without digests beside hosts with them")
    func mixed() throws {
        func found(_ counting: FlowCounting?) throws -> FleetRound {
            try round([counted("a", 0, 5, fleet(5)), counted("b", 0, 5, counting)])
        }
        for counting: FlowCounting? in [.alone(.host), .alone(.none), nil] {
            #expect(
                try found(counting).disclosures
                    == [.mixedDeduplication(scenario: .credit, without: ["b"])])
        }
        #expect(try found(.alone(.host)).scenarios[0].deduplications == [.host, .fleet])
        #expect(
            try round([counted("a", 0, 5, .alone(.host)), counted("b", 0, 5, nil)])
                .disclosures == [])
    }
}
