import Foundation
import Metering
import Report
import Store
import Testing

@testable import Collector

@Suite("Measured weights of a period")
struct PeriodWeightsTests {
    let directory: TemporaryDirectory
    let store: SQLiteRecordStore

    init() throws {
        directory = try TemporaryDirectory()
        store = try SQLiteRecordStore(path: directory.path + "/records.db")
    }

    private func minutes(_ count: Int, variation: ClosedRange<Double>) -> [[UInt64]] {
        var random = SplitMix(state: 8)
        return (0..<count).map { minute in
            let level = 1 + 0.7 * sin(Double(minute) / 229)
            return [60.0, 180, 600, 6_000].map { mean in
                UInt64(mean * level * Double.random(in: variation, using: &random))
            }
        }
    }

    private func answer(_ minutes: UInt64) throws -> WeightsContent {
        try Pipeline.weights(
            WeightsRequest(
                from: Timestamp(origin * 1_000_000_000),
                to: Timestamp((origin + minutes * 60) * 1_000_000_000), window: .seconds(60),
                block: .seconds(1_800), hosts: .all, counting: .exchanges), from: store)
    }

    @Test("a day whose mix varies tells the weights; half of it does not suffice, in words")
    func day() throws {
        try WeighedAgent("a", length: 60).store(
            minutes(1_440, variation: 0.5...1.5), from: origin, in: store, noiseJoules: 10)
        let content = try answer(1_440)
        #expect(content.wholeWindows == 1_440)
        #expect(content.parts.map(\.obstacles) == [[], [], []])
        #expect(content.parts.map(\.blocks) == [48, 48, 48])
        for part in content.parts {
            #expect(part.lines.map(\.verdict) == ["consistent", "consistent", "consistent", nil])
        }
        let half = try answer(720)
        for part in half.parts {
            #expect(part.obstacles.contains { $0.contains("720 windows, and 1000 are needed") })
            #expect(part.lines.allSatisfy { $0.perFlow == nil })
            #expect(part.lines.map(\.verdict) == nothingTold)
            #expect(part.background == nil)
            #expect(part.units == nil)
        }
        #expect(half.shapley.obstacle != nil)
        #expect(half.table().contains("Not told: 720 windows"))
    }

    @Test("a mix that does not vary tells nothing and points to a test")
    func collinear() throws {
        try WeighedAgent("a", length: 60).store(
            minutes(1_100, variation: 0.999...1.001), from: origin, in: store, noiseJoules: 10)
        let content = try answer(1_100)
        for part in content.parts {
            #expect(part.obstacles.contains { $0.contains("factorial test") })
            #expect(part.lines.allSatisfy { $0.ratio == nil })
        }
    }

    @Test("requests that are none are refused")
    func problems() {
        func request(_ from: UInt64, _ to: UInt64, _ window: UInt64, _ block: UInt64) throws {
            _ = try WeightsRequest(
                from: Timestamp(from * 1_000_000_000), to: Timestamp(to * 1_000_000_000),
                window: .seconds(window), block: .seconds(block), hosts: .all, counting: .flows)
        }
        #expect(throws: WeightsRequest.Problem.empty) { try request(0, 59, 60, 60) }
        #expect(throws: WeightsRequest.Problem.reversed) { try request(100, 0, 60, 60) }
        #expect(throws: WeightsRequest.Problem.reversed) { try request(60, 60, 60, 60) }
        #expect(throws: WeightsRequest.Problem.block) { try request(0, 600, 60, 59) }
        #expect(throws: WeightsRequest.Problem.block) { try request(0, 600, 0, 59) }
        #expect(throws: WeightsRequest.Problem.tooManyWindows) {
            try request(0, 10_000_000, 1, 1)
        }
    }
}
