import Metering
import Settings
import Testing

@testable import Agent

private func attribution(_ further: String) throws -> AttributionSettings {
    let text = """
        version: 1
        agent: {id: a}
        services: [{name: web, ports: [8080], counts_flows: true}]
        scenarios: [{id: query, steps: [{name: ask, when: {path: /q}, completes: true}]}]
        attribution: {services: [{name: web, workers: 8}]\(further)}
        collectors: []
        """
    return try AgentSettings.parse(Array(text.utf8), name: "agent.yaml", hostName: "a").attribution
}

private typealias Time = Known<Nanoseconds, ProcessorUnknown>

/// What windows of 10 s tell.
private func use(
    _ windows: Int, busy: Time, services: [Time], model: AttributionModel = .concurrency
) -> KeptWindows.ProcessorUse {
    let manifest = Manifest(
        agent: "a", hostName: "a", bootID: "", softwareVersion: "", simulated: false,
        windowLength: .seconds(10), source: .none, scope: .none, zones: [], services: [],
        scenarios: [], rulesDigest: "", model: model, idle: nil)
    var use = KeptWindows.ProcessorUse()
    for number in 0..<windows {
        let start = Timestamp(UInt64(number) * 10_000_000_000)
        use.add(
            Record(
                run: RunID(1), sequence: UInt64(number) + 1, manifest: ManifestDigest(1),
                window: Window(
                    start: start, end: Timestamp(start.rawValue + 10_000_000_000),
                    duration: .seconds(10)),
                zones: [], energy: .unknown(.firstReading), partition: nil,
                processor: ProcessorTime(hostBusy: busy, services: services),
                tally: Tally(scenarios: [], services: [])),
            manifest)
    }
    return use
}

@Suite("The doctor's check of the processors")
struct DoctorProcessorTests {
    private func states(
        _ use: KeptWindows.ProcessorUse, _ further: String = ""
    ) throws -> [DoctorFinding.State] {
        try SentenceLanguage.allCases.flatMap { language in
            ProcessorUseCheck(
                attribution: try attribution(further), use: use, processors: 2, language: language
            ).findings().map(\.state)
        }
    }

    @Test("warns where others use a tenth of all processors or more")
    func warns() throws {
        let services: [Time] = [.known(.seconds(5)), .known(.seconds(1))]
        #expect(
            try states(use(30, busy: .known(.seconds(8)), services: services))
                == [.warning, .warning])
        #expect(
            try states(use(30, busy: .known(.milliseconds(7999)), services: services))
                == [.ok, .ok])
        #expect(
            try states(use(29, busy: .known(.seconds(8)), services: services))
                == [.unknown, .unknown])
        let warning = ProcessorUseCheck(
            attribution: try attribution(""),
            use: use(30, busy: .known(.seconds(8)), services: services), processors: 2,
            language: .english
        ).findings()[0]
        #expect(warning.found.contains("10 %") && warning.fix.contains("processors: shared"))
    }

    @Test("looks at windows alone that were divided by time in flight and whose times are known")
    func known() throws {
        let busy = Time.known(.seconds(20))
        #expect(
            try states(use(99, busy: busy, services: [.unknown(.notFound)]))
                == [.unknown, .unknown])
        #expect(
            try states(use(99, busy: .unknown(.readFailed), services: []))
                == [.unknown, .unknown])
        #expect(
            try states(use(99, busy: busy, services: [], model: .standard))
                == [.unknown, .unknown])
    }

    @Test("says nothing where another model divides, or the settings know of other programs")
    func silent() throws {
        let use = use(99, busy: .known(.seconds(20)), services: [])
        #expect(try states(use) == [.warning, .warning])
        #expect(try states(use, ", processors: shared").isEmpty)
        #expect(try states(use, ", model: standard").isEmpty)
    }

    @Test("takes no number for more than it can be")
    func hostile() throws {
        let most = Time.known(Nanoseconds(.max))
        #expect(try states(use(40, busy: most, services: [.known(.zero)])) == [.warning, .warning])
        #expect(try states(use(40, busy: .known(.zero), services: [most, most])) == [.ok, .ok])
    }
}
