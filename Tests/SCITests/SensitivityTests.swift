import Assessment
import Metering
import Testing

@testable import SCI

@Suite("Other decisions of the plan")
struct Sensitivity {
    private func grid(_ id: String) throws -> EmissionFactor {
        try #require(try FactorTable.builtIn()[id])
    }

    @Test("the factor's level: province, region and nation, other electricity as it is")
    func levels() throws {
        let province = try grid("重庆-2022-average")
        let solar = factor("solar", 0.04)
        var one = round(0, kwh: 10, units: 1000, factor: province.id)
        one.segments.append(segment(.device("d"), factor: "solar", energies(kilowattHour)))
        let found = try figures(plan(factors: [province, solar]), [one])
        let means = GridLevel.allCases.map { found.line(.gridLevel($0))?.mean.value }
        for (mean, kilograms) in zip(means, [0.5227, 0.2268, 0.5366]) {
            #expect(isNear(mean, (10 * kilograms + 0.04)))
        }
        #expect(found.line(.gridLevel(.province))?.isPlanned == true)
        #expect(found.line(.gridLevel(.region))?.factors == [province.id: "西南-2022-average"])
        #expect(isNear(found.summary.mean, means[0] ?? 0))
    }

    @Test("a narrower area than the plan's is nowhere told")
    func narrower() throws {
        let nation = try grid("全国-2023-average")
        let found = try figures(
            plan(factors: [nation]), [round(0, kwh: 1, units: 1, factor: nation.id)])
        #expect(found.line(.gridLevel(.province))?.mean.value == nil)
        #expect(found.line(.gridLevel(.national))?.isPlanned == true)
    }

    @Test("a wider area has a factor for each province, of the same year or before")
    func counterparts() throws {
        let table = try FactorTable.builtIn()
        for factor in table.factors where factor.level == "province" {
            let region = try #require(table.counterpart(of: factor, at: .region))
            #expect(region.level == "region" && region.year <= factor.year)
            let nation = try #require(table.counterpart(of: factor, at: .national))
            #expect(nation.area == "全国" && nation.basis == factor.basis)
        }
    }

    @Test("no row of a user's own takes the place of a published one, wherever it stands")
    func shadow() throws {
        let table = try FactorTable.builtIn()
        let factor = try #require(table["重庆-2022-average"])
        let own = "mine,region,西南,2022,average,0.0268,A,mine\n"
        let text = String(decoding: table.csv, as: UTF8.self)
        let header = FactorTable.header + "\n"
        for lines in [text + own, header + own + text.dropFirst(header.count)] {
            let both = try FactorTable(csv: Array(lines.utf8), file: "f.csv")
            #expect(both.counterpart(of: factor, at: .region)?.id == "西南-2022-average")
        }
        let newer = try FactorTable(
            csv: Array((header + own + own.replacing("mine,r", with: "other,r")).utf8),
            file: "f.csv")
        #expect(newer.counterpart(of: factor, at: .region)?.id == "mine")
    }

    @Test("a plan's factor is in the table and stands before rows that are not the plan's")
    func planned() throws {
        let table = try FactorTable.builtIn()
        let header = FactorTable.header + "\n"
        let line = "a,national,全国,2022,lifecycle,0.1,U,x\n"
        let foreign = try FactorTable(
            csv: Array(
                (header + line + line.replacing("a,n", with: "全国-2022-lifecycle,n")).utf8),
            file: "f.csv")
        let own = try FactorTable(
            csv: Array((header + line.replacing("a,n", with: "own,n")).utf8), file: "f.csv"
        ).factors
        let city = EmissionFactor(
            id: "c", level: "province", area: "重庆", year: 2022, basis: "lifecycle",
            kilogramsPerKilowattHour: 0.6, grade: "U", source: "x")
        let both = try table.followed(by: foreign, file: "f.csv").holding(own + [city])
        #expect(both.counterpart(of: city, at: .national)?.id == "own")
        #expect(both.csv.starts(with: table.csv))
        #expect(both["a"] == foreign["a"])
        let read = try FactorTable(csv: both.csv, file: "f.csv")
        #expect(read.factors == both.factors)
        #expect(both.holding(own + [city]).csv == both.csv)
        #expect(table.holding([]).csv == table.csv)
        // The plan's own value stands, whatever a file has by now.
        let text = header + line.replacing("a,n", with: "own,n").replacing("0.1", with: "1")
        let altered = try FactorTable(csv: Array(text.utf8), file: "f.csv")
        #expect(altered.holding(own)["own"] == own.first)
    }

    @Test("a user's own rows stand behind the published ones, whose bytes stay as they are")
    func followed() throws {
        let table = try FactorTable.builtIn()
        let own = try FactorTable(
            csv: Array(
                (FactorTable.header + "\n\"a,\"\"b\",own,roof,2026,average,.041,A,\"two\nlines\"\n"
                    + "huge,own,roof,2026,average,4.000000001,A,x").utf8), file: "own.csv")
        let both = try table.followed(by: own, file: "own.csv")
        #expect(both.csv.starts(with: table.csv))
        #expect(both.factors == table.factors + own.factors)
        #expect(try both.followed(by: own, file: "own.csv").csv == both.csv)
        #expect(try table.followed(by: table, file: "own.csv").csv == table.csv)
    }

