internal import Assessment
internal import CSV
package import Metering

/// What a load test sends and when: blocks one after another, each of its own mix.
///
/// As a file: CSV (RFC 4180) of the columns `block`, `start`, `measured_from`, `end` and the flows a
/// second of each scenario by its name. Times are RFC 3339. What a block used is measured from
/// `measured_from` on: what came before may still be at work until then.
package struct LoadSchedule: Sendable, Hashable {
    /// One stretch of one mix.
    package struct Block: Sendable, Hashable {
        package let start: Timestamp
        package let measuredFrom: Timestamp
        package let end: Timestamp
        /// Flows a second by scenario, 0 where it is off.
        package let rates: [Double]
    }

    /// More blocks are refused.
    package static let maximumBlocks = 10_000
    /// More flows a second of one scenario are refused.
    package static let maximumRate = 1_000_000.0

    package let scenarios: [ScenarioID]
    package let blocks: [Block]

    /// A schedule of a design, from `start` on.
    ///
    /// Throws where lengths or loads make no test.
    package init(
        _ design: FactorialDesign, of loads: [(scenario: ScenarioID, rate: Double)],
        start: Timestamp, block: Nanoseconds, washout: Nanoseconds
    ) throws(ScheduleError) {
        guard let first = design.blocks.first, first.count == loads.count else {
            throw .loads(loads.count)
        }
        if let name = Self.repeated(loads.map(\.scenario.name)) { throw .repeatedScenario(name) }
        for (scenario, rate) in loads where !(rate > 0 && rate <= Self.maximumRate) {
            throw .rate(scenario.name)
        }
        guard block > .zero, washout.rawValue <= block.rawValue / 2 else { throw .washout }
        let (whole, over) = block.rawValue.multipliedReportingOverflow(
            by: UInt64(design.blocks.count))
        guard !over, whole <= .max - start.rawValue else { throw .tooLong }
        scenarios = loads.map(\.scenario)
        blocks = design.blocks.enumerated().map { index, isOn in
            let begin = start + Nanoseconds(block.rawValue * UInt64(index))
            return Block(
                start: begin, measuredFrom: begin + washout, end: begin + block,
                rates: zip(isOn, loads).map { $0 ? $1.rate : 0 })
        }
    }

    /// Reads a file. Throws with its line where it is no schedule.
    package init(csv text: String) throws(ScheduleError) {
        var reader = CSVReader(text)
        reader.skipEmptyLines()
        let first = reader.line
        guard let head = try Self.fields(&reader), head.count > 4,
            Array(head.prefix(4)) == Self.columns
        else { throw .head }
        let names = head.dropFirst(4)
        guard names.count <= Regression.maximumScenarios else { throw .loads(names.count) }
        guard names.allSatisfy({ !$0.isEmpty }) else {
            throw .line(
                first, "a scenario has no name: write the one that the agents' settings give it")
        }
        if let name = Self.repeated(Array(names)) {
            throw .line(
                first,
                "\"\(name)\" stands there twice: write each scenario in one column, with all of its load"
            )
        }
        scenarios = names.map { ScenarioID($0) }
        var blocks: [Block] = []
        while true {
            reader.skipEmptyLines()
            let line = reader.line
            guard let fields = try Self.fields(&reader) else { break }
            guard blocks.count < Self.maximumBlocks else { throw .tooLong }
            guard fields.first == "\(blocks.count + 1)" else {
                throw .line(
                    line, "block \(blocks.count + 1) is expected: blocks are numbered from 1")
            }
            guard fields.count == head.count else { throw .line(line, "another number of fields") }
            blocks.append(try Self.block(fields, line, after: blocks.last))
        }
        guard !blocks.isEmpty else { throw .line(first + 1, "no block") }
        self.blocks = blocks
    }

    /// The first that is there a second time.
    private static func repeated(_ names: [String]) -> String? {
        var known: Set<String> = []
        return names.first { !known.insert($0).inserted }
    }

    private static let columns = ["block", "start", "measured_from", "end"]

    private static func fields(_ reader: inout CSVReader) throws(ScheduleError) -> [String]? {
        do throws(CSVProblem) { return try reader.next() } catch {
            throw .line(reader.line, "\(error)")
        }
    }

    private static func block(
        _ fields: [String], _ line: Int, after last: Block?
    ) throws(ScheduleError) -> Block {
        guard let start = Timestamp(rfc3339: fields[1]),
            let measured = Timestamp(rfc3339: fields[2]), let end = Timestamp(rfc3339: fields[3])
        else { throw .line(line, "a time that is not of RFC 3339 with its zone") }
        guard start <= measured, measured < end else {
            throw .line(line, "start, measured_from and end are not in this order")
        }
        if let last, start < last.end {
            throw .line(line, "it begins before the block above it ends")
        }
        var rates: [Double] = []
        for field in fields.dropFirst(4) {
            guard let rate = Double(field), rate >= 0, rate <= maximumRate else {
                throw .line(line, "\"\(field)\" is no number of flows a second")
            }
            rates.append(rate)
        }
        return Block(start: start, measuredFrom: measured, end: end, rates: rates)
    }

    /// The file.
    package var csv: String {
        let head = Self.columns + scenarios.map { CSVField.written($0.name) }
        let lines = blocks.enumerated().map { index, block in
            let times = [block.start, block.measuredFrom, block.end].map(\.rfc3339)
            return ["\(index + 1)"] + times + block.rates.map { "\($0)" }
        }
        return ([head] + lines).map { $0.joined(separator: ",") + "\r\n" }.joined()
    }
}

