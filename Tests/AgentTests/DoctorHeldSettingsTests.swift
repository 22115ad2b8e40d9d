import Metering
import Records
import Settings
import Testing

@testable import Agent
@testable import Spool

private func settings(port: Int = 8080, further: String = "") throws -> AgentSettings {
    let text = """
        version: 1
        agent: {id: a}
        services: [{name: web, ports: [\(port)], counts_flows: true}]
        scenarios: [{id: query, steps: [{name: ask, when: {path: /q}, completes: true}]}]
        collectors: [{address: "192.0.2.7:7443", plaintext: true}\(further)]
        """
    return try AgentSettings.parse(Array(text.utf8), name: "agent.yaml", hostName: "a")
}

/// What an agent with these settings leaves: one window of 10 s that began at `start`.
private func kept(_ settings: AgentSettings, start: UInt64) throws -> KeptWindows {
    let manifest = Manifest(
        agent: settings.id, hostName: "a", bootID: "b", softwareVersion: "0", simulated: false,
        windowLength: settings.window, source: .none, scope: .none, zones: [],
        services: settings.describedServices, scenarios: settings.scenarios.map(\.id),
        rulesDigest: settings.rulesDigest, model: .standard, idle: nil)
    let bytes = try RecordCodec.encode(manifest)
    let record = Record(
        run: RunID(1), sequence: 1, manifest: RecordCodec.digest(ofManifest: bytes),
        window: Window(
            start: Timestamp(start * 1_000_000_000), end: Timestamp((start + 10) * 1_000_000_000),
            duration: .seconds(10)),
        zones: [], energy: .unknown(.firstReading), partition: nil,
        processor: ProcessorTime(hostBusy: .known(.zero), services: [.known(.zero)]),
        tally: Tally(
            scenarios: [ScenarioTally(observation: .seen)], services: [ServiceTally(scenarios: 1)]))
    let part = SpoolSurvey.Part(
        manifest: bytes, records: [try RecordCodec.encode(record)], unreadBytes: 0)
    return KeptWindows([part], now: now)
}

private let now = Timestamp(1_000_000_000_000)

@Suite("The doctor's look at what settings the running agent holds")
struct DoctorHeldSettingsTests {
    private func told(
        _ asked: AgentSettings, status: String?, changed: UInt64? = nil,
        kept: KeptWindows = KeptWindows(), sinceRead: UInt64? = 500, state: String = "active"
    ) -> [DoctorFinding] {
        var unit = ["ActiveState": state]
        unit["StatusText"] = status
        return SentenceLanguage.allCases.flatMap { language in
            HeldSettingsCheck(
                settings: asked, file: "/etc/f", unit: unit, unitName: "u.service",
                changed: changed.map { Timestamp($0 * 1_000_000_000) }, kept: kept,
                now: now, sinceRead: sinceRead.map { .seconds($0) }, language: language
            ).findings()
        }
    }

    private func line(_ settings: AgentSettings) -> String {
        StatusLine.text(of: settings, file: "/etc/f", energy: .unknown(.missing))
    }

    @Test("is a fault where its status tells of other services, collectors, or of none")
    func status() throws {
        let (own, empty) = (
            try settings(), try AgentSettings.unconfigured(name: "f", hostName: "a")
        )
        let waits = StatusLine.waiting + "192.0.2.7:7443: Connection refused"
        for same in [line(own), line(own) + waits, "Starting", nil] {
            #expect(told(own, status: same).isEmpty)
        }
        #expect(told(empty, status: line(empty)).isEmpty)
        let more = try settings(further: #", {address: "192.0.2.8:7443", plaintext: true}"#)
        for (asked, held) in [(own, empty), (empty, own), (more, own), (own, more)] {
            let found = told(asked, status: line(held))
            #expect(found.map(\.state) == [.fault, .fault])
            #expect(found.allSatisfy { $0.fix.contains("systemctl restart u.service") })
            #expect(told(asked, status: line(held), state: "inactive").isEmpty)
        }
    }

    @Test("takes a status whose end was cut off for what it is")
    func cut() throws {
        let name = String(repeating: "collector.", count: 6) + "company.example"
        let many = (0..<7).map { #", {address: "\#(name):\#(7000 + $0)", plaintext: true}"# }
        let long = try settings(further: many.joined())
        try #require(line(long).utf8.count > 500)
        let text = String(line(long).prefix(500))
        #expect(told(long, status: text).isEmpty)
        #expect(told(try settings(), status: text).map(\.state) == [.fault, .fault])
    }

    @Test("is a fault where records since its latest reading are of other services or rules")
    func manifest() throws {
        let (asked, held) = (try settings(port: 8081), try settings())
        #expect(try kept(held, start: 510).latest?.start == Timestamp(510_000_000_000))
        #expect(told(asked, status: nil, kept: try kept(asked, start: 900)).isEmpty)
        let found = told(asked, status: nil, kept: try kept(held, start: 510))
        #expect(found.map(\.state) == [.fault, .fault])
        #expect(found[0].found.hasSuffix("of other services"), "\(found[0])")
        // Not before a window that began after the reading, and its reload, is there.
        #expect(told(asked, status: nil, kept: try kept(held, start: 509)).isEmpty)
        #expect(told(asked, status: nil, kept: try kept(held, start: 900), sinceRead: nil).isEmpty)
    }

    @Test("is a warning where only the file is newer than the agent's latest reading")
    func newer() throws {
        let asked = try settings()
        let held = line(asked)
        #expect(told(asked, status: held, changed: 501).map(\.state) == [.warning, .warning])
        #expect(told(asked, status: held, changed: 500).isEmpty)
        // A clock that was put back tells nothing, nor does an agent whose reloads nobody sees.
        #expect(told(asked, status: held, changed: 1_001).isEmpty)
        #expect(told(asked, status: held, changed: 501, sinceRead: nil).isEmpty)
        #expect(told(asked, status: held, changed: 501, state: "inactive").isEmpty)
    }

    @Test("knows the latest reading from systemd's time of the latest start or reload")
    func reading() {
        func since(_ text: String?, _ state: String = "active") -> Nanoseconds? {
            var unit = ["ActiveState": state]
            unit["StateChangeTimestampMonotonic"] = text
            return HeldSettingsCheck.sinceRead(unit, now: .seconds(10))
        }
        #expect(since("4000000") == .seconds(6))
        for text in ["0", "x", "10000001", "18446744073709551615", nil] {
            #expect(since(text) == nil)
        }
        #expect(since("4000000", "failed") == nil)
        #expect(HeldSettingsCheck.change(of: "/nowhere/f") == nil)
        #expect(HeldSettingsCheck.change(of: "/etc/passwd") != nil)
    }
}
