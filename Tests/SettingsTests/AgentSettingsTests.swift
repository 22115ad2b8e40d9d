import Foundation
import Metering
import Testing
import Traffic

@testable import Settings

@Suite("Settings")
struct AgentSettingsTests {
    @Test("of the design's example are read in full")
    func example() throws {
        let settings = try Samples.agent(Samples.agent)
        #expect(settings.id == "cq-a-loan-07")
        #expect(settings.state == "/var/lib/jouleflow")
        #expect(settings.window == .seconds(10))
        #expect(settings.energy.idleMilliwatts == 85_500)
        #expect(settings.energy.source == .auto)
        #expect(settings.energy.model.map { [$0.idle, $0.maximum] } == [85_500, 240_000])
        #expect(
            settings.energy.wallSensors.map(\.description)
                == ["power_meter/power1", "pfe1100@3-0058/power1"])
        #expect(!settings.energy.isSimulated)
        #expect(settings.capture.interfaces.map(\.name) == ["eth0", "lo"])
        #expect(settings.capture.interfaces.first?.place == SourcePlace(line: 11, column: 24))
        #expect(settings.services.map(\.ports) == [[8080], [8081, 9000]])
        let risk = ServiceCPU.cgroupPath("/sys/fs/cgroup/risk.slice")
        #expect(settings.services.map(\.cpu) == [.cgroup, risk])
        #expect(settings.services.map(\.countsFlows) == [true, false])
        #expect(settings.scenarios.map(\.id) == [.credit, .query])
        #expect(settings.scenarios.map(\.refusalCounts) == [true, false])
        #expect(settings.scenarios.map(\.deduplication) == [.none, .none])
        #expect(settings.scenarios.map(\.expiry) == [.seconds(86_400), .seconds(86_400)])
        let step = try #require(settings.scenarios.first?.steps.first)
        let path: [PathTemplate.Segment] = [
            .literal("api"), .literal("credit"), .parameter("applyNo"), .literal("decision"),
        ]
        #expect(
            step.request
                == RequestMatch(methods: ["POST"], path: PathTemplate(segments: path)))
        #expect(step.completes && step.key == nil && step.count == nil && step.requires.isEmpty)
        let code = MessageField.message(.responseJSON(["result", "code"]))
        #expect(
            step.outcomes == [
                OutcomeCondition(.failed, statuses: [.hundred(5)]),
                OutcomeCondition(
                    .refused, statuses: [.hundred(2), .code(409)],
                    fields: [FieldCondition(field: code, values: [Array("E1001".utf8)])]),
                OutcomeCondition(
                    .completed, statuses: [.hundred(2)],
                    fields: [
                        FieldCondition(
                            field: code, values: [Array("0000".utf8), Array("1".utf8)])
                    ]),
            ])
        #expect(
            settings.collectors.map(\.address)
                == [NetworkAddress(host: "collector.example", port: 7443)])
    }

    @Test("names tunnels, with the standard port where none is written")
    func tunnels() throws {
        let text = """
            version: 1
            services: [{name: a, ports: [80]}]
            collectors: []
            capture: {tunnels: [vxlan, vxlan:8472, "geneve:7000", gre, ipip, 6in4, pppoe, mpls]}
            """
        #expect(
            try Samples.agent(text).capture.tunnels == [
                .vxlan(port: 4789), .vxlan(port: 8472), .geneve(port: 7000), .gre, .ipip,
                .sixInFour, .pppoe, .mpls,
            ])
        let standard = text.replacing("geneve:7000", with: "geneve")
        #expect(try Samples.agent(standard).capture.tunnels[2] == .geneve(port: 6081))
    }

    @Test("takes as many ports as the kernel filter names, and not one more")
    func ports() throws {
        func text(_ count: Int) -> String {
            let services = stride(from: 0, to: count, by: 64).map { first in
                let ports = (first..<min(count, first + 64)).map { "\(1000 + $0)" }
                return "{name: s\(first), ports: [\(ports.joined(separator: ", "))]}"
            }
            return "version: 1\ncollectors: []\nservices: [\(services.joined(separator: ", "))]\n"
        }
        let most = ServiceSettings.maximumPorts
        #expect(try Samples.agent(text(most)).services.flatMap(\.ports).count == most)
        let message = Samples.message(text(most + 1), isCollector: false)
        #expect(message.contains("services: 129 ports is out of range, 1 to 128 in all"))
        #expect(message.contains("the kernel filter names at most 128 ports"))
    }

    @Test("have defaults for all but services and collectors")
    func defaults() throws {
        let text = """
            version: 1
            services: [{name: a, ports: [80]}]
            collectors: []
            """
        let settings = try Samples.agent(text)
        #expect(settings.warnings.isEmpty)
        #expect(
            settings.flowKeys
                == FlowKeySettings(limit: 200_000, remember: .seconds(604_800), secret: nil))
        #expect(settings.id == "host")
        #expect(settings.state == "/var/lib/jouleflow")
        #expect(settings.window == .seconds(10))
        #expect(settings.energy == .standard)
        #expect(settings.energy.source == .auto)
        #expect(settings.energy.idlePower == .learn)
        #expect(settings.energy.model == nil)
        #expect(settings.energy.wallSensors.isEmpty)
        #expect(
            settings.capture
                == CaptureSettings(
                    interfaces: [], ringMebibytes: 16, tunnels: [], cpuPercent: nil))
        #expect(settings.services.first?.direction == .incoming)
        #expect(settings.services.first?.protocol == .http1)
        #expect(settings.services.first?.cpu == .cgroup)
        #expect(settings.scenarios.isEmpty)
        let scenario = "\nscenarios: [{id: a, steps: [{when: {path: /}}]}]"
        let counting = text.replacing("[80]", with: "[80], counts_flows: true") + scenario
        #expect(
            try Samples.agent(counting).scenarios == [
                FlowScenario(
                    id: ScenarioID("a"),
                    steps: [
                        FlowStep(
                            name: "step",
                            request: RequestMatch(path: PathTemplate(segments: [.literal("")])),
                            key: nil, requires: [], completes: true, count: nil,
                            outcomes: [
                                OutcomeCondition(.completed, statuses: [.hundred(2)])
                            ])
                    ],
                    refusalCounts: false, expiry: .seconds(86_400), deduplication: .none)
            ])
    }

    @Test("resolve relative paths beside their file")
    func paths() throws {
        let text = """
            version: 1
            services: [{name: a, ports: [80]}]
            collectors: []
            agent: {state: state/}
            energy: {sysfs: ../sys, procfs: /proc/}
            """
        let settings = try AgentSettings.parse(
            Array(text.utf8), name: "/etc/jouleflow/agent.yaml", hostName: "h")
        #expect(settings.state == "/etc/jouleflow/state")
        #expect(settings.energy.sysfs == "/etc/jouleflow/../sys")
        #expect(settings.energy.procfs == "/proc")
        #expect(settings.energy.isSimulated)
        #expect(try Samples.agent(text).state == "state")
    }

    @Test("refuse a host name that cannot be an id, unless the file gives one")
    func hostName() throws {
        let text = "version: 1\nservices: [{name: a, ports: [80]}]\ncollectors: []\n"
        #expect(throws: SettingsErrors.self) {
            try AgentSettings.parse(Array(text.utf8), name: "a", hostName: "my host")
        }
        let named = text + "agent: {id: a}"
        #expect(try AgentSettings.parse(Array(named.utf8), name: "a", hostName: "").id == "a")
    }

    @Test(
        "take windows that divide a day",
        arguments: [
            ("1s", 1000), ("1500ms", 1500), ("10s", 10_000), ("1m", 60_000), ("90s", 90_000),
            ("1h", 3_600_000),
        ] as [(String, UInt64)])
    func windows(text: String, milliseconds: UInt64) throws {
        let settings = try Samples.agent(
            Samples.agent.replacingOccurrences(of: "window: 10s", with: "window: \(text)"))
        #expect(settings.window == .milliseconds(milliseconds))
    }

    @Test(
        "read watts to the milliwatt",
        arguments: [
            ("0", 0), ("85", 85_000), ("85.5", 85_500), ("0.001", 1), ("100000", 100_000_000),
            ("100000.000", 100_000_000),
        ] as [(String, UInt64)])
    func watts(text: String, milliwatts: UInt64) throws {
        let settings = try Samples.agent(
            Samples.agent.replacingOccurrences(of: "idle_watts: 85.5", with: "idle_watts: \(text)")
                .replacingOccurrences(of: "watts: 240", with: "watts: 100000"))
        #expect(settings.energy.idlePower == .configured(milliwatts))
        #expect(settings.energy.idleMilliwatts == milliwatts)
    }

    @Test("tell rules with different methods or shapes apart")
    func rules() throws {
        let rules = ["GET, path: /a", "PUT, path: /a", "GET, path: \"/{x}\"", "GET, path: /a/"]
        let scenarios = rules.enumerated().map { index, rule in
            "  - {id: s\(index), steps: [{when: {method: \(rule)}, completes: true}]}\n"
        }
        let text =
            "version: 1\nservices: [{name: a, ports: [80], counts_flows: true}]\ncollectors: []\n"
            + "scenarios:\n" + scenarios.joined()
        #expect(try Samples.agent(text).scenarios.count == 4)
    }

    @Test("name the files for TLS, from the folder of the settings on")
    func certificates() throws {
        let text = """
            version: 1
            services: [{name: a, ports: [80]}]
            collectors:
              - address: "10.0.0.5:7443"
                tls: {ca: ca.pem, certificate: tls/a.pem, key: /k/a.key, server_name: c.example}

            """
        let settings = try AgentSettings.parse(
            Array(text.utf8), name: "/etc/j/agent.yaml", hostName: "host")
        let files = TLSSettings(
            ca: "/etc/j/ca.pem", certificate: "/etc/j/tls/a.pem", key: "/k/a.key",
            serverName: "c.example")
        #expect(settings.collectors.map(\.transport) == [.tls(files)])
        let plain = text.replacing(#/tls: .*/#, with: "plaintext: true")
        #expect(try Samples.agent(plain).collectors.map(\.transport) == [.plaintext])
        let both = text.replacing("tls: ", with: "plaintext: false\n    tls: ")
        #expect(try Samples.agent(both).collectors.first?.transport != .plaintext)

        let collector = try CollectorSettings.parse(
            Array("version: 1\ntls: {ca: a, certificate: b, key: c}\n".utf8), name: "/e/c.yaml")
        #expect(
            collector.transport
                == .tls(TLSSettings(ca: "/e/a", certificate: "/e/b", key: "/e/c", serverName: nil)))
        #expect(try Samples.collector(Samples.collector).transport == .plaintext)
    }

    @Test("of the collector are read, with defaults")
    func collector() throws {
        let settings = try CollectorSettings.parse(
            Array(Samples.collector.utf8), name: "/etc/c/collector.yaml")
        #expect(settings.agents == NetworkAddress(host: "::", port: 7443))
        #expect(settings.agents.description == "[::]:7443")
        #expect(settings.sqlite == "/etc/c/jouleflow.db")
        let standard = try Samples.collector("version: 1\nplaintext: true\n")
        #expect(standard.agents.description == "127.0.0.1:7443")
        #expect(standard.sqlite == "/var/lib/jouleflow-collector/jouleflow.db")
    }
}
