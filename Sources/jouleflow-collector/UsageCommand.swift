import ArgumentParser
import Bundle
import Collector
import CommandLines
import Metering
import Report
import Store

/// `jouleflow-collector usage`.
struct UsageCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "usage",
        abstract: "Prints energy, flows and coverage of any period from roll-ups, fast.",
        discussion: """
            For a look at months and years: sums of what hosts recorded, whole hours. It is information, \
            headed 非评估结果 / not an assessment: nothing is imputed, no emission is computed, and flows \
            that several hosts counted are in it as often; `report` computes. Days and months are those of \
            the store, UTC+8 unless `rollups rebuild` was told otherwise. The manual store.md tells every key.

            By the sites of a sealed plan, with O by the electricity that it names, for any time:

              jouleflow-collector usage --config collector.yaml --per site --plan 3fa9c1d2 --by month \\
                --from 2026-01-01T00:00+08:00 --to 2027-01-01T00:00+08:00 --format csv
            """)

    enum Format: String, ExpressibleByArgument, CaseIterable { case table, json, csv }
    enum Step: String, ExpressibleByArgument, CaseIterable { case month, day, hour }
    enum Subject: String, ExpressibleByArgument, CaseIterable { case fleet, host, site }

    @OptionGroup var source: StoreArguments
    @Option(help: "Start of the period, with its zone: a whole hour.", transform: PointInTime.parse)
    var from: Timestamp
    @Option(help: "End of the period, not part of it.", transform: PointInTime.parse)
    var to: Timestamp
    @Option(help: "A line for each month, day or hour, and not for the period alone.")
    var by: Step?
    @Option(help: "A line for all hosts, for each host, or for each site of --plan.")
    var per: Subject = .fleet
    @Option(help: "The sealed plan that says where hosts stand: the first digits of its hash.")
    var plan: String?
    @Option(help: "Only this host; several times for several.")
    var host: [String] = []
    @Option(help: "table for people, json for machines, csv for spreadsheets.")
    var format: Format = .table

    private func request() throws(UsageRequest.Problem) -> UsageRequest {
        try UsageRequest(
            from: from, to: to, step: by.flatMap { .init(rawValue: $0.rawValue) } ?? .all,
            byHost: per == .host, hosts: host.isEmpty ? nil : Set(host))
    }

    func validate() throws {
        guard (per == .site) == (plan != nil) else {
            throw ValidationError("--per site and --plan HASH go together.")
        }
        do { _ = try request() } catch { throw ValidationError("\(error).") }
    }

    func run() throws {
        let path = try source.path()
        let store = try Failure.opening { () throws(StoreError) in
            try SQLiteRecordStore(reading: path)
        }
        let sealed = try plan.map { try store.sealed($0) }
        let content: any UsageTexts
        do {
            if let sealed {
                content = try Pipeline.siteUsage(
                    request(), of: PlanDocument.decode(sealed.document), sealed.hash, from: store)
            } else {
                content = try Pipeline.usage(request(), from: store)
            }
        } catch {
            if let problem = error as? UsageRequest.Problem {
                throw Failure(.usage, "\(problem)")
            }
            throw Failure(.unreadable, "\(path): \(error)")
        }
        let text =
            switch format {
            case .table: content.table()
            case .json: content.json()
            case .csv: content.csv()
            }
        try write(Array(text.utf8))
    }
}

/// What is printed, whatever the rows are of.
private protocol UsageTexts {
    func table() -> String
    func json() -> String
    func csv() -> String
}

extension UsageContent: UsageTexts {}
extension SiteUsageContent: UsageTexts {}
