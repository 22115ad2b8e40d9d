import Metering
import Testing

@testable import Agent

@Suite("Connections left out to keep to a share of a processor")
struct LoadSheddingTests {
    /// The share that is left out after each second, where following everything would cost `demand`
    /// percent of a processor in that second, and what is left out costs nothing.
    private func parts(limit: Int, demand: [Int]) -> [UInt16] {
        var shedding = LoadShedding(percent: limit)
        var cpu: UInt64 = 0
        var parts: [UInt16] = []
        for (second, demand) in demand.enumerated() {
            for half in 0..<2 {
                let time = Nanoseconds(UInt64(second * 2 + half) * 500_000_000)
                _ = shedding.note(cpu: Nanoseconds(cpu), at: time)
                cpu += 5_000_000 * UInt64(demand) * UInt64(256 - shedding.parts) / 256
            }
            parts.append(shedding.parts)
        }
        return parts
    }

    @Test("are none as long as the limit is kept")
    func none() {
        #expect(parts(limit: 5, demand: Array(repeating: 5, count: 60)).allSatisfy { $0 == 0 })
    }

    @Test("are as many as keep it, within some seconds, and none again when the load is gone")
    func follow() {
        let demand = Array(repeating: 50, count: 60) + Array(repeating: 2, count: 60)
        let parts = parts(limit: 10, demand: demand)
        // A fifth of the connections is within the limit.
        for share in parts[20..<60] { #expect((150...240).contains(share), "\(parts)") }
        #expect(parts.last == 0, "\(parts)")
    }

    @Test("are never all")
    func most() {
        let parts = parts(limit: 1, demand: Array(repeating: 100_000, count: 100))
        #expect(parts.last == LoadShedding.mostParts)
    }

    @Test("change only where half a second has passed, whatever the clocks say")
    func clocks() {
        var shedding = LoadShedding(percent: 5)
        let readings: [(cpu: Nanoseconds, time: Nanoseconds)] = [
            (.seconds(5), .seconds(1)), (.seconds(6), .milliseconds(1400)), (.seconds(6), .zero),
            (.seconds(6), .milliseconds(1500)), (.zero, Nanoseconds(.max)),
        ]
        let changes = readings.map { shedding.note(cpu: $0.cpu, at: $0.time) }
        // The last one takes something back.
        #expect(changes == [false, false, false, true, true])
    }
}
