import Assessment
import Metering

/// Numbers that look random and are the same in every run (SplitMix64).
struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    mutating func flip() -> Bool { Bool.random(using: &self) }

    mutating func number(_ range: ClosedRange<UInt64>) -> UInt64 {
        UInt64.random(in: range, using: &self)
    }

    /// Text with whatever a file may hold.
    mutating func text() -> String {
        let scalars: [Unicode.Scalar] = [
            "a", "Z", "0", " ", "\"", "\\", "/", "\n", "\t", "\u{1}", "\u{1F}", "\u{7F}", "é",
            "\u{301}", "重", "庆", "\u{2028}", "😀", "\u{FFFD}", "\u{FEFF}",
        ]
        let count = Int.random(in: 0...12, using: &self)
        var text = String.UnicodeScalarView()
        for _ in 0..<count { text.append(scalars.randomElement(using: &self) ?? "x") }
        return String(text)
    }

    /// Before 2190, so that rounds after it end before 2200.
    mutating func time() -> Timestamp {
        Timestamp(number(0...6_940_000_000_000_000_000) / (flip() ? 1 : 1_000_000_000) * 1)
    }
}

/// Plans that keep the rules and use everything there is, in whatever combination.
struct PlanMaker {
    var random: Seeded

    init(seed: UInt64) { random = Seeded(state: seed) }

    mutating func plan() -> Plan {
        let factors = (0..<Int.random(in: 1...4, using: &random)).map { factor("f\($0)") }
        let isFacility = random.flip()
        let sites = (0..<Int.random(in: 1...3, using: &random)).map { index in
            site("s\(index)", factors.map(\.id), pue: isFacility || random.flip())
        }
        let models = random.flip() ? (0..<2).map { model("m\($0)") } : nil
        let hosts = (0..<Int.random(in: 1...5, using: &random)).map { index in
            host("h\(index)", sites.map(\.id), models)
        }
        let devices = (0..<Int.random(in: 0...2, using: &random)).map { index in
            device("d\(index)", sites[0].id, models)
        }
        let least = random.number(0...1_000_000)
        return Plan(
            title: random.text(), organization: random.text(), contact: random.text(),
            boundary: random.text(), exclusions: random.flip() ? [random.text()] : [],
            schedule: schedule(), scenarios: scenarios(hosts.map(\.id)), sites: sites,
            hosts: hosts, devices: devices, factors: factors,
            embodied: models.map(EmbodiedPolicy.included) ?? .omitted(reason: random.text()),
            scope: isFacility ? .facility : .equipment,
            validity: ValidityRules(
                fullCoverage: PartsPerMillion(rawValue: random.number(least...1_000_000)),
                minimumCoverage: PartsPerMillion(rawValue: least),
                maximumClockError: Nanoseconds(random.number(0...1 << 53 - 1))),
            ruleDigests: random.flip() ? [digest()] : [],
            assetListDigest: random.flip() ? digest() : nil)
    }

    private mutating func digest() -> String {
        String((0..<64).map { _ in "0123456789abcdef".randomElement(using: &random) ?? "0" })
    }

    private mutating func schedule() -> RoundSchedule {
        RoundSchedule(
            start: random.time(), length: Nanoseconds(random.number(1...86_400_000_000_000)),
            rounds: Int.random(in: 1...90, using: &random),
            reserve: Int.random(in: 0...9, using: &random),
            grace: Nanoseconds(random.number(0...86_400_000_000_000)),
            justification: random.flip() ? random.text() : nil)
    }

    private mutating func scenarios(_ hosts: [String]) -> [PlannedScenario] {
        StandardWeights.scenarios.map { id in
            random.flip()
                ? PlannedScenario(id: id, volume: .ledger(reason: random.text()))
                : PlannedScenario(
                    id: id, countingHosts: hosts.filter { _ in random.flip() },
                    isReconciled: random.flip())
        }
    }

