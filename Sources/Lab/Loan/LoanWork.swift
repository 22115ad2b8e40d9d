package import Metering

/// How the loan application works on a request.
package struct LoanWork: Sendable {
    /// CPU time of one unit of work.
    package var unit: Nanoseconds
    /// Units of a request by scenario, in the order of `LoanScenario.allCases`.
    package var units: [UInt64] = LoanScenario.allCases.map(\.units)
    /// How long a request waits for something else before it burns, by scenario: its thread sleeps.
    package var waits: [Nanoseconds] = LoanScenario.allCases.map { _ in .zero }
    /// Threads that serve connections. Each connection belongs to one.
    package var threads = 3
    /// Threads that requests are handed to; 0 where those of the connections work on them.
    package var pool = 0
    /// Where CPU time is told.
    package var told: CPULedger?

    package init(unit: Nanoseconds) { self.unit = unit }

    /// CPU time of a request.
    func cost(of scenario: LoanScenario) -> Nanoseconds {
        Nanoseconds(unit.rawValue.multipliedClamped(by: units[scenario.place]))
    }

    /// From where the calling thread's CPU time belongs to the request that it has read: where CPU time
    /// is told, reading it is part of what it costs.
    var start: Nanoseconds { told == nil ? LabClock.thread : CPULedger.toldByThread }

    /// Tells whose the CPU time is that the calling thread used.
    func tell(_ scenario: LoanScenario?) { told?.add(scenario?.place ?? CPULedger.other) }
}

extension LoanScenario {
    /// Its place in `allCases`.
    var place: Int {
        switch self {
        case .credit: 0
        case .drawdown: 1
        case .repayment: 2
        case .query: 3
        }
    }
}
