package import Metering

/// What a meter counted from one reading to the next: a PDU outlet, a bill, a rack's meter.
package struct MeterReading: Sendable, Hashable {
    package var meter: String
    package var interval: Interval
    package var energy: Microjoules

    package init(meter: String, interval: Interval, energy: Microjoules) {
        self.meter = meter
        self.interval = interval
        self.energy = energy
    }
}

/// What the business ledger says of one scenario over a stretch of time, usually a day.
package struct LedgerTotal: Sendable, Hashable {
    package var scenario: ScenarioID
    package var interval: Interval
    package var flows: UInt64

    package init(scenario: ScenarioID, interval: Interval, flows: UInt64) {
        self.scenario = scenario
        self.interval = interval
        self.flows = flows
    }
}

/// A line of the company's list of machines.
package struct Asset: Sendable, Hashable {
    package var id: String
    package var site: String
    package var role: String
    /// The agent or device of the plan that stands for it; `nil` where it lies outside the boundary.
    package var plannedAs: String?

    package init(id: String, site: String, role: String, plannedAs: String? = nil) {
        self.id = id
        self.site = site
        self.role = role
        self.plannedAs = plannedAs
    }
}
