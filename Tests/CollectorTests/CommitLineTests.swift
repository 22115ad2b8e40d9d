import Testing

@testable import Collector

@Suite("Batches wait for the disk in the order of their coming")
struct CommitLineTests {
    private struct Batch: Hashable {
        let agent: Int
        let number: Int
    }

    /// Agents that each have one batch in the line at a time, and the next some transactions after
    /// that was written: agent 0 brings little, the others up to a transaction's worth.
    private struct Fleet {
        var line = CommitLine<Batch>()
        var random: SeededNumbers
        /// Of each agent, batches that were written.
        var written: [Int]
        /// Of each agent's batch in the line: `written` of all when it came.
        var came: [[Int]?]
        /// Those that have none in the line.
        var idle: [Int]
        var sizes: [Batch: Int] = [:]

        init(agents: Int, seed: UInt64) {
            random = SeededNumbers(seed)
            written = Array(repeating: 0, count: agents)
            came = Array(repeating: nil, count: agents)
            idle = Array(0..<agents)
        }

        mutating func bring(_ share: ClosedRange<Int>) {
            idle.shuffle(using: &random)
            let count = idle.count * Int.random(in: share, using: &random) / 100
            for agent in idle.suffix(count) {
                let batch = Batch(agent: agent, number: written[agent])
                let most = Int.random(in: 0...50, using: &random) == 0 ? 20 << 20 : 4 << 20
                sizes[batch] = agent == 0 ? 200 : Int.random(in: 1...most, using: &random)
                line.append(batch, bytes: sizes[batch] ?? 0)
                came[agent] = written
            }
            idle.removeLast(count)
        }

        mutating func write(_ group: [Batch]) {
            for batch in group {
                written[batch.agent] += 1
                came[batch.agent] = nil
            }
            idle += group.map(\.agent)
        }
    }

    @Test("so that none waits for more than one of each other agent", arguments: 1...20)
    func turns(seed: UInt64) throws {
        var fleet = Fleet(agents: 100, seed: seed)
        for round in 0..<400 {
            // All at once, few at a time, and all that is left to the end.
            fleet.bring(round % 3 == 0 ? 100...100 : 0...30)
            let group = fleet.line.next()
            for batch in group {
                let before = try #require(fleet.came[batch.agent])
                for other in fleet.written.indices where other != batch.agent {
                    let overtaken = fleet.written[other] - before[other]
                    #expect(overtaken <= 1, "agent \(other) overtook agent \(batch.agent)")
                }
            }
            fleet.write(group)
        }
        let (least, most) = (fleet.written.min() ?? 0, fleet.written.max() ?? 0)
        #expect(least > 0 && most - least <= most / 2)
    }

    @Test("and a transaction takes as many as there is room for, and one at least")
    func room() {
        for seed: UInt64 in 1...20 {
            var fleet = Fleet(agents: 300, seed: seed)
            fleet.bring(100...100)
            var came: [Batch] = []
            var groups: [[Batch]] = []
            while !fleet.line.isEmpty {
                groups.append(fleet.line.next())
                came += groups.last ?? []
            }
            #expect(Set(came).count == 300 && came.count == 300)
            for (group, next) in zip(groups, groups.dropFirst()) {
                let bytes = group.reduce(0) { $0 + (fleet.sizes[$1] ?? 0) }
                #expect(group.count == 1 || bytes <= CommitLine<Batch>.mostBytes)
                #expect(1...CommitLine<Batch>.most ~= group.count)
                let more = bytes + (fleet.sizes[next[0]] ?? 0)
                #expect(
                    group.count == CommitLine<Batch>.most || more > CommitLine<Batch>.mostBytes)
            }
        }
        var many = CommitLine<Int>()
        for number in 0..<200 { many.append(number, bytes: 1) }
        #expect(many.next() == Array(0..<128) && many.next() == Array(128..<200))
        #expect(many.next().isEmpty)
    }
}
