import Metering
import Report
import Weights

extension WeightsEvaluation {
    /// What is told of each quantity: nothing where hosts changed what they count, or what took place did
    /// not follow the schedule.
    func parts() -> [WeightsContent.Part] {
        let reasons = uncounted() + strayed()
        return Quantity.allCases.map { quantity in
            let part = part(quantity)
            return part.windows == 0 || reasons.isEmpty ? part : part.withheld(reasons)
        }
    }

    var isTest: Bool { reading.request.schedule != nil }

    static let allLoads =
        ": read the test when it is over, and see that every load of its schedule takes place and nothing beside it"

    /// Says what stands against figures, and what to do; of a test that is not to plan one.
    func words(_ obstacle: RegressionObstacle) -> String {
        switch obstacle {
        case .windows(let count, let needed) where isTest,
            .blocks(let count, let needed) where isTest:
            "\(count) whole blocks tell it, and \(needed) are needed: read the test when it is over and its records "
                + "are there"
        case .condition(let number, let limit) where isTest:
            "what took place varies too little to tell scenarios apart: condition number "
                + "\((min(number, 1e12) * 10).rounded() / 10), at most \(limit)\(Self.allLoads)"
        default: obstacle.sentence(name)
        }
    }

    /// Why counts are not comparable, or not what they say.
    private func uncounted() -> [String] {
        let rules = hosts.compactMap { reading.rules[$0]?.obstacle(of: $0) }
        let flows = reading.fleet.sorted { $0.key.name < $1.key.name }
            .compactMap { $1.obstacle(of: $0) }
        let altered =
            reading.hasAlteredCompletions
            ? [
                "rows of completions are not what the records say, so that flows of several hosts cannot be told: "
                    + "jouleflow-collector verify names them"
            ] : []
        return rules + flows + altered + [beyond].compactMap { $0 }
    }

    /// Of each scenario that took place otherwise than a schedule says, in what way.
    private func strayed() -> [String] {
        guard let schedule = reading.request.schedule else { return [] }
        return unplanned(schedule)
            + schedule.scenarios.enumerated().compactMap { column, scenario in
                followed(schedule, column)?.obstacle(of: scenario)
            }
    }

    /// Of each scenario that took place and that the schedule does not name.
    private func unplanned(_ schedule: LoadSchedule) -> [String] {
        reading.scenarios.filter { scenario, counts in
            !schedule.scenarios.contains(scenario) && whole.contains { counts.exchanges[$0] > 0 }
        }.keys.map(\.name).sorted().map {
            "\($0) took place, and the schedule does not name it: beside it blocks are no independent windows; "
                + "plan the test with it, or keep it away"
        }
    }

    /// How often a scenario of the schedule took place while it was on and off; `nil` where no host knows it.
    private func followed(_ schedule: LoadSchedule, _ column: Int) -> ScheduledLoad? {
        guard let counts = reading.scenarios[schedule.scenarios[column]] else { return nil }
        return whole.reduce(into: ScheduledLoad()) { load, index in
            let stretch = reading.request.stretches[index]
            load.add(
                counts.exchanges[index], seconds: stretch.end.since(stretch.start).seconds,
                isOn: schedule.blocks[index].rates[column] > 0)
        }
    }
}

extension WeightsContent.Part {
    /// What it rests on, without its figures.
    fileprivate func withheld(_ reasons: [String]) -> Self {
        var part = Self(quantity: quantity, scenarios: lines.count)
        part.windows = windows
        part.blocks = blocks
        part.used = used
        part.prices = prices
        part.condition = condition
        part.autocorrelation = autocorrelation
        part.holdOut = holdOut
        part.obstacles = reasons + obstacles
        for (index, line) in lines.enumerated() where line.verdict != nil {
            part.lines[index].verdict = WeightVerdict.undetermined.rawValue
        }
        return part
    }
}
