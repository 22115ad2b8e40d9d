import Assessment
import Bundle
import Crypto
import Foundation
import Metering
import Records
import Store

@testable import Collector

/// Six simulated hosts at two sites over four rounds of 60 s, and what they did: a plan of three rounds
/// and one in reserve. Energies follow from names and numbers alone, so that truth needs no store.
///
/// - a1 and b1 count all scenarios; some credits are refused.
/// - a2 is silent for 6 % of round 2, which so is invalid; b2 for 2 % of round 1, which is imputed.
/// - a3 has counters of CPU and memory alone, and a wall ratio.
/// - b3 belongs to the boundary with 60 % of its energy.
/// - Site a fails over to its generator 30.3 s into round 3, a quarter into a window.
struct PlanFleet {
    static let length: UInt64 = 60_000_000_000
    static let window: UInt64 = 1_200_000_000
    static let windows = 50
    static let rounds = 4
    static let start = origin * 1_000_000_000
    static let failover = start + 2 * length + 30_300_000_000
    static let hosts = ["a1", "a2", "a3", "b1", "b2", "b3"]
    static let counting = ["a1", "b1"]
    static let wallRatio = PartsPerMillion(rawValue: 1_420_000)
    static let share = PartsPerMillion(rawValue: 600_000)
    static let rules = String(repeating: "ab", count: 32)
    /// µg/kWh.
    static let grid: UInt64 = 530_600_000
    static let diesel: UInt64 = 778_123_457
    static let hydro: UInt64 = 24_500_001

    static func site(_ host: String) -> String { String(host.prefix(1)) }

    /// Of a window, counted from 0 over all rounds; a multiple of four, so that a quarter is whole.
    static func energy(_ host: String, _ window: Int) -> UInt64 {
        let seed = host.utf8.reduce(7) { $0 &* 31 &+ UInt64($1) } &+ UInt64(window)
        return 120_000_000 + ((seed &* 0x9E37_79B9_7F4A_7C15) >> 40) * 4
    }

    static let idle: UInt64 = 40_000_000

    static func isBridged(_ host: String, _ window: Int) -> Bool { window % 10 == 3 }

    static func isSilent(_ host: String, _ window: Int) -> Bool {
        switch host {
        case "a2": (70..<73).contains(window)
        case "b2": window == 20
        default: false
        }
    }

    /// Completed and refused flows of a scenario in a window.
    static func flows(
        _ host: String, _ scenario: ScenarioID, _ window: Int
    ) -> (completed: UInt64, refused: UInt64) {
        let index = StandardWeights.scenarios.firstIndex(of: scenario) ?? 0
        let completed = UInt64((window + index * 3 + (host == "a1" ? 1 : 2)) % (index + 4))
        return (completed, scenario.refusalIsCompleteFlow && window % 4 == 0 ? 2 : 0)
    }

    static func factor(_ id: String, _ micrograms: UInt64) -> EmissionFactor {
        EmissionFactor(
            id: id, level: id == "grid" ? "national" : "own", area: id == "grid" ? "全国" : "here",
            year: 2023, basis: "average",
            kilogramsPerKilowattHour: Double(micrograms) / 1_000_000_000, grade: "A",
            source: "test")
    }

    static var plan: Plan {
        let end = Timestamp(failover)
        return Plan(
            title: "四类业务", organization: "示例公司", contact: "a@example.com", boundary: "两个机房",
            schedule: RoundSchedule(
                start: Timestamp(start), length: Nanoseconds(length), rounds: 3, reserve: 1,
                grace: .seconds(10), justification: "accelerated"),
            scenarios: StandardWeights.scenarios.map {
                PlannedScenario(id: $0, countingHosts: counting)
            },
            sites: [
                Site(
                    id: "a", name: "A",
                    supplies: [
                        Supply(source: "grid", factor: "grid"),
                        Supply(from: end, source: "diesel", factor: "diesel"),
                    ],
                    pue: MeasuredRatio(
                        value: PartsPerMillion(rawValue: 1_350_000), source: "m", period: "p")),
                Site(
                    id: "b", name: "B", supplies: [Supply(source: "grid", factor: "grid")],
                    marketSupplies: [Supply(source: "contract", factor: "hydro")],
                    pue: MeasuredRatio(
                        value: PartsPerMillion(rawValue: 1_250_000), source: "m", period: "p")),
            ],
            hosts: hosts.map { host in
                PlannedHost(
                    id: host, role: counting.contains(host) ? "app" : "db",
                    assignments: [Assignment(site: site(host))],
                    allocation: host == "b3"
                        ? .reserved(share, reason: "shared") : .dedicated,
                    wallRatio: host == "a3"
                        ? MeasuredRatio(value: wallRatio, source: "clamp", period: "2026-10")
                        : nil, model: "m1")
            },
            factors: [factor("grid", grid), factor("diesel", diesel), factor("hydro", hydro)],
            embodied: .included(
                models: [
                    HardwareModel(
                        id: "m1", lowGrams: 500_000, typicalGrams: 900_000, highGrams: 2_000_001,
                        lifetimeHours: 35_040, source: "LCA")
                ]), ruleDigests: [rules])
    }

