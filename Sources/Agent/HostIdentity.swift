import Crypto
import Glibc
import Metering
import Scenarios
import Settings
import Spool

/// What the manifest says of the host and the program.
package struct HostIdentity: Sendable, Hashable {
    package let hostName: String
    /// The kernel's random id of this boot; empty where it cannot be read.
    package let bootID: String
    package let softwareVersion: String

    package init(hostName: String, bootID: String, softwareVersion: String) {
        self.hostName = hostName
        self.bootID = bootID
        self.softwareVersion = softwareVersion
    }

    /// This host.
    ///
    /// Source: random(4), `/proc/sys/kernel/random/boot_id`.
    package static func current(softwareVersion: String) -> HostIdentity {
        HostIdentity(
            hostName: systemHostName(), bootID: readBootID(), softwareVersion: softwareVersion)
    }

    /// The host's name as the kernel has it.
    package static func systemHostName() -> String {
        var name = [CChar](repeating: 0, count: 256)
        guard gethostname(&name, name.count - 1) == 0 else { return "localhost" }
        return String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    private static func readBootID() -> String {
        let file = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return "" }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = read(file, &bytes, bytes.count)
        return String(decoding: bytes.prefix(max(0, count)).filter { $0 > 0x20 }, as: UTF8.self)
    }
}

extension AgentSettings {
    /// SHA-256 of the rules, in hex: what tells two sets of rules apart.
    var rulesDigest: String {
        SHA256.hash(data: canonicalRules)
            .map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}

extension AgentSettings {
    /// The services as manifests describe them.
    var describedServices: [ServiceDescription] {
        zip(services, attribution.services).map {
            ServiceDescription(
                name: $0.name, ports: $0.ports, countsFlows: $0.countsFlows, workers: $1.workers,
                reservedPercent: $1.reservedPercent)
        }
    }
}

extension Manifest {
    /// What the settings and the host say; zones and source follow with the first window.
    init(_ settings: AgentSettings, host: HostIdentity, secret: FlowSecret) {
        self.init(
            agent: settings.id, hostName: host.hostName, bootID: host.bootID,
            softwareVersion: host.softwareVersion, simulated: settings.energy.isSimulated,
            windowLength: settings.window, source: .none, scope: .none, zones: [],
            services: settings.describedServices,
            scenarios: settings.scenarios.map(\.id),
            rulesDigest: settings.rulesDigest,
            model: settings.attribution.model, idle: nil,
            rules: settings.scenarios.enumerated().flatMap { index, scenario in
                scenario.steps.map { RuleDescription(scenario: index, name: $0.name) }
            },
            scenarioFlows: settings.scenarios.map {
                ScenarioFlows(refusalCounts: $0.refusalCounts, deduplication: $0.deduplication)
            },
            flowSecretID: settings.scenarios.contains { $0.deduplication == .fleet }
                ? secret.identity : 0,
            idleRule: settings.attribution.idle)
    }
}

/// The agent's folder for what must outlive it.
struct StateDirectory: Sendable {
    let path: String

    /// The folder of the spool.
    var spool: String { path + "/spool" }
    /// The file that a running agent holds a lock on (flock(2)).
    var lock: String { SpoolSurvey.lockPath(in: spool) }
    /// The file that says which run of records the agent is in, and how far it came.
    var identity: String { path + "/identity" }
    /// The file that says where the counters stand.
    var baselines: String { path + "/baselines" }
    /// The file of what was learned of idle power.
    var idlePower: String { path + "/idle-power" }

    /// The file of flows that are open, or must not count again.
    var flows: String { path + "/flows" }
    /// The secret that the keys of flows are hashed with, where the settings name no other.
    var flowSecret: String { path + "/flow-secret" }
    /// The key that batches are signed with.
    var signingKey: String { path + "/signing-key" }
    /// All files of the folder itself. Each is written with `.new` behind its name first.
    var files: [String] { [identity, baselines, idlePower, flows, flowSecret, signingKey] }

    /// The folder as it is, made by nobody.
    init(at path: String) { self.path = path }

    /// Makes the folder where it is missing (mode 0700).
    init(preparing path: String) throws(StateError) {
        self.path = path
        var made = ""
        for part in path.split(separator: "/", omittingEmptySubsequences: false) {
            made +=
                made.isEmpty && part.isEmpty ? "/" : (made.isEmpty || made == "/" ? "" : "/") + part
            guard !part.isEmpty, mkdir(made, 0o700) != 0, errno != EEXIST else { continue }
            let code = errno
            var status = stat()
            // A part above that is there need not be writable.
            if stat(made, &status) == 0 { continue }
            throw StateError(path: made, errno: code)
        }
    }
}

/// The state directory cannot be made.
package struct StateError: Error, CustomStringConvertible {
    package let path: String
    package let errno: Int32

    package var description: String {
        """
        cannot make the state directory \(path): \(String(cString: strerror(errno))). Make it for \
        the agent's user with mode 0700, or name another with agent.state
        """
    }
}
