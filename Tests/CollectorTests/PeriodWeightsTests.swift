import Foundation
import GRDB
import Metering
import Report
import Store
import Testing

@testable import Collector

/// A day, in the columns of a store.
private let away = "start_ns = start_ns - 86400000000000, end_ns = end_ns - 86400000000000"

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

    private func answer(
        _ minutes: UInt64, window: Nanoseconds = .seconds(60)
    ) throws -> WeightsContent {
        try Pipeline.weights(
            WeightsRequest(
                from: Timestamp(origin * 1_000_000_000),
                to: Timestamp((origin + minutes * 60) * 1_000_000_000), window: window,
                block: .seconds(1_800), hosts: .all, counting: .exchanges), from: store)
    }

    @Test("windows that records do not fit into tell nothing, and which do", arguments: [30, 90])
    func otherWindows(seconds: UInt64) throws {
        try WeighedAgent("a", length: 60).store(
            minutes(60, variation: 0.5...1.5), from: origin, in: store, noiseJoules: 10)
        for part in try answer(60, window: .seconds(seconds)).parts {
            #expect(
                part.obstacles == [
                    "no window is whole on every host: ask for windows as long as the agents' own, "
                        + "or a multiple of that"
                ])
        }
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

    @Test("Shapley's value takes as many windows as any figure, on the windows that it uses")
    func shapleyWindows() throws {
        let known = 300
        try WeighedAgent("a", length: 60).store(
            minutes(1_440, variation: 0.5...1.5), from: origin, in: store, noiseJoules: 10,
            changes: Dictionary(
                uniqueKeysWithValues: (known..<1_440).map { ($0, .energyUnknown) }))
        let content = try answer(1_440)
        #expect(content.parts.map(\.windows) == [1_440, known, known])
        #expect(content.parts[0].obstacles.isEmpty)
        let obstacle = try #require(content.shapley.obstacle)
        #expect(obstacle.contains("300 windows, and 1000 are needed"))
        #expect(content.shapley.perFlow.isEmpty && content.shapley.curves.isEmpty)
    }

    @Test("a host whose CPU time follows no scenario has no Shapley value, and is named")
    func shapleyGates() throws {
        let minutes = minutes(1_440, variation: 0.5...1.5)
        try WeighedAgent("a", length: 60).store(
            minutes, from: origin, in: store, noiseJoules: 10)
        // What this one does has nothing to do with what the other counts.
        var random = SplitMix(state: 5)
        let other = minutes.map { _ in [UInt64.random(in: 0...60, using: &random), 0, 0, 0] }
        try WeighedAgent("b", length: 60, counts: false).store(
            other, from: origin, in: store, seed: 9, noiseJoules: 10)
        let content = try answer(1_440)
        #expect(content.parts[0].obstacles.isEmpty)
        let obstacle = try #require(content.shapley.obstacle)
        #expect(obstacle.hasPrefix("host b: ") && obstacle.contains("held out"))
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

    @Test(
        "records kept as of another time or run than they tell are counted, and take no part",
        arguments: [
            (away, "sequence = 7", 1, 1),
            (away, "1", 1_100, 1_100),
            ("start_ns = start_ns + 1000000000", "sequence = 7", 1, 1),
            ("sequence = sequence + 100", "sequence BETWEEN 1098 AND 1100", 3, 3),
            (
                "bytes = (SELECT bytes FROM records WHERE sequence = 10)",
                "sequence BETWEEN 11 AND 20", 10, 10
            ),
        ] as [(String, String, UInt64, Int)])
    func misplaced(change: String, place: String, count: UInt64, missing: Int) throws {
        try WeighedAgent("a", length: 60).store(
            minutes(1_100, variation: 0.5...1.5), from: origin, in: store, noiseJoules: 10)
        #expect(try answer(1_100).unreadable == 0)
        let raw = try DatabaseQueue(path: directory.path + "/records.db")
        try raw.write { try $0.execute(sql: "UPDATE records SET \(change) WHERE \(place)") }
        try raw.close()
        let content = try answer(1_100)
        #expect(content.unreadable == count)
        #expect(content.wholeWindows == 1_100 - missing)
        #expect(content.table().contains("kept as of another time or host"))
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