    /// Seals the plan an hour before its first round.
    static func seal(
        in store: SQLiteRecordStore, at time: Timestamp = Timestamp(start - 3_600_000_000_000)
    ) throws -> SealedPlan {
        let document = try PlanDocument.encode(plan)
        guard let hash = PlanDocument.hash(of: document) else { throw Client.Closed() }
        return try store.seal(
            NewPlan(
                hash: hash, document: document, yaml: [], start: Timestamp(start), sealedAt: time))
    }

    /// What each host sends, in the order of its sequence.
    struct HostRecords {
        let signer: Signer
        let manifest: [UInt8]
        let records: [[UInt8]]
        /// The windows that the records are of.
        let windows: [Int]
    }

    static func records(of host: String) throws -> HostRecords {
        let run = RunID(0xABCD_0000 + UInt64(hosts.firstIndex(of: host) ?? 0))
        let source: EnergySourceKind = host == "a3" ? .rapl : .wall
        let counts = counting.contains(host)
        let scenarios = StandardWeights.scenarios
        let manifest = try RecordCodec.encode(
            Manifest(
                agent: host, hostName: host, bootID: "boot-\(host)", softwareVersion: "0.9.\(host)",
                simulated: true, windowLength: Nanoseconds(window), source: source,
                scope: source.scope,
                zones: [
                    ZoneDescription(
                        control: source == .rapl ? "intel-rapl" : "hwmon", name: "package-0",
                        parent: "", kind: .package, counted: true, source: source)
                ],
                services: [ServiceDescription(name: "s", ports: [8080], countsFlows: counts)],
                scenarios: scenarios, rulesDigest: rules, model: .standard,
                idle: IdlePower(milliwatts: 1_000, origin: .configured)))
        let heard = (0..<windows * rounds).filter { !isSilent(host, $0) }
        let records = try heard.enumerated().map { index, number in
            try RecordCodec.encode(
                record(
                    host, run, UInt64(index + 1), number,
                    RecordCodec.digest(ofManifest: manifest)))
        }
        return HostRecords(
            signer: Signer(host, run: run), manifest: manifest, records: records, windows: heard)
    }

    private static func record(
        _ host: String, _ run: RunID, _ sequence: UInt64, _ number: Int, _ manifest: ManifestDigest
    ) -> Record {
        let begin = Timestamp(start + UInt64(number) * window)
        let energy = Microjoules(energy(host, number))
        var tally = Tally(
            scenarios: StandardWeights.scenarios.map { scenario in
                guard counting.contains(host) else { return ScenarioTally(observation: .noRule) }
                var one = ScenarioTally(observation: .seen)
                (one.completed, one.refused) = flows(host, scenario, number)
                one.flows = one.completed + one.refused
                one.requests = one.flows
                return one
            }, services: [ServiceTally(scenarios: 4)])
        tally.services[0].flows = tally.scenarios.map(\.flows)
        var partition = EnergyPartition(scenarios: 4)
        partition.idle = Microjoules(idle)
        partition.undivided = Microjoules(energy.rawValue - idle)
        partition.undividedReason = .serviceTimeUnknown
        return Record(
            run: run, sequence: sequence, manifest: manifest,
            window: Window(
                start: begin, end: begin + Nanoseconds(window), duration: Nanoseconds(window)),
            flags: [.simulated],
            zones: [
                isBridged(host, number) ? .bridged(energy, .readFailed) : .measured(energy)
            ],
            energy: .known(energy), partition: partition,
            processor: ProcessorTime(
                hostBusy: .known(.seconds(1)), services: [.unknown(.notFound)]),
            tally: tally, clockError: 250)
    }

    static func fill(_ store: SQLiteRecordStore) throws {
        for host in hosts.reversed() {
            let sent = try records(of: host)
            try sent.signer.keep(sent.records, from: 1, under: sent.manifest, in: store)
        }
    }
}
