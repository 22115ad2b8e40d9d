import Assessment
import Metering

@testable import Rounds

let grid = Supply(source: "grid", factor: "g")
let diesel = Supply(from: time(30), source: "diesel", factor: "d")

func site(_ id: String, _ supplies: [Supply] = [grid]) -> Site {
    Site(id: id, name: id, supplies: supplies)
}

func host(_ id: String, at site: String = "s") -> PlannedHost {
    PlannedHost(id: id, role: "app", assignments: [Assignment(site: site)])
}

/// A plan of `rounds` rounds of `length` seconds from `time(0)` on, for the standard's scenarios.
func plan(
    _ hosts: [PlannedHost] = [host("a")], rounds: Int = 1, reserve: Int = 0, length: UInt64 = 100,
    sites: [Site] = [site("s")], devices: [PlannedDevice] = [],
    scenarios: [PlannedScenario] = StandardWeights.scenarios.map { PlannedScenario(id: $0) },
    rules: [String] = []
) -> Plan {
    Plan(
        title: "t", organization: "o", contact: "c", boundary: "b",
        schedule: RoundSchedule(
            start: time(0), length: .seconds(length), rounds: rounds, reserve: reserve,
            grace: .zero), scenarios: scenarios, sites: sites, hosts: hosts, devices: devices,
        factors: [], embodied: .omitted(reason: "r"), ruleDigests: rules)
}

/// The ledger's total of 授信 over `[from, to)` seconds.
func ledger(_ flows: UInt64, _ from: UInt64, _ to: UInt64) -> LedgerTotal {
    LedgerTotal(
        scenario: .credit, interval: Interval(start: time(from), end: time(to)), flows: flows)
}

func reading(_ meter: String, _ from: UInt64, _ to: UInt64, _ microjoules: UInt64) -> MeterReading {
    MeterReading(
        meter: meter, interval: Interval(start: time(from), end: time(to)),
        energy: Microjoules(microjoules))
}

/// Both readings of the records.
func assess(
    _ plan: Plan, _ records: [RoundRecord], _ occurrences: [FlowOccurrence] = [],
    readings: [MeterReading] = [], ledger: [LedgerTotal] = []
) throws -> [PlannedRound] {
    var builder = try PlanRoundsBuilder(plan, readings: readings, ledger: ledger)
    for record in records { builder.add(record) }
    for occurrence in occurrences { builder.add(occurrence) }
    var imputation = builder.imputation()
    for record in records { imputation.add(record) }
    return try builder.finish(imputation)
}

/// A record that counts something of each scenario, so that TA is known.
func busy(
    _ host: String = "a", _ sequence: UInt64, _ from: UInt64, _ to: UInt64,
    microjoules: UInt64? = 1_000_000, state: EnergyState = .measured
) -> RoundRecord {
    var record = record(host, sequence, from, to, microjoules: microjoules, state: state)
    for index in record.tally.scenarios.indices {
        record.tally.scenarios[index].flows = 2
        record.tally.scenarios[index].completed = 2
        record.tally.scenarios[index].refused = 0
    }
    return record
}

/// Windows of `step` seconds end to end over `[from, to)`.
func windows(
    _ host: String = "a", _ from: UInt64, _ to: UInt64, step: UInt64 = 1,
    microjoules: UInt64 = 1_000_000
) -> [RoundRecord] {
    stride(from: from, to: to, by: Int(step)).map {
        busy(host, $0 + 1, $0, min(to, $0 + step), microjoules: microjoules)
    }
}

extension PlannedRound {
    /// The sum over its segments of what the meters told.
    var metered: EnergyStates {
        machines.flatMap(\.segments).reduce(into: EnergyStates()) { sum, segment in
            if let energy = segment.energy { sum.add(energy.metered) }
        }
    }

    func machine(_ id: String) -> MachineRound? { machines.first { $0.machine.id == id } }
}
