import Assessment
import Metering
import Testing

@testable import SCI

private func factor(_ id: String) throws -> EmissionFactor {
    try #require(try FactorTable.builtIn()[id])
}

/// A round of `kwh` whose business weighs exactly `units`, all of it queries.
private func round(
    kwh: UInt64?, units: UInt64, factor: EmissionFactor, isSound: Bool = true
) -> RoundIntensity {
    RoundIntensity(
        energy: kwh.map { Microjoules($0 * 3_600_000_000_000) },
        volumes: volumes(0, 0, 0, units), factor: factor, isSound: isSound)
}

private func volumes(_ counts: UInt64?...) -> [BusinessVolume] {
    zip(StandardWeights.scenarios, counts).map { BusinessVolume($0, $1) }
}

func isNear(_ a: Double?, _ b: Double, within: Double = 1e-12) -> Bool {
    a.map { abs($0 - b) <= within * max(1, abs(b)) } ?? false
}

@Suite("R weighs business as Table 2 says")
struct Units {
    @Test("24, 7, 3 and 1")
    func weights() {
        #expect(businessUnits(volumes(1, 0, 0, 0)) == .known(24))
        #expect(businessUnits(volumes(0, 1, 0, 0)) == .known(7))
        #expect(businessUnits(volumes(0, 0, 1, 0)) == .known(3))
        #expect(businessUnits(volumes(0, 0, 0, 1)) == .known(1))
        #expect(businessUnits(volumes(2, 3, 5, 7)) == .known(48 + 21 + 15 + 7))
    }

    @Test("a scenario that was not observed leaves R unknown, named")
    func unobserved() {
        #expect(
            businessUnits(volumes(1, nil, 1, nil)) == .unknown(.unobserved([.drawdown, .query])))
        #expect(businessUnits([]) == .unknown(.unobserved(StandardWeights.scenarios)))
    }

    @Test("any other scenario means that R_CF is not what was counted")
    func others() {
        let transfer = ScenarioID("transfer")
        let set = volumes(1, 1, 1, 1) + [BusinessVolume(transfer, 1)]
        #expect(businessUnits(set) == .unknown(.notStandard([transfer])))
    }

    @Test("a sum beyond 64 bits is unknown, not wrapped")
    func overflow() {
        #expect(businessUnits(volumes(.max, 0, 0, 0)) == .unknown(.overflow))
        #expect(businessUnits(volumes(.max / 24, 1_000, 0, 0)) == .unknown(.overflow))
        #expect(businessUnits(volumes(0, 0, 0, .max)) == .known(.max))
    }
}

@Suite("The intensity of a round shows its terms")
struct Rounds {
    @Test("kWh × g/kWh over units")
    func terms() throws {
        let round = round(kwh: 36, units: 20_000, factor: try factor("全国-2022-average"))
        #expect(isNear(round.kilowattHours, 36))
        #expect(isNear(round.operationalGrams, 36 * 536.6))
        #expect(round.embodiedGrams == nil)
        #expect(isNear(round.gramsPerUnit.value, 36 * 536.6 / 20_000))
    }

    @Test("without business there is none, and the round is invalid")
    func noBusiness() throws {
        let round = round(kwh: 36, units: 0, factor: try factor("全国-2022-average"))
        #expect(round.gramsPerUnit == .unknown(.noBusiness))
        #expect(!round.isValid)
        #expect(isNear(round.operationalGrams, 36 * 536.6))
    }

    @Test("without energy or with an unobserved scenario there is none")
    func unknown() throws {
        let factor = try factor("全国-2022-average")
        #expect(
            round(kwh: nil, units: 5, factor: factor).gramsPerUnit == .unknown(.noEnergy))
        let unseen = RoundIntensity(
            energy: Microjoules(1), volumes: volumes(1, 1, nil, 1), factor: factor, isSound: true)
        #expect(unseen.gramsPerUnit == .unknown(.units(.unobserved([.repayment]))))
    }
}

@Suite("Both means are computed")
struct Means {
    @Test("two rounds: the mean of ratios 0.537, the ratio of sums 0.161")
    func worked() throws {
        let factor = try factor("全国-2022-average")
        let summary = IntensitySummary([
            round(kwh: 36, units: 20_000, factor: factor),
            round(kwh: 60, units: 300_000, factor: factor),
        ])
        #expect(isNear(summary.mean, 0.537, within: 0.0005))
        #expect(isNear(summary.ratioOfSums, 0.161, within: 0.0005))
        #expect(summary.warnsOfDifference)
        #expect(summary.partialMean == nil)
        #expect(isNear(summary.populationDeviation, (0.96588 - 0.10732) / 2))
        #expect(isNear(summary.sampleDeviation, (0.96588 - 0.10732) / 2.0.squareRoot()))
    }

    @Test("one near-empty round among three: 64.5 against 0.139")
    func nearEmpty() throws {
        let factor = try factor("全国-2022-average")
        let summary = IntensitySummary([
            round(kwh: 36, units: 100, factor: factor),
            round(kwh: 60, units: 300_000, factor: factor),
            round(kwh: 60, units: 300_000, factor: factor),
        ])
        #expect(isNear(summary.mean, 64.46354666666666, within: 1e-9))
        #expect(isNear(summary.ratioOfSums, 0.1394927512, within: 1e-9))
    }

