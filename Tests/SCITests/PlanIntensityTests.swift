import Assessment
import Metering
import Testing

@testable import SCI

@Suite("The worked numbers")
struct Worked {
    private let national = factor("g", 0.5366)

    @Test("two rounds: the mean of ratios 0.537, the ratio of sums 0.161")
    func twoRounds() throws {
        let found = try figures(
            plan(rounds: 2, factors: [national]),
            [
                round(0, of: 2, kwh: 36, units: 20_000), round(1, of: 2, kwh: 60, units: 300_000),
            ])
        #expect(isNear(found.summary.mean, 0.537, within: 0.0005))
        #expect(isNear(found.summary.ratioOfSums, 0.161, within: 0.0005))
        #expect(found.summary.warnsOfDifference && found.isComplete)
        #expect(found.unit == .carbonDioxide && found.isStandard)
    }

    @Test("one near-empty round among three: 64.5 against 0.139")
    func nearEmpty() throws {
        let found = try figures(
            plan(rounds: 3, factors: [national]),
            [
                round(0, of: 3, kwh: 36, units: 100), round(1, of: 3, kwh: 60, units: 300_000),
                round(2, of: 3, kwh: 60, units: 300_000),
            ])
        #expect(isNear(found.summary.mean, 64.5, within: 0.001))
        #expect(isNear(found.summary.ratioOfSums, 0.1394927512, within: 1e-9))
    }

    @Test(
        "a server of 300 W: O of 3.82 kg a day, and M of 14 % or of 43 %",
        arguments: [(900_000, 616.4, 14), (4_283_000, 2933.6, 43)] as [(UInt64, Double, Int)])
    func server(grams: UInt64, daily: Double, percent: Int) throws {
        let model = HardwareModel(
            id: "m", lowGrams: grams, typicalGrams: grams, highGrams: grams,
            lifetimeHours: 4 * 8760, source: "s")
        // 300 W for a day are 7.2 kWh.
        var one = round(0, kwh: 0, units: 1000)
        one.segments = [segment(energies(300 * day * 1_000_000))]
        let found = try figures(plan(models: [model]), [one])
        let figure = found.rounds[0]
        #expect(isNear(figure.intensity.kilowattHours, 7.2))
        #expect(isNear(figure.intensity.operationalGrams, 3820.32))
        let embodied = try #require(figure.intensity.embodiedGrams)
        #expect(isNear(embodied, daily, within: 1e-4))
        let total = try #require(figure.intensity.totalGrams)
        #expect(Int((100 * embodied / total).rounded()) == percent)
        #expect(found.unit == .mixed)
        #expect(isNear(found.summary.mean, total / 1000))
    }
}

