import Metering
import Testing

@testable import Scenarios

@Suite("The table of flows")
struct FlowTableTests {
    @Test("holds what a dictionary holds, and the order of use", arguments: 0..<10)
    func dictionary(seed: Int) {
        var random = SeededGenerator(seed)
        var table = FlowTable()
        table.reserve(scenarios: 3)
        var expected: [UInt64: FlowState] = [:]
        for time in 1...4000 {
            // Digests that crowd at the table's end and beginning.
            let digest = UInt64.random(in: 0..<600, using: &random) &- 300
            var state = FlowState(
                digest: digest, steps: 0, time: Timestamp(UInt64(time)),
                scenario: UInt16(digest % 3), standing: .open, isIncomplete: false)
            state.standing = [.open, .completed, .early].randomElement(using: &random) ?? .open
            let row = table.find(digest)
            #expect((row != nil) == (expected[digest] != nil))
            if let row, Int.random(in: 0..<3, using: &random) == 0 {
                table.remove(row)
                expected[digest] = nil
            } else if let row {
                table.update(row, state)
                expected[digest] = state
            } else {
                table.insert(state)
                expected[digest] = state
            }
            #expect(table.count == expected.count)
        }
        for (digest, state) in expected {
            #expect(table.find(digest).map { table[$0] } == state)
        }
        for scenario in 0..<3 {
            for (use, standing) in [
                (.open, .open), (.ended, .completed), (.early, .early),
            ] as [(FlowTable.Use, FlowStanding)] {
                let least = expected.values.filter {
                    Int($0.scenario) == scenario && $0.standing == standing
                }.min { $0.time < $1.time }
                #expect(table.oldest(of: scenario, use).map { table[$0] } == least)
            }
        }
    }
}