    @Test("equal rounds have equal means and no deviation")
    func equal() throws {
        let one = round(kwh: 36, units: 20_000, factor: try factor("重庆-2022-average"))
        let summary = IntensitySummary([one, one, one])
        #expect(isNear(summary.mean, summary.ratioOfSums ?? 0))
        #expect(isNear(summary.sampleDeviation, 0))
        #expect(!summary.warnsOfDifference)
    }

    @Test("an invalid round leaves only a partial mean; its R = 0 stays in the ratio of sums")
    func partial() throws {
        let factor = try factor("全国-2022-average")
        let summary = IntensitySummary([
            round(kwh: 36, units: 20_000, factor: factor),
            round(kwh: 36, units: 0, factor: factor),
            round(kwh: 36, units: 20_000, factor: factor, isSound: false),
        ])
        #expect(summary.mean == nil)
        #expect(isNear(summary.partialMean, 0.96588))
        #expect(summary.validRounds == 1)
        #expect(isNear(summary.ratioOfSums, 108 * 536.6 / 40_000))
        #expect(summary.sampleDeviation == nil)
    }

    @Test("nothing known is nothing, not zero")
    func nothing() throws {
        let unknown = round(kwh: nil, units: 1, factor: try factor("全国-2022-average"))
        for summary in [IntensitySummary([]), IntensitySummary([unknown])] {
            #expect(summary.mean == nil)
            #expect(summary.partialMean == nil)
            #expect(summary.ratioOfSums == nil)
            #expect(!summary.warnsOfDifference)
        }
    }
}

@Suite("Factors are read strictly")
struct FactorFiles {
    private func read(_ lines: String...) throws -> FactorTable {
        let text = ([FactorTable.header] + lines).joined(separator: "\n")
        return try FactorTable(csv: Array(text.utf8), file: "f.csv")
    }

    @Test("the built-in table: 89 factors, each id its area, year and basis, all CO₂ only")
    func builtIn() throws {
        let table = try FactorTable.builtIn()
        #expect(table.factors.count == 89)
        for factor in table.factors {
            #expect(factor.id == "\(factor.area)-\(factor.year)-\(factor.basis)")
            #expect(factor.gas == .carbonDioxide)
        }
        #expect(try factor("全国-2023-average").gramsPerKilowattHour == 530.6)
        #expect(table["nowhere"] == nil)
    }

    @Test("quoted fields hold commas, quotes and lines")
    func quoted() throws {
        let table = try read(
            #""a ""b"", c",site,here,2024,lifecycle,0.5,A,"two"#, #"lines""#, "",
            "d,site,here,2024,average,0.25,A,\r\n")
        #expect(table.factors.map(\.id) == [#"a "b", c"#, "d"])
        #expect(table.factors[0].source == "two\nlines")
        #expect(table.factors[0].gas == .equivalent)
    }

    @Test(
        "each error names its line",
        arguments: [
            ("a,site,here,2024,average,0.5,A", 2, .columns(expected: 8, got: 7)),
            (",site,here,2024,average,0.5,A,s", 2, .emptyID),
            ("a,site,here,24,average,0.5,A,s", 2, .year("24")),
            ("a,site,here,2024,average,0.5e0,A,s", 2, .factor("0.5e0")),
            ("a,site,here,2024,average,-1,A,s", 2, .factor("-1")),
            ("a,site,here,2024,average,nan,A,s", 2, .factor("nan")),
            ("a,site,here,2024,average,.,A,s", 2, .factor(".")),
            ("a,site,here,2024,average,530.6,A,s", 2, .factor("530.6")),
            ("a,site,here,2024,average,0.5,A,\"s", 2, .csv(.openQuote)),
            ("a,site,here,2024,average,0.5,A,\"s\" x", 2, .csv(.noSeparator)),
            ("a,site,here,2024,average,0.5,A,s \"x\"", 2, .csv(.quoteInsideField)),
            (
                "a,site,here,2024,average,0.5,A,\"s\n\"\na,site,here,2024,average,0.5,A,s", 4,
                .duplicateID("a")
            ),
        ] as [(String, Int, FactorFileError.Problem)])
    func errors(text: String, line: Int, problem: FactorFileError.Problem) {
        #expect(throws: FactorFileError(file: "f.csv", line: line, problem: problem)) {
            try read(text)
        }
    }

    @Test("another header, no header and what is not text are refused")
    func headers() {
        for (bytes, problem) in [
            (Array("id,level\n".utf8), .header(expected: FactorTable.header)), ([], .noHeader),
            ([0xFF, 0xFE], .notUTF8),
        ] as [([UInt8], FactorFileError.Problem)] {
            #expect(throws: FactorFileError(file: "f", line: 1, problem: problem)) {
                try FactorTable(csv: bytes, file: "f")
            }
        }
    }

    @Test("any bytes are a table or an error", arguments: 1...300)
    func fuzz(seed: UInt64) {
        var state = seed
        let alphabet = Array("a,\"\n\r0.52024é".utf8)
        let bytes = (0..<200).map { _ -> UInt8 in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return alphabet[Int(state >> 33) % alphabet.count]
        }
        let text = Array((FactorTable.header + "\n").utf8) + bytes
        let table = try? FactorTable(csv: text, file: "f")
        #expect((table?.factors.count ?? 0) <= 200)
    }
}