@Suite("O is the sum of products, exactly")
struct Operational {
    @Test("over segments, each by its own factor", arguments: 1...50)
    func sums(seed: UInt64) throws {
        var random = Seeded(seed)
        let two = [factor("g", 0.5306), factor("d", 0.75)]
        let parts = (0..<20).map { _ in
            (
                energy: UInt64.random(in: 0...(1 << 50), using: &random),
                factor: Bool.random(using: &random) ? "g" : "d"
            )
        }
        var one = round(0, kwh: 0, units: 1)
        one.segments = parts.map { segment(factor: $0.factor, energies($0.energy)) }
        let products = parts.reduce(UInt128(0)) {
            $0 + UInt128($1.energy) * ($1.factor == "g" ? 530_600_000 : 750_000_000)
        }
        let found = try figures(plan(factors: two), [one])
        let carbon = found.rounds[0].location
        #expect(
            found.rounds[0].segments.compactMap(\.carbon?.products).reduce(0, +) == products)
        #expect(found.sites.map(\.carbon) == [carbon])
        #expect(carbon?.products == products)
        #expect(carbon?.grams == Double(products) / 3.6e18)
        // However the same energy is cut, O is the same.
        var cut = one
        cut.segments = parts.flatMap { part in
            let left = UInt64.random(in: 0...part.energy, using: &random)
            return [left, part.energy - left].map {
                segment(factor: part.factor, energies($0))
            }
        }
        #expect(try figures(plan(factors: two), [cut]).rounds[0].location == carbon)
    }

    @Test("energies at the end of their range are clamped, and no trap")
    func overflow() throws {
        var one = round(0, kwh: 0, units: 1)
        one.segments = (0..<3000).map { _ in segment(energies(.max)) }
        let site = Site(
            id: "s", name: "s", supplies: [Supply(source: "grid", factor: "g")], pue: pue(.max))
        let found = try figures(plan(sites: [site]), [one])
        #expect(found.rounds[0].location?.facilityProducts == .max)
        #expect(found.rounds[0].energy?.measured == Microjoules(.max))
        var many = one
        many.volumes = volumes([.max, .max, .max, .max])
        #expect(try figures(plan(), [many]).rounds[0].intensity.units == .unknown(.overflow))
    }

    @Test("of the facility where the plan says so, with the PUE of each site")
    func facility() throws {
        let sites = [("s", pue(1_500_000)), ("t", pue(1_200_000))].map {
            Site(
                id: $0.0, name: $0.0, supplies: [Supply(source: "grid", factor: "g")], pue: $0.1)
        }
        var one = round(0, kwh: 0, units: 1000)
        one.segments = [
            segment(energies(10 * kilowattHour)),
            segment(.device("d"), site: "t", energies(5 * kilowattHour)),
        ]
        let found = try figures(plan(sites: sites, scope: .facility), [one])
        #expect(isNear(found.summary.mean, 530.6 * (15 + 6) / 1000))
        #expect(isNear(found.line(.scope(.equipment))?.mean.value, 530.6 * 15 / 1000))
        #expect(found.line(.scope(.facility))?.isPlanned == true)
        var without = sites
        without[1].pue = nil
        let unknown = try figures(plan(sites: without, scope: .facility), [one])
        #expect(unknown.rounds[0].intensity.gramsPerUnit == .unknown(.noPUE(site: "t")))
        #expect(unknown.summary.mean == nil)
        #expect(
            try figures(plan(sites: without), [one]).line(.scope(.facility))?.mean
                == .unknown(.noPUE(site: "t")))
    }

    @Test("under contracts, in a line of its own")
    func market() throws {
        let site = Site(
            id: "s", name: "s", supplies: [Supply(source: "grid", factor: "g")],
            marketSupplies: [Supply(from: time(100), source: "PPA", factor: "z")])
        var one = round(0, kwh: 0, units: 100)
        one.segments = [
            segment(.host("a"), 0, 100, energies(2 * kilowattHour)),
            segment(.host("a"), 100, day, market: "z", energies(8 * kilowattHour)),
        ]
        let found = try figures(plan(factors: [factor(), factor("z", 0)], sites: [site]), [one])
        #expect(isNear(found.summary.mean, 53.06))
        #expect(isNear(found.line(.marketBased)?.mean.value, 10.612))
        #expect(isNear(found.rounds[0].market?.grams, 1061.2))
        #expect(try figures(plan(), [round(0, kwh: 1, units: 1)]).line(.marketBased) == nil)
    }

    @Test("a factor that the plan does not hold leaves O unknown")
    func noFactor() throws {
        let found = try figures(plan(), [round(0, kwh: 1, units: 1, factor: "x")])
        #expect(found.rounds[0].intensity.gramsPerUnit == .unknown(.noFactor("x")))
    }

    @Test("the unit follows the factors")
    func unit() throws {
        let life = factor("l", basis: "lifecycle")
        #expect(
            try figures(plan(factors: [life]), [round(0, kwh: 1, units: 1, factor: "l")]).unit
                == .equivalent)
        var both = round(0, kwh: 1, units: 1)
        both.segments.append(segment(factor: "l", energies(1)))
        #expect(try figures(plan(factors: [factor(), life]), [both]).unit == .mixed)
    }
}

/// SplitMix64: the same numbers for the same seed on every machine.
struct Seeded: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
