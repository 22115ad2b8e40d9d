import Assessment
import CSV
import Metering

/// What is wrong with a file to import, and where.
package struct ImportFileError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What is wrong; the cases carry what was found.
    package enum Problem: Error, Sendable, Hashable {
        case notUTF8
        case tooLong(bytes: Int)
        case tooManyLines
        case noLines
        case header(expected: String)
        case fields(expected: Int, got: Int)
        case csv(String)
        case empty(String)
        case text(String, limit: Int)
        case time(String)
        case notAfter
        case kilowattHours(String)
        case flows(String)
        case twice(String, line: Int)
        case overlap(String, line: Int)
    }

    package let file: String
    /// Both count from 1.
    package let line: Int
    package let column: Int
    package let problem: Problem

    package var description: String { "\(file):\(line):\(column): \(problem.sentence)" }
}

extension ImportFileError.Problem {
    var sentence: String {
        switch self {
        case .notUTF8: "not UTF-8"
        case .tooLong(let bytes): "\(bytes) bytes exceed the limit of \(ImportFile.maximumBytes)"
        case .tooManyLines: "more than \(ImportFile.maximumLines) lines"
        case .noLines: "there is no line after the first: nothing to import"
        case .header(let expected): "the first line must be \(expected)"
        case .fields(let expected, let got): "\(expected) fields expected, \(got) found"
        case .csv(let sentence): sentence
        case .empty(let name): "\(name) is empty"
        case .text(let name, let limit):
            "\(name) has control characters, or more than \(limit) bytes"
        case .time(let text):
            "\"\(text)\" is no time with a zone, such as 2026-11-01T00:00:00+08:00"
        case .notAfter: "to is not after from"
        case .kilowattHours(let text):
            "kwh must be a number such as 1234.5, at most 1000000 and nine decimals, not \"\(text)\""
        case .flows(let text): "flows must be a whole number, not \"\(text)\""
        case .twice(let name, let line): "\(name) stands in line \(line) already"
        case .overlap(let name, let line): "the time of \(name) overlaps that of line \(line)"
        }
    }
}

/// Reads files to import: CSV with a header, strict.
package enum ImportFile {
    /// Longest file, in bytes.
    package static let maximumBytes = 32 << 20
    /// Most lines of a file.
    package static let maximumLines = 200_000
    /// Longest name in a file, in bytes.
    package static let maximumText = 255

    /// The first line of a file of meter readings.
    package static let meterHeader = "meter,from,to,kwh"
    /// The first line of a file of ledger totals.
    package static let ledgerHeader = "scenario,from,to,flows"
    /// The first line of a list of assets.
    package static let assetsHeader = "id,site,role,planned_as"

    /// Readings of meters: each meter's times must not overlap.
    package static func meter(
        _ bytes: [UInt8], file: String
    ) throws(ImportFileError) -> ImportContent {
        let rows = try Rows(bytes, file, meterHeader).timed { row throws(ImportFileError) in
            guard let energy = microjoules(row.fields[3]) else {
                throw row.error(3, .kilowattHours(row.fields[3]))
            }
            return energy
        }
        return .meter(
            rows.map { MeterReading(meter: $0.0, interval: $0.1, energy: Microjoules($0.2)) })
    }

    /// Totals of the ledger: each scenario's times must not overlap.
    package static func ledger(
        _ bytes: [UInt8], file: String
    ) throws(ImportFileError) -> ImportContent {
        let rows = try Rows(bytes, file, ledgerHeader).timed { row throws(ImportFileError) in
            let text = row.fields[3]
            guard text.utf8.allSatisfy({ 0x30...0x39 ~= $0 }), let flows = UInt64(text),
                flows <= UInt64(Int64.max)
            else { throw row.error(3, .flows(text)) }
            return flows
        }
        return .ledger(
            rows.map { LedgerTotal(scenario: ScenarioID($0.0), interval: $0.1, flows: $0.2) })
    }

    /// The list of assets: each id once; `planned_as` may be empty.
    package static func assets(
        _ bytes: [UInt8], file: String
    ) throws(ImportFileError) -> ImportContent {
        var lines: [String: Int] = [:]
        var assets: [Asset] = []
        for row in try Rows(bytes, file, assetsHeader).rows {
            let names = ["id", "site", "role"]
            for (index, name) in names.enumerated() { try row.checkText(index, name) }
            if !row.fields[3].isEmpty { try row.checkText(3, "planned_as") }
            if let line = lines.updateValue(row.line, forKey: row.fields[0]) {
                throw row.error(0, .twice(row.fields[0], line: line))
            }
            assets.append(
                Asset(
                    id: row.fields[0], site: row.fields[1], role: row.fields[2],
                    plannedAs: row.fields[3].isEmpty ? nil : row.fields[3]))
        }
        return .assets(
            assets.sorted { Array($0.id.utf8).lexicographicallyPrecedes(Array($1.id.utf8)) })
    }

    /// Kilowatt-hours as microjoules, exactly: a ninth decimal is 3,600 of them.
    private static func microjoules(_ text: String) -> UInt64? {
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy { 0x30...0x39 ~= $0 } }),
            let whole = UInt64(parts[0]), whole <= 1_000_000
        else { return nil }
        let decimals = parts.count == 2 ? parts[1] : ""
        guard decimals.utf8.count <= 9,
            let fraction = UInt64(
                decimals + String(repeating: "0", count: 9 - decimals.utf8.count))
        else { return nil }
        return (whole * 1_000_000_000 + fraction) * 3_600
    }
}

