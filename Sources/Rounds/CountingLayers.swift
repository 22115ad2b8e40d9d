import Assessment
import Metering

/// Which hosts of a plan count which scenarios.
struct CountingLayers: Sendable {
    private var all: [String: Set<ScenarioID>] = [:]
    private var traffic: [String: Set<ScenarioID>] = [:]

    init(_ plan: Plan) {
        for host in plan.hosts {
            let counted = plan.scenarios.filter {
                $0.countingHosts.isEmpty || $0.countingHosts.contains(host.id)
            }
            all[host.id] = Set(counted.map(\.id))
            traffic[host.id] = Set(counted.filter { $0.volume == .traffic }.map(\.id))
        }
    }

    /// Those that a host counts; none for a host outside the plan.
    func scenarios(of host: String) -> Set<ScenarioID> { all[host] ?? [] }

    /// Of those, the ones whose TA is counted from traffic.
    func byTraffic(of host: String) -> Set<ScenarioID> { traffic[host] ?? [] }
}
