internal import Metering
import Synchronization

/// What the loan application did, by its own knowledge.
package struct LoanTruth: Sendable, Codable {
    /// One scenario's part.
    package struct Scenario: Sendable, Codable {
        package var counts: OutcomeCounts
        /// CPU time of the threads while they served the scenario, in nanoseconds.
        package var cpuNanoseconds: UInt64
        /// Wall time between reading a request's end and having written its response.
        package var wallNanoseconds: UInt64

        enum CodingKeys: String, CodingKey {
            case counts
            case cpuNanoseconds = "cpu_nanoseconds"
            case wallNanoseconds = "wall_nanoseconds"
        }
    }

    /// By scenario id.
    package var scenarios: [String: Scenario]
    /// `/health`, unknown paths and wrong methods; `/truth` itself is not counted.
    package var other: OtherRequests
    /// CPU time of the whole process, in nanoseconds.
    package var processNanoseconds: UInt64

    enum CodingKeys: String, CodingKey {
        case scenarios, other
        case processNanoseconds = "process_cpu_nanoseconds"
    }

    /// The counts of one scenario.
    package subscript(_ scenario: LoanScenario) -> Scenario {
        scenarios[scenario.rawValue]
            ?? Scenario(counts: OutcomeCounts(), cpuNanoseconds: 0, wallNanoseconds: 0)
    }
}

/// Where the threads of the application add up what they did.
package final class LoanLedger: Sendable {
    private let truth = Mutex(
        LoanTruth(scenarios: [:], other: OtherRequests(), processNanoseconds: 0))

    package init() {}

    /// Adds one served request.
    func add(_ scenario: LoanScenario, _ outcome: LoanOutcome, cpu: Nanoseconds, wall: Nanoseconds)
    {
        truth.withLock {
            var sum = $0[scenario]
            sum.counts.add(outcome)
            sum.cpuNanoseconds += cpu.rawValue
            sum.wallNanoseconds += wall.rawValue
            $0.scenarios[scenario.rawValue] = sum
        }
    }

    /// Adds one request of no scenario.
    func addOther() { truth.withLock { $0.other.requests += 1 } }

    /// The sums of this moment, with every scenario named.
    package var snapshot: LoanTruth {
        var copy = truth.withLock { $0 }
        for scenario in LoanScenario.allCases { copy.scenarios[scenario.rawValue] = copy[scenario] }
        copy.processNanoseconds = LabClock.process.rawValue
        return copy
    }
}
