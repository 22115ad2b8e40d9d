package import Metering
package import Traffic

/// What agent.yaml says, checked and with its defaults filled in.
///
/// docs/configuration.md is the manual of its keys.
package struct AgentSettings: Sendable, Hashable {
    /// The name of this host in records: 1 to 64 of `A-Z a-z 0-9 . - _`.
    package let id: String
    /// The folder of the agent's state.
    package let state: String
    /// The length of a window: 1 s to 1 h, a whole fraction of a day.
    package let window: Nanoseconds
    package let energy: EnergySettings
    package let capture: CaptureSettings
    /// At least one, but where nothing is configured yet.
    package let services: [ServiceSettings]
    /// At most 256, with at most 16,384 steps in all.
    package let scenarios: [FlowScenario]
    /// The outcomes that scenarios say once for their steps; what they mean is said at each step.
    let sharedOutcomes: [ScenarioID: [OutcomeCondition]]
    package let attribution: AttributionSettings
    package let flowKeys: FlowKeySettings
    /// At most 8, none twice; with none, records stay in the spool.
    package let collectors: [CollectorEndpoint]
    package let delivery: Delivery
    package let spool: SpoolSettings
    /// Where metrics are shown; `nil` for nowhere.
    package let metrics: NetworkAddress?
    /// What is probably not meant, though it can be followed: for people, in the order of the file.
    package internal(set) var warnings: [SettingsWarning] = []

    /// Whether the file leaves out services, scenarios and collectors, as the one that comes with
    /// the package does: energy is metered, nothing is counted and nothing is sent.
    package var isUnconfigured: Bool { services.isEmpty }

    /// What holds where there is no file `name` yet.
    package static func unconfigured(
        name: String, hostName: String
    ) throws(SettingsErrors) -> AgentSettings {
        try parse(Array("version: 1\n".utf8), name: name, hostName: hostName)
    }

    /// Reads the settings at `path`. `hostName` is the id where the file gives none.
    package static func load(
        path: String, hostName: String
    ) throws(SettingsErrors) -> AgentSettings {
        try parse(try SettingsFile.read(path), name: path, hostName: hostName)
    }

    /// Reads settings from the bytes of the file `name`, in whose folder relative paths begin.
    package static func parse(
        _ text: [UInt8], name: String, hostName: String
    ) throws(SettingsErrors) -> AgentSettings {
        var (settings, warnings) = try SettingsFile.decodeWithWarnings(
            text, name: name, keys: AgentKeys.top
        ) { section in
            AgentSettings(section, file: name, hostName: hostName)
        }
        settings.warnings = warnings
        return settings
    }
}

/// Which of several collectors get a record.
package enum Delivery: String, Sendable, Hashable {
    /// Every collector gets every record.
    case all
    /// One gets it: the first that can be reached.
    case failover
}

/// How much is kept for collectors that cannot be reached.
package struct SpoolSettings: Sendable, Hashable {
    /// Bytes on disk in MiB, 8 to 65,536.
    package let maximumMebibytes: Int
    /// 1 s to 90 days.
    package let maximumAge: Nanoseconds
}

/// What is kept of the keys of flows.
package struct FlowKeySettings: Sendable, Hashable {
    /// Keys in memory at most, 1,000 to 2,000,000.
    package let limit: Int
    /// How long the key of a counted flow is remembered, 1 s to 90 days of packet time.
    package let remember: Nanoseconds
    /// The path of the file with the secret; `nil` where the host makes its own. Never `nil` where
    /// a scenario's deduplication is `fleet`. Nothing says yet that the file exists.
    package let secret: String?
}

/// How traffic is captured.
package struct CaptureSettings: Sendable, Hashable {
    /// Empty where every interface that is up and carries an address is to be captured.
    package let interfaces: [CaptureInterface]
    /// The size of each interface's packet ring in MiB, 1 to 1,024.
    package let ringMebibytes: Int
    /// At most 32, none twice, no UDP port twice.
    package let tunnels: [Tunnel]
    /// Percent of one processor that capture may use, 1 to 100; `nil` without limit.
    package let cpuPercent: Int?
}

/// A network interface named in the settings; nothing says yet that it exists.
package struct CaptureInterface: Sendable, Hashable {
    /// 1 to 15 bytes without `/` and white space. With `*` or `?` a pattern of names.
    ///
    /// Source: Linux net/core/dev.c, `dev_valid_name`.
    package let name: String
    /// Where the settings name it.
    package let place: SourcePlace
}

/// A server on this host, or one that this host calls, whose traffic is counted.
package struct ServiceSettings: Sendable, Hashable {
    package let name: String
    /// TCP ports, at least one, in the order of the file; no port belongs to two services of one
    /// direction.
    package let ports: [UInt16]
    package let direction: ServiceDirection
    package let `protocol`: ServiceProtocol
    package let cpu: ServiceCPU
    /// Whether flows are counted on this service.
    package let countsFlows: Bool
    /// Where the settings define it.
    package let place: SourcePlace
}

/// On which side of its exchanges this host is.
package enum ServiceDirection: String, Sendable, Hashable {
    /// This host receives the requests.
    case incoming = "in"
    /// This host makes the requests.
    case outgoing = "out"
}

/// What is spoken on a service's ports.
package enum ServiceProtocol: String, Sendable, Hashable {
    case http1
}

/// Where a service's CPU time is read.
package enum ServiceCPU: Sendable, Hashable {
    /// The cgroup of the listening socket.
    case cgroup
    /// The cgroup folder at this absolute path.
    case cgroupPath(String)
    /// The processes behind the listening socket.
    case process
    /// None of its own: that of the services which call it.
    case callers
}

/// Where records are sent.
package struct CollectorEndpoint: Sendable, Hashable {
    package let address: NetworkAddress
    package let transport: TransportSettings
    /// Where the settings name it.
    package let place: SourcePlace
}