    @Test("without a valid round each line says so")
    func noRound() throws {
        let found = try figures(plan(), [round(0, kwh: 1, units: 1, isSound: false)])
        #expect(!found.sensitivity.isEmpty)
        for line in found.sensitivity where line.variant != .marketBased {
            #expect(line.mean == .unknown(.noRound))
        }
    }

    @Test("M low, typical, high and left out")
    func embodied() throws {
        let model = HardwareModel(
            id: "m", lowGrams: 100, typicalGrams: 200, highGrams: 400, lifetimeHours: 24,
            source: "s")
        let found = try figures(plan(models: [model]), [round(0, kwh: 1, units: 100)])
        let lines: [(SensitivityLine.Variant, Double)] = [
            (.embodiedLow, 6.306), (.embodiedTypical, 7.306), (.embodiedHigh, 9.306),
            (.embodiedOmitted, 5.306),
        ]
        for (variant, mean) in lines {
            #expect(isNear(found.line(variant)?.mean.value, mean))
        }
        #expect(found.line(.embodiedTypical)?.isPlanned == true)
        #expect(isNear(found.summary.mean, 7.306))
        let none = try figures(plan(), [round(0, kwh: 1, units: 100)])
        #expect(none.line(.embodiedOmitted)?.isPlanned == true)
        #expect(none.line(.embodiedLow) == nil)
        #expect(none.rounds[0].intensity.embodiedGrams == nil)
    }

    @Test("refusals as no flows")
    func refusals() throws {
        var one = round(0, kwh: 1, units: 0)
        one.volumes = volumes([10, 0, 0, 60], refusals: 5)
        let found = try figures(plan(), [one])
        #expect(isNear(found.summary.mean, 530.6 / 300))
        #expect(found.rounds[0].unitsWithoutRefusals == .known(180))
        #expect(isNear(found.line(.withoutRefusals)?.mean.value, 530.6 / 180))
    }
}

@Suite("M is the hardware's share of its life")
struct Embodied {
    private let model = HardwareModel(
        id: "m", lowGrams: 240, typicalGrams: 480, highGrams: 960, lifetimeHours: 48, source: "s")

    private func embodied(_ change: (inout PlannedHost) -> Void) throws -> MachineEmbodied {
        var host = PlannedHost(id: "a", role: "app", assignments: [], model: "m")
        change(&host)
        let found = try figures(
            plan(hosts: [host], models: [model]), [round(0, kwh: 1, units: 1)])
        return try #require(found.rounds[0].embodied?.machines.first)
    }

    @Test("the whole round, its share and no more")
    func share() throws {
        #expect(isNear(try embodied { _ in }.grams.typical, 240))
        let shared = try embodied {
            $0.allocation = .reserved(PartsPerMillion(rawValue: 250_000), reason: "")
        }
        #expect(isNear(shared.grams.typical, 60) && isNear(shared.grams.high, 120))
    }

    @Test("nothing past its life, and that is shown")
    func life() throws {
        let half = try embodied { $0.installed = Timestamp(origin - 36 * 3600 * second) }
        #expect(half.isPastLife && half.inLife == .seconds(12 * 3600))
        #expect(isNear(half.grams.typical, 120))
        let over = try embodied { $0.installed = Timestamp(origin - 48 * 3600 * second) }
        #expect(over.isPastLife && over.grams == EmbodiedGrams())
    }

    @Test("is for all machines or unknown")
    func all() throws {
        let hosts = [
            PlannedHost(id: "a", role: "app", assignments: [], model: "m"),
            PlannedHost(id: "b", role: "app", assignments: []),
        ]
        var one = round(0, kwh: 1, units: 1)
        one.segments.append(segment(.host("b"), energies(1)))
        let found = try figures(plan(hosts: hosts, models: [model]), [one])
        #expect(
            found.rounds[0].intensity.gramsPerUnit
                == .unknown(.embodied(.noModel(machine: "b"))))
        #expect(found.line(.embodiedOmitted)?.mean.value == nil)
        var zero = model
        zero.lifetimeHours = 0
        #expect(
            try figures(plan(models: [zero]), [round(0, kwh: 1, units: 1)])
                .rounds[0].intensity.gramsPerUnit == .unknown(.embodied(.noLifetime(model: "m"))))
    }

    @Test("and sums over machines and segments", arguments: 1...20)
    func sums(seed: UInt64) throws {
        var random = Seeded(seed)
        let hosts = (0..<10).map {
            PlannedHost(id: "h\($0)", role: "app", assignments: [], model: "m")
        }
        var one = round(0, kwh: 0, units: 1)
        one.segments = hosts.flatMap { host in
            let cut = UInt64.random(in: 1..<day, using: &random)
            return [
                segment(.host(host.id), 0, cut, energies(1)),
                segment(.host(host.id), cut, day, energies(1)),
            ]
        }
        let found = try figures(plan(hosts: hosts, models: [model]), [one])
        #expect(isNear(found.rounds[0].embodied?.grams.typical, 2400))
    }
}
