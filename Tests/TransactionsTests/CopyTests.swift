import Metering
import Testing
import Traffic

@testable import Transactions

/// What a second place of capture makes of a packet.
enum CopyKind: CaseIterable, Sendable {
    case same, tagged, tunnelled, fragmented, cut

    func frames(_ segment: TestSegment, _ wrapper: inout Wrapper) -> [TestFrame] {
        let packet = wrapper.packet(segment, isIPv6: false)
        switch self {
        case .same: return [TestFrame(bytes: segment.frame)]
        case .tagged: return wrapper.frames(packet, layers: [], link: .ethernet, outer: [0x8100])
        case .tunnelled:
            return wrapper.frames(packet, layers: [.vxlan(port: 4789, tags: [])], link: .ethernet)
        case .fragmented: return wrapper.frames(packet, layers: [.fragments], link: .linuxSLL2)
        case .cut:
            return [TestFrame(bytes: segment.frame, captured: min(segment.frame.count, 120))]
        }
    }
}

@Suite("Packets captured twice")
struct CopyTests {
    /// Two connections, one after the other on the same ports.
    private static func traffic(isFalling: Bool) -> [TestSegment] {
        let numbers: [UInt32] = isFalling ? [5_000_000, 1000] : [1000, 5_000_000]
        return numbers.flatMap {
            connection(talk(8), clientStart: $0, serverStart: $0 / 3) { _ in
                Array(repeating: 450, count: 10)
            }
        }
    }

    /// Both streams of frames in the order of time, the copies `lag` frames late.
    private static func merged(
        _ segments: [TestSegment], _ kind: CopyKind, lag: Int, jitter: Int, seed: Int
    ) -> [TestFrame] {
        var wrapper = Wrapper(seed: seed)
        var timed: [(Int, Int, [TestFrame])] = []
        for (index, segment) in segments.enumerated() {
            timed.append((index * 2, index, CopyKind.same.frames(segment, &wrapper)))
            let late = lag + Int.random(in: 0...jitter, using: &wrapper.random)
            timed.append(((index + late) * 2 + 1, index, kind.frames(segment, &wrapper)))
        }
        return timed.sorted { ($0.0, $0.1) < ($1.0, $1.1) }.flatMap { $0.2 }
    }

    @Test(
        "A copy of every packet, early or late, in any wrapping, adds nothing",
        arguments: CopyKind.allCases, 0..<42)
    func copies(kind: CopyKind, seed: Int) {
        let segments = Self.traffic(isFalling: seed % 2 == 1)
        let bare = run(segments)
        #expect(bare.exchanges.count == 16)
        // From right behind the packet to behind the end of everything, also shuffled.
        let lag = [0, 1, 2, 7, 30, 60, segments.count][seed % 7]
        let result = run(
            Self.merged(segments, kind, lag: lag, jitter: seed / 7 * 2, seed: seed), apart: 200_000)
        #expect(result.exchanges == bare.exchanges)
        #expect(result.counters.connections == bare.counters.connections)
        #expect(result.counters.unpairedResponses == 0)
        #expect(result.counters.unpairedRequests == 0)
        #expect(result.counters.gaps == 0)
    }

    @Test("Copies that come first, but cut, count once too", arguments: 0..<10)
    func cutFirst(seed: Int) {
        let segments = connection(talk(8)) { _ in Array(repeating: 450, count: 10) }
        var wrapper = Wrapper(seed: seed)
        let frames = segments.flatMap {
            CopyKind.cut.frames($0, &wrapper) + CopyKind.same.frames($0, &wrapper)
        }
        let result = run(frames)
        #expect(result.exchanges.map(\.target) == (0..<8).map { "/n/\($0)" })
        #expect(result.counters.connections == 1)
        #expect(result.counters.unpairedResponses == 0)
    }

    @Test("A capture of everything once more, within the time a closed connection is remembered")
    func everythingAgain() {
        let segments = connection(talk(8))
        let result = run((segments + segments).map { TestFrame(bytes: $0.frame) })
        #expect(result.exchanges.count == 8)
        #expect(result.counters.connections == 1)
    }
}
