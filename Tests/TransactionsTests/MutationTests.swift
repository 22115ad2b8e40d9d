import Testing
import Traffic

@testable import Transactions

/// What a capture does to traffic, with the same kinds of change that real ones show.
enum Mutation: CaseIterable, Sendable {
    case none, reordered, duplicated, doubled, overlapping, everything

    func apply(_ segments: [TestSegment], using random: inout SeededGenerator) -> [TestSegment] {
        var result = segments
        func swap() {
            for index in stride(from: result.count - 1, to: 3, by: -1)
            where Int.random(in: 0..<30, using: &random) == 0 {
                result.swapAt(index, index - 1)
            }
        }
        func repeats(_ change: (TestSegment) -> [TestSegment]) {
            result = result.flatMap {
                Int.random(in: 0..<20, using: &random) == 0 ? [$0] + change($0) : [$0]
            }
        }
        switch self {
        case .none: break
        case .reordered: swap()
        case .duplicated: repeats { [$0] }
        case .doubled: result = result.flatMap { [$0, $0] }
        case .overlapping: result = Self.overlapping(result, using: &random)
        case .everything:
            result = Self.overlapping(result, using: &random)
            repeats { [$0] }
            swap()
        }
        return result
    }

    /// Sends neighbours of one direction once more, as one segment, and some of them before.
    private static func overlapping(
        _ segments: [TestSegment], using random: inout SeededGenerator
    ) -> [TestSegment] {
        var result: [TestSegment] = []
        for (index, segment) in segments.enumerated() {
            result.append(segment)
            guard index > 3, Int.random(in: 0..<15, using: &random) == 0 else { continue }
            let before = segments[index - 1]
            guard before.toServer == segment.toServer, !segment.payload.isEmpty else { continue }
            var joined = before
            joined.payload += segment.payload
            let isEarly = Bool.random(using: &random)
            result.insert(joined, at: isEarly ? result.count - 1 : result.count)
        }
        return result
    }
}

@Suite("Changed traffic")
struct MutationTests {
    @Test(
        "gives every exchange once while all its bytes are there",
        arguments: DialogueKind.allCases, Mutation.allCases)
    func exact(kind: DialogueKind, mutation: Mutation) {
        for seed in 0..<12 {
            let size = [1460, 100, 37][seed % 3]
            let dialogue = Dialogue(kind, count: 40, segmentSize: size, seed: seed)
            var random = SeededGenerator(seed: UInt64(seed) + 99)
            let result = run(mutation.apply(dialogue.segments, using: &random))
            #expect(result.exchanges.map(\.target) == dialogue.exchanges.map(\.target))
            #expect(result.exchanges.compactMap(dialogue.fault) == [], "seed \(seed)")
            #expect(result.exchanges.allSatisfy { $0.isComplete })
            #expect(result.counters.unpairedRequests == 0)
            #expect(result.counters.unpairedResponses == 0)
            #expect(result.counters.malformedTotal == 0)
            #expect(result.counters.gaps == 0, "seed \(seed)")
        }
    }

    @Test("never gives a false pair when segments are lost", arguments: DialogueKind.allCases)
    func loss(kind: DialogueKind) {
        for seed in 0..<300 {
            let size = [1460, 100, 37][seed % 3]
            let dialogue = Dialogue(kind, count: 30, segmentSize: size, seed: seed)
            var random = SeededGenerator(seed: UInt64(seed))
            let share = [200, 50, 10, 4][seed / 3 % 4]
            // Of a client that is always ahead nothing tells if its first requests are all lost.
            let spared = kind == .sliding ? 30 : 0
            let kept = dialogue.segments.enumerated().filter {
                $0.offset < spared || Int.random(in: 0..<share, using: &random) > 0
            }.map(\.element)
            let mutated = [Mutation.none, .reordered, .duplicated][seed % 3]
                .apply(kept, using: &random)
            let result = run(mutated)
            let faults = result.exchanges.compactMap(dialogue.fault)
            #expect(faults == [], "seed \(seed)")
            let targets = result.exchanges.map(\.target)
            #expect(Set(targets).count == targets.count, "seed \(seed)")
        }
    }

