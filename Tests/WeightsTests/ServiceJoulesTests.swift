import Metering
import Testing

@testable import Weights

@Suite("Joules per flow by CPU time")
struct ServiceJoulesTests {
    private func minute(
        _ index: UInt64, _ hosts: [ServiceUse], _ counts: [Double]
    ) -> ServiceStretch {
        ServiceStretch(
            start: Timestamp(index * 60_000_000_000), seconds: 60, hosts: hosts, counts: counts)
    }

    /// The worked example of docs/attribution.md: minutes of a host with 100 W idle whose other programs
    /// are busy for 20 s of each, 30 J a CPU second.
    private var example: [ServiceStretch] {
        let counts = [[0.0, 0], [100, 0], [0, 1000], [100, 1000], [50, 500], [20, 2000]]
        return counts.enumerated().map { index, counts in
            let cpu = 0.048 * counts[0] + 0.002 * counts[1]
            let use = ServiceUse(
                cpuSeconds: cpu, busySeconds: cpu + 20, joules: 6_000 + 30 * (cpu + 20),
                idleJoules: 6_000)
            return minute(UInt64(index), [use], counts)
        }
    }

    private func perFlow(_ windows: [RegressionWindow]) throws -> [Double] {
        var settings = RegressionSettings(
            reference: 1, weights: [nil, nil], block: 1, gates: .designed)
        settings.replicates = 0
        let found = try Regression(windows, scenarios: 2, settings: settings)
        return found.scenarios.map { $0?.value ?? .nan }
    }

    @Test("the documented example comes out, whatever else is busy")
    func workedExample() throws {
        let stretches = example
        let price = try #require(ServiceJoules.prices(stretches).first)
        #expect((price - 30).magnitude < 1e-9)
        let found = try perFlow(ServiceJoules.windows(stretches, pricedBy: stretches))
        #expect((found[0] - 1.44).magnitude < 1e-9)
        #expect((found[1] - 0.06).magnitude < 1e-9)
    }

    @Test("each host's CPU seconds have its own price")
    func twoHosts() throws {
        let stretches = example.map { stretch in
            let back = ServiceUse(
                cpuSeconds: 0.01 * stretch.counts[0], busySeconds: 0.01 * stretch.counts[0],
                joules: 3_000 + 0.01 * stretch.counts[0] * 50, idleJoules: 3_000)
            return ServiceStretch(
                start: stretch.start, seconds: 60, hosts: stretch.hosts + [back],
                counts: stretch.counts)
        }
        let found = try perFlow(ServiceJoules.windows(stretches, pricedBy: stretches))
        #expect((found[0] - (1.44 + 0.5)).magnitude < 1e-9)
        #expect((found[1] - 0.06).magnitude < 1e-9)
    }

    @Test("what services used is what the flows and the background use together")
    func conservation() throws {
        // Twice the power where it is busier: the price is that of what was used.
        let stretches = example.map { stretch in
            let cpu = stretch.hosts[0].cpuSeconds + 1
            return minute(
                stretch.start.rawValue / 60_000_000_000,
                [ServiceUse(cpuSeconds: cpu, busySeconds: cpu, joules: cpu * cpu, idleJoules: 0)],
                stretch.counts)
        }
        let joules = stretches.reduce(0) { $0 + $1.hosts[0].joules }
        let used = ServiceJoules.windows(stretches, pricedBy: stretches).reduce(0) { $0 + $1.used }
        #expect((used / joules - 1).magnitude < 1e-12)
    }

    @Test("an energy below idle, and a host where nobody was busy, give nothing")
    func nothing() {
        let below = ServiceUse(cpuSeconds: 1, busySeconds: 2, joules: 5, idleJoules: 6)
        #expect(below.joules == 0 && below.cpuSeconds == 1)
        let quiet = ServiceUse(cpuSeconds: 0, busySeconds: 0, joules: 9, idleJoules: 6)
        #expect(quiet.joules == 0)
        #expect(ServiceJoules.prices([minute(0, [quiet], [1])]) == [0])
        #expect(ServiceJoules.prices([]).isEmpty)
        // Σc above C, as the cut of ticks can have it: all is the services'.
        let raised = ServiceUse(cpuSeconds: 2, busySeconds: 1.9, joules: 16, idleJoules: 6)
        #expect(raised.joules == 10)
    }
}