/// Why there is no such schedule.
package enum ScheduleError: Error, Sendable, Hashable, CustomStringConvertible {
    case loads(Int)
    /// A scenario that is given several loads.
    case repeatedScenario(String)
    case rate(String)
    case washout
    case tooLong
    case head
    case line(Int, String)
    /// Windows of a length that cover too little of a block, and usual ones that cover enough.
    case window(Nanoseconds, covered: Double, fitting: [Nanoseconds])
    case noQuery
    /// Fewer blocks than a test takes, and how many repeats are enough.
    case fewBlocks(Int, needed: Int, repeats: Int)
    /// A scenario that is on, or off, in every block.
    case constant(String, isOn: Bool)
    /// Two scenarios that are on in the same blocks.
    case together(String, String)
    /// Two scenarios of which one is on wherever the other is off.
    case byTurns(String, String)

    package var description: String {
        switch self {
        case .loads(let count): "\(count) scenarios do not fit the test"
        case .repeatedScenario(let name):
            "\(name) is given several loads: write --load once for each scenario"
        case .rate(let name):
            "the load of \(name) is no number of flows a second above 0 and up to "
                + "\(Int(LoadSchedule.maximumRate))"
        case .washout: "a block is longer than nothing and at least twice its washout"
        case .tooLong:
            "the test has more than \(LoadSchedule.maximumBlocks) blocks or ends too far ahead"
        case .head:
            "the first line of a schedule begins with block,start,measured_from,end and names "
                + "the scenarios"
        case .line(let line, let problem): "line \(line): \(problem)"
        case .window(let window, let covered, let fitting):
            "whole windows of \(Self.seconds(window)) s cover \(Self.percent(covered)) % of a block's "
                + "measured time, and \(Self.percent(LoadSchedule.coverage.lowerBound)) to "
                + "\(Self.percent(LoadSchedule.coverage.upperBound)) % are needed: "
                + (fitting.isEmpty
                    ? "plan longer blocks, or begin them at a whole minute"
                    : "agents' windows of \(fitting.map(Self.seconds).joined(separator: ", ")) s do")
        case .noQuery:
            "weights are ratios to a query, and no query is in the test: add --load query=N"
        case .fewBlocks(let count, let needed, let repeats):
            "the test has \(count) blocks, and \(needed) are needed: write --repeats \(repeats) or more"
        case .constant(let name, let isOn):
            "\(name) is \(isOn ? "on" : "off") in every block: " + Self.factorial
        case .together(let one, let other):
            "\(one) and \(other) are on in the same blocks: " + Self.factorial
        case .byTurns(let one, let other):
            "\(one) is on wherever \(other) is off, and nowhere else: " + Self.factorial
        }
    }

    private static let factorial =
        "the blocks are no factorial test, as `experiment plan` writes it; what ran in production "
        + "is evaluated by `jouleflow-collector alpha`"

    private static func seconds(_ length: Nanoseconds) -> String {
        let seconds = length.seconds
        return seconds == seconds.rounded() ? "\(Int(seconds))" : "\(seconds)"
    }

    private static func percent(_ part: Double) -> String { "\((part * 1_000).rounded() / 10)" }
}
