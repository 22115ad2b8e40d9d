package import Assessment
import CSV
import Metering

/// What a file says: readings of meters, totals of the ledger, or the list of assets.
package enum ImportContent: Sendable, Hashable {
    case meter([MeterReading])
    case ledger([LedgerTotal])
    case assets([Asset])

    /// The bytes that are kept, hashed and signed: CSV in UTF-8 with a header, lines that end with a line feed,
    /// times in nanoseconds since 1970 and energies in microjoules, sorted. The same content always gives the
    /// same bytes, in whatever way its file was written.
    package var canonical: [UInt8] {
        let rows: [[String]] =
            switch self {
            case .meter(let readings):
                readings.map { Self.cells($0.meter, $0.interval, $0.energy.rawValue) }
            case .ledger(let totals):
                totals.map { Self.cells($0.scenario.name, $0.interval, $0.flows) }
            case .assets(let assets):
                assets.map { [$0.id, $0.site, $0.role, $0.plannedAs ?? ""] }
            }
        let lines = rows.map { $0.map(CSVField.written).joined(separator: ",") }
        return Array(([header] + lines).map { $0 + "\n" }.joined().utf8)
    }

    /// The content of canonical bytes; `nil` for any others.
    package init?(canonical bytes: [UInt8], kind: String) {
        guard let text = String(validating: bytes, as: UTF8.self) else { return nil }
        var reader = CSVReader(text)
        var rows: [[String]] = []
        do {
            guard try reader.next() != nil else { return nil }
            while let row = try reader.next() { rows.append(row) }
        } catch { return nil }
        switch kind {
        case "meter":
            self = .meter(
                rows.compactMap { row in
                    Self.timed(row).map {
                        MeterReading(meter: $0.0, interval: $0.1, energy: Microjoules($0.2))
                    }
                })
        case "ledger":
            self = .ledger(
                rows.compactMap { row in
                    Self.timed(row).map {
                        LedgerTotal(scenario: ScenarioID($0.0), interval: $0.1, flows: $0.2)
                    }
                })
        case "assets":
            self = .assets(
                rows.compactMap { row in
                    row.count == 4
                        ? Asset(
                            id: row[0], site: row[1], role: row[2],
                            plannedAs: row[3].isEmpty ? nil : row[3]) : nil
                })
        default: return nil
        }
        guard canonical == bytes else { return nil }
    }

    private var header: String {
        switch self {
        case .meter: "meter,from_ns,to_ns,energy_uj"
        case .ledger: "scenario,from_ns,to_ns,flows"
        case .assets: "id,site,role,planned_as"
        }
    }

    private static func cells(_ name: String, _ interval: Interval, _ value: UInt64) -> [String] {
        [name, "\(interval.start.rawValue)", "\(interval.end.rawValue)", "\(value)"]
    }

    private static func timed(_ row: [String]) -> (String, Interval, UInt64)? {
        guard row.count == 4, let start = UInt64(row[1]), let end = UInt64(row[2]), start < end,
            let value = UInt64(row[3])
        else { return nil }
        return (row[0], Interval(start: Timestamp(start), end: Timestamp(end)), value)
    }

    /// Entries.
    package var count: Int {
        switch self {
        case .meter(let readings): readings.count
        case .ledger(let totals): totals.count
        case .assets(let assets): assets.count
        }
    }

    /// What entries with a time speak of, and when.
    package var subjects: [(name: String, interval: Interval)] {
        switch self {
        case .meter(let readings): readings.map { ($0.meter, $0.interval) }
        case .ledger(let totals): totals.map { ($0.scenario.name, $0.interval) }
        case .assets: []
        }
    }
}
