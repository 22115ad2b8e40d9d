import Foundation
import Logging
import Metering
import NIOCore
import Settings

@testable import Agent
@testable import Lab

/// A host on simulated counters and clocks of its own, with the agent's own parts on it: counters,
/// windows, engine, rules, records, spool and delivery.
final class LabHost {
    private let script: FleetScript.Host
    private let root: String
    private let tree: SimulatedTree
    private let clock: MovableClock
    private var counters: [SimulatedCounter]
    private var isReadable = true
    private var boots = 1
    private var life: AgentLife?
    private var packets: ArraySlice<FleetScript.Packet>
    private let settings: AgentSettings
    private let group: any EventLoopGroup

    /// The host stands at `start`, switched on and without its agent.
    init(
        _ script: FleetScript.Host, from start: UInt64, in folder: String, collectors ports: [Int],
        group: any EventLoopGroup
    ) throws {
        self.script = script
        self.group = group
        root = folder + "/" + script.id
        try FileManager.default.createDirectory(
            atPath: root, withIntermediateDirectories: true)
        tree = try SimulatedTree(
            root: root + "/sys", machine: Self.machine(script), wallInterval: .seconds(1))
        counters = zip(script.units, script.raw).map { SimulatedCounter(unit: $0, raw: $1) }
        clock = MovableClock(at: Timestamp(start))
        packets = script.packets[...]
        var text = script.settings.replacing("ROOT", with: root)
        for (index, port) in ports.enumerated() {
            text = text.replacing("COLLECTOR-\(index)", with: "127.0.0.1:\(port)")
        }
        settings = try AgentSettings.parse(
            Array(text.utf8), name: "agent.yaml", hostName: script.id)
        try show(microwatts: script.energies.first?.first)
    }

    private static func machine(_ script: FleetScript.Host) -> Machine {
        let processor = ProcessorModel(vendor: .intel, family: 6, model: 0x6A)
        var machine = Machine(
            script.id, "of the fleet", processor: processor, sockets: 1,
            wallMeter: script.units.isEmpty)
        guard script.units.count == 2 else { return machine }
        let package = machine.addRegister(.package(0), unit: script.units[0])
        let zone = machine.addZone("package-0", shows: package)
        machine.addZone(
            "dram", under: zone, shows: machine.addRegister(.dram(0), unit: script.units[1]))
        return machine
    }

    /// Everything that happens, and at the end of each life of the agent what it delivers.
    func run() async throws {
        for (second, energies) in script.energies.enumerated() {
            for event in script.events where event.at == second { try await take(event) }
            for (index, energy) in energies.enumerated() where index < counters.count {
                counters[index].advance(picojoules: energy * 1_000_000)
            }
            clock.run(.seconds(1))
            try show(microwatts: energies.first)
            let now = clock.reading.realtime.rawValue
            let heard = packets.prefix { $0.time <= now }
            packets = packets.dropFirst(heard.count)
            try life?.tick(heard)
            if second % 50 == 0 { await Task.yield() }
        }
        try await end()
    }

    private func show(microwatts: UInt64?) throws {
        for index in counters.indices {
            try tree.show(register: index, isReadable ? counters[index].visible : nil)
        }
        try tree.showWall(microwatts: isReadable ? microwatts : nil)
    }

    private func take(_ event: FleetScript.Event) async throws {
        switch event.kind {
        case .start:
            life = try AgentLife(
                settings,
                host: HostIdentity(
                    hostName: script.id, bootID: "boot-\(script.id)-\(boots)",
                    softwareVersion: script.software), clock: clock)
        case .stop: try await end()
        case .boot:
            boots += 1
            clock.boot()
            restartCounters()
            try show(microwatts: script.energies.first?.first)
        case .reset: restartCounters()
        case .fail: isReadable = false
        case .mend: isReadable = true
        case .forget:
            for name in ["spool", "baselines"] {
                try FileManager.default.removeItem(atPath: "\(settings.state)/\(name)")
            }
        case .step: clock.step(event.value ?? 0)
        }
    }

    private func restartCounters() {
        counters = script.units.map { SimulatedCounter(unit: $0, raw: 1_000) }
    }

    private func end() async throws {
        guard let life else { return }
        self.life = nil
        try await life.end(on: group)
    }
}
