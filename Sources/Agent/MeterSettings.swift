import Attribution
import Capture
import EnergySources
import Metering
import Processes
import Scenarios
import Settings
import Traffic
import Transactions

/// What the two hot loops need of the settings, in the words of their stages.
struct MeterSettings: Sendable {
    /// 0 at the agent's start, and one more with each reload.
    let generation: Int
    let energy: EnergyOptions
    let isSimulated: Bool
    let readsCounters: Bool
    let idleMilliwatts: UInt64?
    let windowLength: Nanoseconds
    let interfaces: WantedInterfaces
    let ringMebibytes: Int
    /// Of one processor; `nil` without limit.
    let cpuPercent: Int?
    let services: [ServiceSource]
    let serviceNames: [String]
    let ports: [[UInt16]]
    let directions: [ServiceDirection]
    let filter: CaptureFilter
    let tunnelPorts: TunnelPorts
    let counter: FlowCounter
    let flowLimits: FlowBookLimits
    let division: DivisionRule

    init(_ settings: AgentSettings, generation: Int = 0) {
        self.generation = generation
        energy = EnergyOptions(settings.energy)
        isSimulated = settings.energy.isSimulated
        readsCounters = settings.energy.source != .none
        idleMilliwatts = settings.energy.idleMilliwatts
        windowLength = settings.window
        interfaces = WantedInterfaces(settings)
        ringMebibytes = settings.capture.ringMebibytes
        cpuPercent = settings.capture.cpuPercent
        services = settings.services.map(Self.source)
        serviceNames = settings.services.map(\.name)
        ports = settings.services.map(\.ports)
        directions = settings.services.map(\.direction)
        filter = CaptureFilter(settings)
        tunnelPorts = TunnelPorts(settings.capture.tunnels)
        counter = FlowCounter(
            settings.scenarios, countsFlows: settings.services.map(\.countsFlows))
        flowLimits = FlowBookLimits(settings.flowKeys)
        division = DivisionRule(
            model: settings.attribution.model, idle: settings.attribution.idle,
            reservedPercent: settings.attribution.services.map { UInt64($0.reservedPercent) })
    }

    /// Where the service's CPU time is read.
    static func source(of service: ServiceSettings) -> ServiceSource {
        switch service.cpu {
        case .cgroup: .cgroupOfPorts(service.ports)
        case .cgroupPath(let path): .cgroupPath(path)
        case .process: .processOfPorts(service.ports)
        case .callers: .callers
        }
    }

    /// The services as the engine takes them: every rule's fields on every service.
    var engineServices: [EngineService] {
        zip(ports, directions).map { ports, direction in
            EngineService(
                ports: ports, isOutgoing: direction == .outgoing, selectors: counter.rules.selectors
            )
        }
    }
}

extension WantedInterfaces {
    /// What the settings name; nothing where there is no service whose traffic is to be seen.
    init(_ settings: AgentSettings) {
        self =
            settings.isUnconfigured
            ? .nothing : WantedInterfaces(settings.capture.interfaces.map(\.name))
    }
}

extension CaptureFilter {
    /// What the services and tunnels need.
    init(_ settings: AgentSettings) {
        self.init(
            ports: settings.services.flatMap(\.ports), tunnels: settings.capture.tunnels)
    }
}

extension TunnelPorts {
    /// The ports that are set, and the standard ones that are not set for another protocol: a file
    /// has no filter, and live capture sees no more tunnels than its filter lets pass.
    init(_ tunnels: [Tunnel]) {
        self.init()
        for tunnel in tunnels {
            switch tunnel {
            case .vxlan(let port):
                geneve.removeAll { $0 == port }
                if !vxlan.contains(port) { vxlan.append(port) }
            case .geneve(let port):
                vxlan.removeAll { $0 == port }
                if !geneve.contains(port) { geneve.append(port) }
            case .gre, .ipip, .sixInFour, .pppoe, .mpls: continue
            }
        }
    }
}

extension FlowBookLimits {
    /// What the settings say, in the words of the stage.
    init(_ settings: FlowKeySettings) {
        self.init(keys: settings.limit, remember: settings.remember)
    }
}

extension EnergyOptions {
    /// What the settings say, in the words of the stage.
    init(_ settings: EnergySettings) {
        let primary: PrimarySource =
            switch settings.source {
            case .auto: .automatic
            case .rapl: .always(.rapl)
            case .wall: .always(.wall)
            case .model: .always(.model)
            case .none: .always(.none)
            }
        self.init(
            sysfs: settings.sysfs, procfs: settings.procfs, primary: primary,
            wallSensors: settings.wallSensors.map(\.description),
            model: settings.model.map { ModelPower(idle: $0.idle, maximum: $0.maximum) })
    }
}
