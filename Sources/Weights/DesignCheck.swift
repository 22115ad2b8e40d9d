import Assessment
package import Metering

extension LoadSchedule {
    /// Throws where no load of this plan passes what `experiment read` asks of a designed test: too few
    /// blocks, or no query to compare with.
    package func checkPlan(repeats: Int) throws(ScheduleError) {
        guard scenarios.contains(.query) else { throw .noQuery }
        let needed = RegressionGates.designed.blocks
        guard blocks.count < needed, repeats > 0 else { return }
        let each = max(1, blocks.count / repeats)
        throw .fewBlocks(blocks.count, needed: needed, repeats: (needed + each - 1) / each)
    }

    /// Throws where blocks are no independent windows: every scenario is on in some and off in others,
    /// and no two are on together, or by turns, throughout.
    package func checkDesign() throws(ScheduleError) {
        let columns = scenarios.indices.map { index in blocks.map { $0.rates[index] > 0 } }
        for (scenario, column) in zip(scenarios, columns) {
            guard column.contains(true) else { throw .constant(scenario.name, isOn: false) }
            guard column.contains(false) else { throw .constant(scenario.name, isOn: true) }
        }
        for one in columns.indices {
            for other in columns.indices.dropFirst(one + 1) {
                let alike = zip(columns[one], columns[other]).lazy.map { $0 == $1 }
                let names = (scenarios[one].name, scenarios[other].name)
                guard alike.contains(false) else { throw .together(names.0, names.1) }
                guard alike.contains(true) else { throw .byTurns(names.0, names.1) }
            }
        }
    }
}

/// How often a scenario of a schedule took place in the blocks in which it was on, and in the others.
package struct ScheduledLoad: Sendable {
    /// What took place while it was off may be at most this part, per second, of that while it was on: then
    /// what was counted follows the schedule, and its blocks are independent windows.
    package static let largestOffRate = 0.5

    private var on = (count: 0.0, seconds: 0.0)
    private var off = (count: 0.0, seconds: 0.0)

    package init() {}

    /// Adds how often it took place in a block of so many measured seconds.
    package mutating func add(_ count: UInt64, seconds: Double, isOn: Bool) {
        if isOn {
            on = (on.count + Double(count), on.seconds + seconds)
        } else {
            off = (off.count + Double(count), off.seconds + seconds)
        }
    }

    /// Whether nothing took place, of which there is nothing to judge.
    private var isEmpty: Bool { on.count + off.count == 0 }

    /// Why what took place did not follow the schedule; `nil` where it did, or where nothing took place.
    package func obstacle(of scenario: ScenarioID) -> String? {
        guard !isEmpty else { return nil }
        guard on.seconds > 0, off.seconds > 0 else {
            return "\(scenario.name) took place, and the blocks in which it is "
                + (on.seconds > 0 ? "off" : "on")
                + " are not whole: whether it followed the schedule is not known"
        }
        let (high, low) = (on.count / on.seconds, off.count / off.seconds)
        guard low > Self.largestOffRate * high else { return nil }
        return "\(scenario.name) did not follow the schedule: \(Self.rate(low)) exchanges a second "
            + "in blocks in which it is off, \(Self.rate(high)) in those in which it is on; at most "
            + "half is needed, or blocks are no independent windows"
    }

    private static func rate(_ value: Double) -> String {
        value < 1e15 ? "\((value * 100).rounded() / 100)" : "\(value)"
    }
}
