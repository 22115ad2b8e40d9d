import Metering
import Records
import Rounds
import Store

/// A scenario with `dedupe: fleet`: whether its flows that several hosts completed can be told.
struct WeightsFleet: Sendable {
    private var hosts: Set<String> = []
    private var secrets: Set<UInt64> = []
    private var flows: UInt64 = 0
    private var untold: UInt64 = 0

    /// As for coverage in rounds: what a twentieth of the flows lack stands against nothing.
    private static let mostUntold = 0.05

    /// Adds a window's flows and those that its completions tell.
    mutating func add(_ flows: UInt64, told: UInt64, secret: UInt64, of host: String) {
        guard flows > 0 || told > 0 else { return }
        hosts.insert(host)
        secrets.insert(secret)
        self.flows = self.flows.addingClamped(flows)
        if told != flows { untold = untold.addingClamped(max(told, flows)) }
    }

    /// Why flows that several hosts completed may count several times; `nil` where they do not.
    func obstacle(of scenario: ScenarioID) -> String? {
        guard hosts.count > 1 else { return nil }
        let names =
            hosts.sorted().prefix(4).joined(separator: ", ") + (hosts.count > 4 ? ", …" : "")
        let twice = ", so that a flow that two of the hosts \(names) completed counts twice"
        if secrets.count > 1 {
            return
                "\(scenario): its flows are told apart under \(secrets.count) secrets\(twice): give these "
                + "hosts one flow_secret, or ask for one of them with --agent"
        }
        guard Double(untold) > Self.mostUntold * Double(flows) else { return nil }
        return
            "\(scenario): the digests of \(untold) of \(flows) flows are missing\(twice): ask again when all "
            + "records are there, or for one of the hosts with --agent"
    }
}

extension WeightsReading {
    /// Which flows that several hosts completed are not the first of theirs.
    struct Repeats {
        private(set) var later: [FlowOccurrence] = []
        /// Whether a row tells of a window that its record's bytes are not of.
        private(set) var areAltered = false
        private var flows = RepeatedFlows()

        mutating func add(_ place: RepeatedCompletion) {
            guard let isCounted = place.isCounted else {
                areAltered = true
                return
            }
            guard isCounted, let one = flows.add(FlowOccurrence(place)) else { return }
            later.append(one)
        }
    }
}
