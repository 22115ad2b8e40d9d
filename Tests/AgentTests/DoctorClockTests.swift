import Metering
import Records
import Settings
import Testing

@testable import Agent
@testable import Spool

@Suite("Windows of a clock that was ahead")
struct DoctorClockTests {
    private let now = Timestamp(1_800_000_000 * 1_000_000_000)

    /// Windows of 10 s that end so many seconds before now, one after another.
    private func kept(_ ends: [Int64]) throws -> KeptWindows {
        let manifest = try RecordCodec.encode(
            Manifest(
                agent: "a", hostName: "a", bootID: "", softwareVersion: "", simulated: false,
                windowLength: .seconds(10), source: .none, scope: .none, zones: [], services: [],
                scenarios: [], rulesDigest: "", model: .concurrency, idle: nil))
        let records = try ends.enumerated().map { index, ago in
            let end = Timestamp(UInt64(Int64(now.rawValue) - ago * 1_000_000_000))
            return try RecordCodec.encode(
                Record(
                    run: RunID(1), sequence: UInt64(index) + 1,
                    manifest: RecordCodec.digest(ofManifest: manifest),
                    window: Window(
                        start: Timestamp(end.rawValue - 10_000_000_000), end: end,
                        duration: .seconds(10)),
                    zones: [], energy: .unknown(.firstReading), partition: nil,
                    processor: ProcessorTime(hostBusy: .unknown(.firstReading), services: []),
                    tally: Tally(scenarios: [], services: [])))
        }
        let part = SpoolSurvey.Part(manifest: manifest, records: records, unreadBytes: 0)
        return KeptWindows([part], now: now)
    }

    private func finding(
        _ ends: [Int64], _ language: SentenceLanguage = .english
    ) throws -> DoctorFinding {
        let settings = try AgentSettings.parse(
            Array("version: 1\nagent: {id: a}\n".utf8), name: "agent.yaml", hostName: "a")
        let findings = AgentCheck(
            settings: settings, file: "f", isInUse: true, unit: [], pid: 7, age: .seconds(3600),
            kept: try kept(ends), now: now, language: language
        ).findings()
        return try #require(findings.first)
    }

    @Test("are in no count and no span")
    func spans() throws {
        let kept = try kept([100, 90, -94_608_000, -94_608_010, 20, -60])
        #expect(kept.count == 4 && kept.ahead == 2)
        #expect(kept.end == Timestamp(now.rawValue + 60_000_000_000))
        #expect(kept.span == .seconds(170))
        #expect(try self.kept([-61]).span == .zero)
    }

    @Test("are no proof that the agent writes, and the clock is named where it does not")
    func proof() throws {
        let year: Int64 = -31_536_000
        for language in SentenceLanguage.allCases {
            for ends in [[year], [900, year], [900]] {
                let hung = try finding(ends, language)
                #expect(hung.state == .fault, "\(ends)")
                #expect(hung.fix.contains("`date -u`") == ends.contains(year), "\(hung.fix)")
            }
            for ends in [[year, 5], [5], [-5]] {
                #expect(try finding(ends, language).state == .ok, "\(ends)")
            }
        }
    }
}