    @Test(
        "gives nearly all pairs whose heads are whole when segments are lost",
        arguments: [DialogueKind.plain, .chunked, .early], [500, 50])
    func recall(kind: DialogueKind, share: Int) {
        var wanted = 0
        var missed = 0
        for seed in 0..<40 {
            let dialogue = Dialogue(kind, count: 100, segmentSize: 100, seed: seed)
            var random = SeededGenerator(seed: UInt64(seed))
            var lost: [TestSegment] = []
            let kept = dialogue.segments.filter {
                guard Int.random(in: 0..<share, using: &random) == 0 else { return true }
                lost.append($0)
                return false
            }
            let seen = Set(run(kept).exchanges.map(\.target))
            let intact = dialogue.intact(without: lost)
            wanted += intact.count
            missed += intact.count { !seen.contains($0.target) }
        }
        #expect(wanted > 2000)
        // Where every 50th segment is lost, neighbours of a loss are lost too.
        #expect(missed * 1000 <= wanted * (share == 500 ? 1 : 20), "\(missed) of \(wanted)")
    }

    @Test(
        "gives every request and response when frames are cut behind the start line",
        arguments: [DialogueKind.plain, .chunked, .continued])
    func snapshotLength(kind: DialogueKind) {
        for seed in 0..<30 {
            let dialogue = Dialogue(kind, count: 40, segmentSize: 1460, seed: seed)
            let cut = dialogue.segments.map { segment in
                var segment = segment
                segment.captured = min(segment.payload.count, 34)
                return segment
            }
            let result = run(cut)
            #expect(result.exchanges.map(\.target) == dialogue.exchanges.map(\.target))
            #expect(result.exchanges.compactMap(dialogue.fault) == [], "seed \(seed)")
            #expect(result.counters.unpairedRequests == 0)
            #expect(result.counters.unpairedResponses == 0)
        }
    }

    @Test(
        "never gives a false pair when frames are cut and lost", arguments: DialogueKind.allCases)
    func cutAndLost(kind: DialogueKind) {
        for seed in 0..<120 {
            let dialogue = Dialogue(
                kind, count: 30, segmentSize: [1460, 100][seed % 2], seed: seed)
            var random = SeededGenerator(seed: UInt64(seed))
            let length = Int.random(in: 8...90, using: &random)
            let spared = kind == .sliding ? 30 : 0
            let kept = dialogue.segments.enumerated().filter {
                $0.offset < spared || Int.random(in: 0..<25, using: &random) > 0
            }.map { index, segment in
                var segment = segment
                if index >= spared { segment.captured = min(segment.payload.count, length) }
                return segment
            }
            let result = run(kept)
            #expect(result.exchanges.compactMap(dialogue.fault) == [], "seed \(seed)")
        }
    }

    @Test(
        "without its beginning is exact from the first whole request on",
        arguments: [DialogueKind.plain, .chunked, .continued, .early])
    func pickUp(kind: DialogueKind) {
        for seed in 0..<60 {
            let dialogue = Dialogue(kind, count: 12, segmentSize: 150, seed: seed)
            var random = SeededGenerator(seed: UInt64(seed))
            let first = Int.random(in: 2..<dialogue.segments.count, using: &random)
            let kept = Array(dialogue.segments[first...])
            let result = run(kept)
            let start = kept.first { $0.toServer }.map { dialogue.range($0).lowerBound } ?? .max
            let wanted = dialogue.exchanges.filter { $0.requestHead.lowerBound >= start }
            #expect(result.exchanges.map(\.target) == wanted.map(\.target), "seed \(seed)")
            #expect(result.exchanges.compactMap(dialogue.fault) == [], "seed \(seed)")
        }
    }
}
