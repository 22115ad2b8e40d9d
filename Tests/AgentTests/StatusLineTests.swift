import Metering
import Settings
import Synchronization
import Testing

@testable import Agent

@Suite("The agent's status line")
struct StatusLineTests {
    private func settings(_ energy: String, _ services: String = "web") throws -> AgentSettings {
        let text = """
            version: 1
            energy: \(energy)
            services: [{name: \(services), ports: [8080]}]
            collectors: []
            """
        return try AgentSettings.parse(Array(text.utf8), name: "agent.yaml", hostName: "a")
    }

    private func counter() -> CounterTree.Counter {
        .init(id: "intel-rapl:0", name: "package-0", unit: 1000, raw: 5000)
    }

    @Test("says that energy is metered only where there is a counter that shows a number")
    func sources() throws {
        let tree = CounterTree([counter()])
        #expect(EnergyStatus.now(try settings("{sysfs: \(tree.root)}").energy) == .metered(.rapl))
        tree.setText(tree.counters[0], "none")
        #expect(
            EnergyStatus.now(try settings("{sysfs: \(tree.root)}").energy) == .unknown(.malformed))
        let empty = CounterTree([])
        #expect(
            EnergyStatus.now(try settings("{sysfs: \(empty.root)}").energy) == .unknown(.noSource))
        let watts = "{sysfs: \(empty.root), idle_watts: 60, maximum_watts: 200}"
        #expect(EnergyStatus.now(try settings(watts).energy) == .metered(.model))
        #expect(EnergyStatus.now(try settings("{source: none}").energy) == .off)
    }

    @Test("tells a line once, and another where settings or energy change")
    func changes() throws {
        let told = Mutex<[String]>([])
        let empty = CounterTree([])
        let line = StatusLine(
            try settings("{sysfs: \(empty.root)}"), file: "f",
            tell: { text in told.withLock { $0.append(text) } })
        line.note(.unknown(.noSource))
        line.note(.metered(.rapl))
        line.note(.metered(.rapl))
        line.hold(try settings("{sysfs: \(empty.root)}", "gateway"))
        line.note(.unknown(.permissionDenied))
        let rest = "counts requests on"
        #expect(
            told.withLock { $0 } == [
                "Energy is unknown (there is no counter), \(rest) web, sends nothing",
                "Meters energy, \(rest) web, sends nothing",
                "Meters energy, \(rest) gateway, sends nothing",
                "Energy is unknown (permission denied), \(rest) gateway, sends nothing",
            ])
        #expect(line.text == told.withLock { $0.last })
        let before = line.text
        for _ in 1...2 { line.note("192.0.2.7:7443", refuses: "No route to host") }
        #expect(line.text == before + ". Records wait for 192.0.2.7:7443: No route to host")
        line.note("192.0.2.7:7443", refuses: nil)
        #expect(line.text == before)
        #expect(told.withLock { $0.count } == 6)
        // What was not asked for is not missed.
        let off = StatusLine(try settings("{source: none}"), file: "f", tell: { _ in })
        off.note(.unknown(.noSource))
        #expect(off.text.hasPrefix("Meters no energy, counts"))
    }
}
