import ArgumentParser
import CommandLines
import Collector
import Metering
import Report
import Rounds
import SCI
import Settings
import Store

/// `jouleflow-collector report`.
struct ReportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Prints rounds, business volumes, energy, O, R and the intensity of a period.",
        discussion: """
            Times need a zone: 2026-11-01T00:00:00+08:00 or 2026-10-31T16:00:00Z. The period is
            half-open and a whole number of rounds. Without a sealed plan every report is headed
            非评估结果 / not an assessment. docs/report.md tells every figure and key.
            """)

    enum Format: String, ExpressibleByArgument, CaseIterable { case table, json }

    @Option(help: "The collector's settings, which name the store.")
    var config: String?
    @Option(help: "The store itself, in place of --config.")
    var store: String?
    @Option(help: "Start of the period, with its zone.", transform: PointInTime.parse)
    var from: Timestamp
    @Option(help: "End of the period, with its zone; not part of it.", transform: PointInTime.parse)
    var to: Timestamp
    @Option(help: "Length of a round: 60s, 10m, 24h or 7d.", transform: LengthOfTime.parse)
    var round: Nanoseconds
    @Option(help: "Id of the emission factor: see jouleflow-collector factors.")
    var factor: String
    @Option(help: "Your own factors, CSV with the columns that `factors --csv-header` prints.")
    var factors: String?
    @Option(help: "table for people, json for machines.")
    var format: Format = .table

    func validate() throws {
        guard (config == nil) != (store == nil) else {
            throw ValidationError("Say where the records are: --config FILE or --store DB.")
        }
        do {
            _ = try Period(from: from, to: to, roundLength: round)
        } catch {
            throw ValidationError("\(error).")
        }
    }

    func run() throws {
        let table = try FactorTable.find(file: factors)
        guard let factor = table[factor] else {
            throw Failure(
                .usage, "no factor has the id \(factor): `jouleflow-collector factors` lists them")
        }
        let path = try store ?? settingsStore()
        let records = try Failure.opening { () throws(StoreError) in
            try SQLiteRecordStore(reading: path)
        }
        let request = ReportRequest(
            period: try Period(from: from, to: to, roundLength: round), factor: factor)
        let content: ReportContent
        do { content = try Pipeline.report(request, from: records) } catch {
            throw Failure(.unreadable, "\(path): \(error)")
        }
        print(format == .json ? content.json() : content.table(), terminator: "")
    }

    private func settingsStore() throws -> String {
        try Failure.reading { () throws(SettingsErrors) in
            try CollectorSettings.load(path: config ?? "").sqlite
        }
    }
}
