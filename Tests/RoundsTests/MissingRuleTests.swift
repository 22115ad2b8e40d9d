import Assessment
import Metering
import Testing

@testable import Rounds

@Suite("Time without a rule that the host has at other times of the round")
struct MissingRules {
    /// A window of 10 s by rules for these scenarios alone, the others told without one or not at all.
    private func window(
        _ number: UInt64, of host: String = "a", rules: [ScenarioID],
        others: Others = .untold, observation: Observation = .seen
    ) -> RoundRecord {
        var record = record(
            host, number + 1, number * 10, number * 10 + 10, observation: observation)
        let told = zip(record.scenarios, record.tally.scenarios).map { id, tally in
            (id, rules.contains(id) ? tally : ScenarioTally(observation: .noRule))
        }.filter { others == .withoutRule || rules.contains($0.0) }
        record.scenarios = told.map(\.0)
        record.tally.scenarios = told.map(\.1)
        return record
    }

    enum Others: CaseIterable { case untold, withoutRule }

    @Test("is time without counts, and TA of that scenario is unknown", arguments: Others.allCases)
    func lost(others: Others) throws {
        let both: [ScenarioID] = [.credit, .query]
        let records = [
            window(0, rules: both, others: others), window(1, rules: [.query], others: others),
            window(2, rules: both, others: others),
        ]
        for order in [records, records.reversed(), [records[1], records[0], records[2]]] {
            let round = rounds(try period(30, round: 30), order)[0]
            let host = try #require(round.hosts.first)
            #expect(host.countsCovered == .seconds(20))
            #expect(host.withoutCounts == [Interval(start: time(10), end: time(20))])
            #expect(round.scenarios[0].volume == .unknown(.withoutRule(hosts: ["a"])))
            #expect(round.scenarios[0].counts.flows == 2)
            #expect(round.scenarios[3].volume == .known(0))
            #expect(round.scenarios[1].volume == .unknown(.noRule))
            #expect(round.problems.contains(.countsCoverage(host: "a", fraction: 2.0 / 3)))
        }
    }

    @Test("is so where the scenario was quiet, and where another host counted it all the time")
    func quiet() throws {
        let all = (0..<3 as Range<UInt64>).map { window($0, of: "b", rules: [.credit]) }
        let some = [
            window(0, rules: [.credit], observation: .quiet), window(1, rules: []),
            window(2, rules: []),
        ]
        let round = rounds(try period(30, round: 30), all + some)[0]
        #expect(round.scenarios[0].volume == .unknown(.withoutRule(hosts: ["a"])))
        #expect(round.hosts.first?.countsCovered == .seconds(10))
        #expect(round.hosts.last?.countsCovered == .seconds(30))
    }

    @Test("is none of a host, or of a round, that never has the rule")
    func never() throws {
        let records = (0..<4 as Range<UInt64>).flatMap { number in
            [
                window(number, rules: number < 2 ? [.query] : [.credit, .query]),
                window(number, of: "b", rules: [.credit]),
            ]
        }
        let found = rounds(try period(40, round: 20), records)
        #expect(found.map { $0.scenarios[0].volume } == [.known(2), .known(4)])
        for host in found.flatMap(\.hosts) { #expect(host.withoutCounts == []) }
        let together = rounds(try period(40, round: 40), records)
        #expect(together[0].scenarios[0].volume == .unknown(.withoutRule(hosts: ["a"])))
    }

    @Test("was not seen by an agent that did not run")
    func stopped() throws {
        var bridged = window(1, rules: [.query])
        bridged.flags = [.agentStopped]
        let records = [window(0, rules: [.credit, .query]), bridged]
        let round = rounds(try period(20, round: 20), records)[0]
        #expect(round.scenarios[0].volume == .known(1))
        #expect(round.hosts.first?.countsCovered == .seconds(10))
    }

    @Test("is the same in any order of arrival", arguments: 1...20)
    func anyOrder(seed: UInt64) throws {
        var random = Seeded(seed)
        let records = (0..<24 as Range<UInt64>).map { number in
            let rules = [ScenarioID.credit, .drawdown, .query].filter { _ in
                UInt8.random(in: 0..<8, using: &random) > 0
            }
            return window(
                number, of: number % 2 == 0 ? "a" : "b", rules: rules,
                others: Others.allCases.randomElement(using: &random) ?? .untold)
        }
        let period = try period(240, round: 60)
        #expect(
            rounds(period, records.shuffled(using: &random)) == rounds(period, records))
    }
}
