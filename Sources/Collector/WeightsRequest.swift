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
    package var factor: EmissionFactor?

    /// Why there is no such request.
    package enum Problem: Error, Sendable, Hashable, CustomStringConvertible {
        case empty
        case block
        case tooManyWindows
        case tooManyCells
        case unknownHosts([String])
        case unknownSite(String)

        package var description: String {
            switch self {
            case .empty: "the period is shorter than a window"
            case .block: "a block is at least as long as a window"
            case .tooManyWindows:
                "more than \(Regression.maximumWindows) windows: ask for longer windows or less time"
            case .tooManyCells:
                "more than \(WeightsRequest.maximumCells) windows of all hosts together: ask for "
                    + "longer windows, fewer hosts or less time"
            case .unknownHosts(let names):
                "the store knows no host \(names.joined(separator: ", "))"
            case .unknownSite(let name): "the plan has no host at the site \(name)"
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
        guard first < last else { throw .empty }
        guard last - first <= UInt64(Regression.maximumWindows) else { throw .tooManyWindows }
        stretches = (first..<last).map { index in
            Interval(start: Timestamp(index * length), end: Timestamp((index + 1) * length))
        }
        self.length = window
        self.block = Int(clamping: (block.rawValue + length - 1) / length)
        gates = .production
        coverage = 0.95
        self.hosts = hosts
        self.counting = counting
    }

    /// The blocks of a load test, each without its washout. They are drawn alone: their order is random.
    package init(_ schedule: LoadSchedule, hosts: Hosts, counting: Counting) {
        stretches = schedule.blocks.map { Interval(start: $0.measuredFrom, end: $0.end) }
        length = nil
        block = 1
        gates = .designed
        coverage = 0.9
        self.hosts = hosts
        self.counting = counting
    }
}
