package import Metering

/// What the services of one host used in a stretch of time: CPU seconds, and the joules that fall to
/// them by CPU time.
package struct ServiceUse: Sendable, Hashable {
    package private(set) var cpuSeconds = 0.0
    package private(set) var joules = 0.0

    /// Nothing.
    package init() {}

    /// Of one window: (E − E_idle) · c / max(C, c), c the CPU seconds of all services together and C
    /// those of the host. No joules where nobody was busy, or E lies below E_idle.
    package init(
        cpuSeconds: Double, busySeconds: Double, joules: Double, idleJoules: Double
    ) {
        self.cpuSeconds = cpuSeconds
        let busy = max(busySeconds, cpuSeconds)
        self.joules = busy > 0 ? max(0, joules - idleJoules) * cpuSeconds / busy : 0
    }

    package static func += (sum: inout Self, other: Self) {
        sum.cpuSeconds += other.cpuSeconds
        sum.joules += other.joules
    }
}

/// A stretch of time: what the services of each host used in it, and how often each scenario took place.
package struct ServiceStretch: Sendable, Hashable {
    package let start: Timestamp
    package let seconds: Double
    /// One element for each host, in one order in all stretches.
    package let hosts: [ServiceUse]
    /// Exchanges or flows by scenario.
    package let counts: [Double]

    package init(start: Timestamp, seconds: Double, hosts: [ServiceUse], counts: [Double]) {
        self.start = start
        self.seconds = seconds
        self.hosts = hosts
        self.counts = counts
    }
}

/// Joules per flow by the regression of CPU seconds: what a host's services used of its energy is put
/// on each of their CPU seconds alike, and CPU seconds are told by scenario.
package enum ServiceJoules {
    /// Joules of a CPU second of the services on each host: those of all stretches by their CPU
    /// seconds; 0 on a host whose services used none.
    package static func prices(_ stretches: [ServiceStretch]) -> [Double] {
        let hosts = stretches.map(\.hosts.count).min() ?? 0
        return (0..<hosts).map { host in
            var sum = ServiceUse()
            for stretch in stretches { sum += stretch.hosts[host] }
            return sum.cpuSeconds > 0 ? sum.joules / sum.cpuSeconds : 0
        }
    }

    /// Each stretch's CPU seconds at the prices of others, or of the same: what a ``Regression`` makes
    /// joules per flow of.
    package static func windows(
        _ stretches: [ServiceStretch], pricedBy others: [ServiceStretch]
    ) -> [RegressionWindow] {
        let prices = prices(others)
        return stretches.map { stretch in
            RegressionWindow(
                start: stretch.start, seconds: stretch.seconds,
                used: zip(prices, stretch.hosts).reduce(0) { $0 + $1.0 * $1.1.cpuSeconds },
                counts: stretch.counts)
        }
    }

    /// Most that ``holdOut(_:)`` may be for joules to be told.
    package static let mostHoldOut = 0.25

    /// How far the joules of each part of the period (a day, an eighth of shorter ones) lie from its CPU
    /// seconds at the others' price, all parts together by all joules; of the host where that is most.
    /// `nil` where services used none.
    package static func holdOut(_ stretches: [ServiceStretch]) -> Double? {
        let hosts = stretches.map(\.hosts.count).min() ?? 0
        let parts = HeldOut.parts(of: stretches.map(\.start))
        return (0..<hosts).compactMap { host -> Double? in
            let uses = parts.map { part in
                stretches[part].reduce(into: ServiceUse()) { $0 += $1.hosts[host] }
            }
            let joules = uses.reduce(0) { $0 + $1.joules }
            let seconds = uses.reduce(0) { $0 + $1.cpuSeconds }
            guard joules > 0 else { return nil }
            return uses.reduce(0) { missed, part in
                let others = seconds - part.cpuSeconds
                let price = others > 0 ? (joules - part.joules) / others : 0
                return missed + (part.joules - price * part.cpuSeconds).magnitude
            } / joules
        }.max()
    }
}
