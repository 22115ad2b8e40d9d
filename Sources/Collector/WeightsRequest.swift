package import Assessment
package import Metering
package import Weights

/// What measured weights are asked for.
package struct WeightsRequest: Sendable {
    /// Which hosts take part.
    package enum Hosts: Sendable {
        /// All that have records: taken as the boundary.
        case all
        case named(Set<String>)
        /// A plan's, or those of one of its sites.
        case planned(Plan, site: String?)
    }

    /// What windows are compared with.
    package enum Counting: String, Sendable, CaseIterable { case exchanges, flows }

    let stretches: [Interval]
    /// Seconds of each; `nil` where they are blocks of a schedule.
    let length: Nanoseconds?
    /// Windows that are drawn together.
    let block: Int
    let gates: RegressionGates
    /// The part of a stretch that records must cover on every host.
    let coverage: Double
    let hosts: Hosts
    let counting: Counting
    /// What stretches are the blocks of; `nil` where they are windows of one length.
    let schedule: LoadSchedule?
    package var factor: EmissionFactor?

    /// Why there is no such request.
    package enum Problem: Error, Sendable, Hashable, CustomStringConvertible {
        case empty
        case reversed
        case block
        case tooManyWindows
        case tooManyCells
        case unknownHosts([String])
        case unknownSite(String)
        case unknownScenarios([String])
        /// A scenario that a manifest names more than once, and a record that refers to it.
        case repeatedScenario(String, String)
        case design(ScheduleError)

        /// Whether what is stored is wrong, not what was asked for.
        package var isOfStore: Bool {
            if case .repeatedScenario = self { true } else { false }
        }

        package var description: String {
            switch self {
            case .empty:
                "the period holds no whole window: windows begin at multiples of their length"
            case .reversed: "the period ends before it begins, or where it begins"
            case .block: "a block is at least as long as a window"
            case .tooManyWindows:
                "more than \(Regression.maximumWindows) windows: ask for longer windows or less time"
            case .tooManyCells:
                "more than \(WeightsRequest.maximumCells) windows of all hosts together: ask for "
                    + "longer windows, fewer hosts or less time"
            case .unknownHosts(let names):
                "the store knows no host \(names.joined(separator: ", "))"
            case .unknownSite(let name): "the plan has no host at the site \(name)"
            case .unknownScenarios(let names):
                "the schedule names \(names.joined(separator: ", ")), for which no host has a rule: "
                    + "its first line must name scenarios as the agents do"
            case .repeatedScenario(let name, let place):
                "\(place): its manifest names the scenario \"\(name)\" more than once, so that nobody knows which "
                    + "counts are whose: give each of `scenarios` in that agent's settings an `id` of its own, "
                    + "and until then ask with --agent for the other hosts, or for another period"
            case .design(let error): "the schedule: \(error)"
            }
        }
    }

    /// Windows times hosts that are kept in memory at a time.
    package static let maximumCells = 5_000_000

    /// Windows of one length in a period, from its first multiple on. `block` is how long windows
    /// resemble each other.
    package init(
        from: Timestamp, to: Timestamp, window: Nanoseconds, block: Nanoseconds, hosts: Hosts,
        counting: Counting
    ) throws(Problem) {
        guard window > .zero, block >= window else { throw .block }
        let length = window.rawValue
        let first = from.rawValue / length + (from.rawValue.isMultiple(of: length) ? 0 : 1)
        let last = to.rawValue / length
        guard from < to else { throw .reversed }
        guard first < last else { throw .empty }
        guard last - first <= UInt64(Regression.maximumWindows) else { throw .tooManyWindows }
        stretches = (first..<last).map { index in
            Interval(start: Timestamp(index * length), end: Timestamp((index + 1) * length))
        }
        self.length = window
        let (whole, rest) = block.rawValue.quotientAndRemainder(dividingBy: length)
        // Longer than all windows is all windows.
        self.block = min(Int(clamping: whole), Regression.maximumWindows) + (rest > 0 ? 1 : 0)
        gates = .production
        coverage = 0.95
        schedule = nil
        self.hosts = hosts
        self.counting = counting
    }

    /// What a schedule names: hosts have rules for it, or it is mistyped.
    var scheduled: [ScenarioID] { schedule?.scenarios ?? [] }

    /// The blocks of a load test, each without its washout. They are drawn alone: their order is random.
    /// Throws where the schedule is of no such test.
    package init(
        _ schedule: LoadSchedule, hosts: Hosts, counting: Counting
    ) throws(Problem) {
        do throws(ScheduleError) { try schedule.checkDesign() } catch { throw .design(error) }
        stretches = schedule.blocks.map { Interval(start: $0.measuredFrom, end: $0.end) }
        length = nil
        block = 1
        gates = .designed
        coverage = LoadSchedule.coverage.lowerBound
        self.schedule = schedule
        self.hosts = hosts
        self.counting = counting
    }
}
