import Assessment
import Metering
import Testing

@testable import Weights

@Suite("A schedule says what a load test sends and when")
struct LoadScheduleTests {
    private static let loads = [
        (ScenarioID.credit, 4.0), (.drawdown, 10), (ScenarioID("a,b \"c\""), 0.5),
    ]

    private func schedule(
        block: Nanoseconds = .seconds(300), washout: Nanoseconds = .seconds(30),
        loads: [(ScenarioID, Double)] = loads,
        start: Timestamp = Timestamp(1_795_219_200_500_000_000)
    ) throws -> LoadSchedule {
        let design = try #require(FactorialDesign(scenarios: 3, repeats: 2, seed: 4))
        return try LoadSchedule(design, of: loads, start: start, block: block, washout: washout)
    }

    @Test("blocks follow each other, and each is measured after its washout")
    func blocks() throws {
        let schedule = try schedule()
        #expect(schedule.blocks.count == 16)
        for (one, next) in zip(schedule.blocks, schedule.blocks.dropFirst()) {
            #expect(one.end == next.start)
        }
        for block in schedule.blocks {
            #expect(block.measuredFrom == block.start + .seconds(30))
            #expect(block.end == block.start + .seconds(300))
            #expect(zip(block.rates, [4, 10, 0.5]).allSatisfy { $0 == 0 || $0 == $1 })
        }
    }

    @Test("a file reads back as it was written")
    func roundTrip() throws {
        let schedule = try schedule()
        #expect(try LoadSchedule(csv: schedule.csv) == schedule)
        #expect(schedule.csv.hasPrefix("block,start,measured_from,end,credit,drawdown,"))
        #expect(schedule.csv.contains("\r\n1,2026-11-21T00:00:00.5Z,2026-11-21T00:00:30.5Z,"))
    }

    @Test("every file that is cut short is refused or is a whole number of blocks")
    func truncation() throws {
        let schedule = try schedule()
        let text = Array(schedule.csv)
        for end in text.indices {
            guard let read = try? LoadSchedule(csv: String(text[..<end])) else { continue }
            // A last figure that lost digits is one all the same; all before it is whole.
            let whole = read.blocks.dropLast()
            #expect(Array(whole) == Array(schedule.blocks.prefix(whole.count)))
        }
    }

    private static let head = "block,start,measured_from,end,credit\n"
    private static let minute = "1,2026-11-21T00:00Z,2026-11-21T00:00Z,2026-11-21T00:01Z,"
    private static let broken: [(String, ScheduleError)] = [
        ("", .head),
        ("block,start,end,credit\n", .head),
        ("block,start,measured_from,end\n", .head),
        (
            "\nblock,start,measured_from,end,credit,query,credit\n",
            .line(
                2,
                "\"credit\" stands there twice: write each scenario in one column, with all of its load"
            )
        ),
        (
            "block,start,measured_from,end,credit,\n",
            .line(1, "a scenario has no name: write the one that the agents' settings give it")
        ),
        (head + "\n\n" + minute + "x\n", .line(4, "\"x\" is no number of flows a second")),
        (head, .line(2, "no block")),
        (
            head + "1,now,now,now,1\n",
            .line(2, "a time that is not of RFC 3339 with its zone")
        ),
        (
            head + "1,2026-11-21T00:00Z,2026-11-21T00:02Z,2026-11-21T00:01Z,1\n",
            .line(2, "start, measured_from and end are not in this order")
        ),
        (
            head + minute + "1\n" + minute + "1\n",
            .line(3, "block 2 is expected: blocks are numbered from 1")
        ),
        (head + minute + "nan\n", .line(2, "\"nan\" is no number of flows a second")),
        (head + minute + "-1\n", .line(2, "\"-1\" is no number of flows a second")),
        (head + minute + "1,1\n", .line(2, "another number of fields")),
        (
            head + minute + "1\n2" + minute.dropFirst() + "1\n",
            .line(3, "it begins before the block above it ends")
        ),
    ]

    @Test("what is wrong with a file is told with its line", arguments: broken)
    func wrong(text: String, problem: ScheduleError) {
        #expect(throws: problem) { try LoadSchedule(csv: text) }
    }

    @Test(
        "windows that leave too much of a block uncovered are refused, with lengths that do",
        arguments: [(60, "88.9"), (40, "88.9"), (100, "74.1"), (300, "0.0")])
    func windows(length: UInt64, percent: String) throws {
        let schedule = try schedule(start: Timestamp(1_795_219_200_000_000_000))
        let problem = #expect(throws: ScheduleError.self) {
            try schedule.check(window: .seconds(length))
        }
        let words = try #require(problem).description
        #expect(
            words.hasPrefix("whole windows of \(length) s cover \(percent) % of a block"),
            "\(words)")
        #expect(words.hasSuffix("windows of 1, 2, 5, 10, 15, 20, 30 s do"), "\(words)")
    }

    @Test("windows that cover a block are none to refuse", arguments: [1, 10, 15, 20, 30])
    func fittingWindows(length: UInt64) throws {
        try schedule(start: Timestamp(1_795_219_200_000_000_000)).check(window: .seconds(length))
    }

    @Test("a washout of a minute lets windows of a minute in, and no window is none")
    func minuteWindows() throws {
        let schedule = try schedule(
            washout: .seconds(60), start: Timestamp(1_795_219_200_000_000_000))
        try schedule.check(window: .seconds(60))
        #expect(throws: ScheduleError.self) { try schedule.check(window: .zero) }
        // Blocks that no usual window covers.
        let short = try self.schedule(block: Nanoseconds(500_000_000), washout: .zero)
        let problem = #expect(throws: ScheduleError.self) { try short.check(window: .seconds(1)) }
        #expect(try #require(problem).description.contains("plan longer blocks"))
    }

    @Test("lengths and loads that make no test are refused")
    func refused() {
        #expect(throws: ScheduleError.washout) { try schedule(block: .zero, washout: .zero) }
        #expect(throws: ScheduleError.washout) { try schedule(washout: .seconds(151)) }
        #expect(throws: ScheduleError.loads(1)) { try schedule(loads: [(.credit, 1)]) }
        #expect(throws: ScheduleError.tooLong) { try schedule(start: Timestamp(.max - 1)) }
        for rate in [0, -1, Double.nan, .infinity, 2_000_000] {
            #expect(throws: ScheduleError.rate("credit")) {
                try schedule(loads: [(.credit, rate), (.query, 1), (.drawdown, 1)])
            }
        }
        #expect(throws: ScheduleError.repeatedScenario("credit")) {
            try schedule(loads: [(.credit, 1), (.query, 1), (.credit, 1)])
        }
    }
}