    private mutating func factor(_ id: String) -> EmissionFactor {
        EmissionFactor(
            id: id, level: random.text(), area: random.text(),
            year: Int.random(in: 1990...2030, using: &random), basis: random.text(),
            kilogramsPerKilowattHour: Double(random.number(0...5_000_000_000)) / 1_000_000_000,
            grade: random.text(), source: random.text())
    }

    private mutating func ratio() -> MeasuredRatio {
        MeasuredRatio(
            value: PartsPerMillion(rawValue: random.number(1_000_000...4_000_000)),
            source: random.text(), period: random.text())
    }

    private mutating func site(_ id: String, _ factors: [String], pue: Bool) -> Site {
        var later = random.number(0...1_000_000_000_000)
        let supplies = (0..<Int.random(in: 1...3, using: &random)).map { index in
            later += random.number(1...1_000_000_000_000)
            return Supply(
                from: index == 0 ? nil : Timestamp(later), source: random.text(),
                factor: factors.randomElement(using: &random) ?? "")
        }
        return Site(
            id: id, name: random.text(), supplies: supplies,
            marketSupplies: random.flip() ? [supplies[0]] : [], pue: pue ? ratio() : nil)
    }

    private mutating func allocation() -> Allocation {
        random.flip()
            ? .dedicated
            : .reserved(
                PartsPerMillion(rawValue: random.number(1...1_000_000)), reason: random.text())
    }

    private mutating func host(
        _ id: String, _ sites: [String], _ models: [HardwareModel]?
    ) -> PlannedHost {
        var assignments = [Assignment(site: sites[0])]
        if random.flip(), let last = sites.last {
            let (a, b, c) = (random.number(1...9), random.number(1...9), random.number(1...9))
            assignments = [
                Assignment(site: sites[0], to: Timestamp(a)),
                Assignment(site: last, from: Timestamp(a + b), to: Timestamp(a + b + c)),
            ]
        }
        return PlannedHost(
            id: id, role: random.text(), assignments: assignments, allocation: allocation(),
            wallRatio: random.flip() ? ratio() : nil,
            model: models?.randomElement(using: &random)?.id,
            installed: random.flip() ? random.time() : nil)
    }

    private mutating func device(
        _ id: String, _ site: String, _ models: [HardwareModel]?
    ) -> PlannedDevice {
        PlannedDevice(
            id: id, role: random.text(), site: site, meter: random.text(),
            allocation: allocation(), model: models?.randomElement(using: &random)?.id,
            installed: random.flip() ? random.time() : nil)
    }

    private mutating func model(_ id: String) -> HardwareModel {
        let low = random.number(0...1_000_000)
        let typical = low + random.number(0...1_000_000)
        return HardwareModel(
            id: id, lowGrams: low, typicalGrams: typical,
            highGrams: typical + random.number(0...1_000_000),
            lifetimeHours: random.number(1...100_000), source: random.text())
    }
}

extension Plan {
    /// The least that a plan can be.
    static var small: Plan {
        Plan(
            title: "T", organization: "O", contact: "C", boundary: "B",
            schedule: RoundSchedule(
                start: Timestamp(1_796_054_400_000_000_000), length: .seconds(86_400), rounds: 7,
                reserve: 2, grace: .seconds(3_600)),
            scenarios: [PlannedScenario(id: .credit, countingHosts: ["h"])],
            sites: [
                Site(id: "s", name: "重庆", supplies: [Supply(source: "grid", factor: "f")])
            ],
            hosts: [PlannedHost(id: "h", role: "r", assignments: [Assignment(site: "s")])],
            factors: [
                EmissionFactor(
                    id: "f", level: "national", area: "全国", year: 2023, basis: "average",
                    kilogramsPerKilowattHour: 0.5306, grade: "A", source: "x")
            ],
            embodied: .omitted(reason: "n"))
    }

    func changed(_ change: (inout Plan) -> Void) -> Plan {
        var plan = self
        change(&plan)
        return plan
    }
}
