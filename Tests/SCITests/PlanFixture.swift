import Assessment
import Metering

@testable import SCI

let second: UInt64 = 1_000_000_000
let day: UInt64 = 86_400
/// 2026-11-21T00:00:00Z.
let origin: UInt64 = 1_795_219_200 * second

func time(_ seconds: UInt64) -> Timestamp { Timestamp(origin + seconds * second) }

func factor(
    _ id: String = "g", _ kilograms: Double = 0.5306, level: String = "own", area: String = "here",
    year: Int = 2023, basis: String = "average"
) -> EmissionFactor {
    EmissionFactor(
        id: id, level: level, area: area, year: year, basis: basis,
        kilogramsPerKilowattHour: kilograms, grade: "A", source: "s")
}

func pue(_ millionths: UInt64) -> MeasuredRatio {
    MeasuredRatio(value: PartsPerMillion(rawValue: millionths), source: "s", period: "p")
}

/// A plan of one host at one site with rounds of a day.
func plan(
    rounds: Int = 1, reserve: Int = 0, length: UInt64 = day,
    factors: [EmissionFactor] = [factor()], sites: [Site]? = nil,
    hosts: [PlannedHost] = [PlannedHost(id: "a", role: "app", assignments: [], model: "m")],
    devices: [PlannedDevice] = [], models: [HardwareModel]? = nil,
    scope: ElectricityScope = .equipment,
    scenarios: [ScenarioID] = StandardWeights.scenarios
) -> Plan {
    Plan(
        title: "t", organization: "o", contact: "c", boundary: "b",
        schedule: RoundSchedule(
            start: time(0), length: .seconds(length), rounds: rounds, reserve: reserve,
            grace: .zero), scenarios: scenarios.map { PlannedScenario(id: $0) },
        sites: sites
            ?? [
                Site(
                    id: "s", name: "s",
                    supplies: [Supply(source: "grid", factor: factors.first?.id ?? "g")])
            ], hosts: hosts, devices: devices, factors: factors,
        embodied: models.map { .included(models: $0) } ?? .omitted(reason: "r"), scope: scope)
}

/// Energies of which nothing was lifted or allocated.
func energies(_ measured: UInt64, imputed: UInt64 = 0, bridged: UInt64 = 0, estimated: UInt64 = 0)
    -> SegmentEnergies
{
    var states = EnergyStates()
    states.measured = Microjoules(measured)
    states.imputed = Microjoules(imputed)
    states.bridged = Microjoules(bridged)
    states.estimated = Microjoules(estimated)
    return SegmentEnergies(metered: states, host: states, boundary: states)
}

func segment(
    _ machine: Machine = .host("a"), _ from: UInt64 = 0, _ to: UInt64 = day, site: String = "s",
    factor: String = "g", market: String? = nil, _ energy: SegmentEnergies?,
    isSimulated: Bool = false
) -> BoundarySegment {
    BoundarySegment(
        machine: machine, interval: Interval(start: time(from), end: time(to)), site: site,
        supply: Supply(source: "grid", factor: factor),
        market: market.map { Supply(source: "contract", factor: $0) }, energy: energy,
        isSimulated: isSimulated)
}

func segment(_ energy: SegmentEnergies, isSimulated: Bool = false) -> BoundarySegment {
    segment(.host("a"), 0, day, energy, isSimulated: isSimulated)
}

func segment(_ machine: Machine, _ energy: SegmentEnergies) -> BoundarySegment {
    segment(machine, 0, day, energy)
}

let kilowattHour: UInt64 = 3_600_000_000_000

func volumes(_ counts: [UInt64?], refusals: UInt64 = 0) -> [RoundVolume] {
    zip(StandardWeights.scenarios, counts).map { id, count in
        RoundVolume(
            scenario: id, flows: count,
            flowsWithoutRefusals: id == .credit ? count.map { $0 - min($0, refusals) } : count)
    }
}

/// Round `number` of a day that used `kwh` and answered `units` queries.
func round(
    _ number: Int, of planned: Int = 1, kwh: UInt64, units: UInt64, factor: String = "g",
    isSound: Bool = true
) -> AssessedRound {
    let start = UInt64(number) * day
    return AssessedRound(
        number: number, isReserve: number >= planned,
        interval: Interval(start: time(start), end: time(start + day)),
        segments: [
            segment(.host("a"), start, start + day, factor: factor, energies(kwh * kilowattHour))
        ], volumes: volumes([0, 0, 0, units]), isSound: isSound)
}

func figures(_ plan: Plan, _ rounds: [AssessedRound]) throws -> PlanIntensity {
    PlanIntensity(plan, rounds, factors: try FactorTable.builtIn())
}

extension PlanIntensity {
    func line(_ variant: SensitivityLine.Variant) -> SensitivityLine? {
        sensitivity.first { $0.variant == variant }
    }
}