/// The lines of a file after its header.
private struct Rows {
    struct Row {
        let file: String
        let line: Int
        let columns: [Int]
        let fields: [String]

        func error(_ field: Int, _ problem: ImportFileError.Problem) -> ImportFileError {
            ImportFileError(
                file: file, line: line, column: field < columns.count ? columns[field] : 1,
                problem: problem)
        }

        func checkText(_ field: Int, _ name: String) throws(ImportFileError) {
            let text = fields[field]
            guard !text.isEmpty else { throw error(field, .empty(name)) }
            guard text.utf8.count <= ImportFile.maximumText,
                text.unicodeScalars.allSatisfy({ $0.properties.generalCategory != .control })
            else { throw error(field, .text(name, limit: ImportFile.maximumText)) }
        }

        func time(_ field: Int) throws(ImportFileError) -> Timestamp {
            guard let time = ZonedTime.parse(fields[field]) else {
                throw error(field, .time(fields[field]))
            }
            return time
        }
    }

    private(set) var rows: [Row] = []

    init(_ bytes: [UInt8], _ file: String, _ header: String) throws(ImportFileError) {
        func fail(_ line: Int, _ column: Int, _ problem: ImportFileError.Problem) -> ImportFileError
        {
            ImportFileError(file: file, line: line, column: column, problem: problem)
        }
        guard bytes.count <= ImportFile.maximumBytes else {
            throw fail(1, 1, .tooLong(bytes: bytes.count))
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw fail(1, 1, .notUTF8)
        }
        var reader = CSVReader(text)
        func next() throws(ImportFileError) -> Row? {
            reader.skipEmptyLines()
            let line = reader.line
            do throws(CSVProblem) {
                return try reader.next().map {
                    Row(file: file, line: line, columns: reader.columns, fields: $0)
                }
            } catch { throw fail(line, reader.columns.last ?? 1, .csv(error.description)) }
        }
        guard let first = try next(), first.fields.joined(separator: ",") == header else {
            throw fail(1, 1, .header(expected: header))
        }
        while let row = try next() {
            guard rows.count < ImportFile.maximumLines else { throw row.error(0, .tooManyLines) }
            guard row.fields.count == first.fields.count else {
                throw row.error(
                    min(row.fields.count, first.fields.count + 1) - 1,
                    .fields(expected: first.fields.count, got: row.fields.count))
            }
            rows.append(row)
        }
        guard !rows.isEmpty else { throw fail(reader.line, 1, .noLines) }
    }

    /// Name, time and value of each line, by name and time; refuses overlapping times of a name.
    func timed(
        _ value: (Row) throws(ImportFileError) -> UInt64
    ) throws(ImportFileError) -> [(String, Interval, UInt64)] {
        var found: [(row: Row, interval: Interval, value: UInt64)] = []
        for row in rows {
            try row.checkText(0, row.fields[0].isEmpty ? "the first field" : "the name")
            let interval = Interval(start: try row.time(1), end: try row.time(2))
            guard interval.start < interval.end else { throw row.error(2, .notAfter) }
            found.append((row, interval, try value(row)))
        }
        found.sort { one, other in
            let names = [Array(one.row.fields[0].utf8), Array(other.row.fields[0].utf8)]
            return names[0] == names[1]
                ? one.interval.start < other.interval.start
                : names[0].lexicographicallyPrecedes(names[1])
        }
        for (one, next) in zip(found, found.dropFirst())
        where one.row.fields[0] == next.row.fields[0] && next.interval.start < one.interval.end {
            let (first, second) =
                one.row.line < next.row.line ? (one.row, next.row) : (next.row, one.row)
            throw second.error(1, .overlap(second.fields[0], line: first.line))
        }
        return found.map { ($0.row.fields[0], $0.interval, $0.value) }
    }
}
