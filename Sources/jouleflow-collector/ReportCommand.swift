import ArgumentParser
import Assessment
import Bundle
import Chain
import Collector
import CommandLines
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
        abstract: "Reports on a sealed plan, or prints the figures of any period.",
        discussion: """
            The report on a sealed plan, named by its hash or the first digits of it (at least four; \
            `plan list` tells them):

              jouleflow-collector report 3fa9c1d2 --config collector.yaml
              jouleflow-collector report 3fa9c1d2 --config collector.yaml --format html \\
                --language zh --output report.html

            It is headed 评估报告 once m rounds are closed and valid, 评估未完成 before, and 非评估结果 where \
            the plan was sealed too late or abandoned. A round is closed when its grace is over: the \
            figures that it closed with are kept in the store, and what later data makes of them is a new \
            revision beside them.

            What a plan would give that is not sealed yet, headed 非评估结果:

              jouleflow-collector report --plan-file plan.yaml --config collector.yaml

            Any period without a plan, also headed 非评估结果; times need a zone, and the period is \
            half-open and a whole number of rounds:

              jouleflow-collector report --config collector.yaml --from 2026-11-01T00:00+08:00 \\
                --to 2026-11-08T00:00+08:00 --round 24h --factor 全国-2023-average

            Formats of a plan's report: table for the terminal; json with everything in full precision; \
            html, one file to read and to print; csv, two files, rounds.csv and host-rounds.csv, into \
            the folder --output; upstream and upstream-csv, rows for accounting systems; gsf, the \
            report.yaml of the SCI specification; impact, a manifest of the Impact Framework. The last \
            two need a result. A period has table and json.

            The manual report.md tells how every figure comes about, the manual plan-report.md every key.

            Exit status: 0 done, 1 there is no such plan or no result, 2 usage, 3 the settings, the plan \
            or the factors are wrong, 4 permission, 5 a file or the store cannot be read or written.
            """)

    @Argument(help: "The sealed plan: the first digits of its hash.")
    var plan: String?
    @Option(help: "A plan that is not sealed, in place of PLAN.")
    var planFile: String?
    @OptionGroup var source: StoreArguments
    @Option(help: "Start of the period, with its zone.", transform: PointInTime.parse)
    var from: Timestamp?
    @Option(help: "End of the period, with its zone; not part of it.", transform: PointInTime.parse)
    var to: Timestamp?
    @Option(
        help: "Length of a round of the period: 60s, 10m, 24h or 7d.", transform: LengthOfTime.parse
    )
    var round: Nanoseconds?
    @Option(help: "Id of the period's emission factor: see jouleflow-collector factors.")
    var factor: String?
    @Option(
        help: """
            Your own factors beside those that come with the program, CSV with the columns that \
            `factors --csv-header` prints.
            """)
    var factors: String?
    @Option(
        help: """
            A key that signs the ledger's totals beside those of the plan: an Ed25519 public key in 64 \
            hexadecimal digits; several times for several.
            """, transform: LedgerKey.parse)
    var ledgerKey: [VerifyingKey] = []
    @Option(help: "How the report is written: see above.")
    var format: PlanReportFormat = .table
    @OptionGroup var language: PlanLanguage
    @Option(help: "The file to write, in place of standard output; a folder for csv.")
    var output: String?

    private var isOfPeriod: Bool { from != nil || to != nil || round != nil || factor != nil }

    func validate() throws {
        let ways = [plan != nil, planFile != nil, isOfPeriod].filter { $0 }.count
        guard ways == 1 else {
            throw ValidationError(
                "Say what to report on: PLAN, --plan-file FILE, or --from, --to, --round and "
                    + "--factor.")
        }
        guard isOfPeriod else {
            if format == .csv, output == nil {
                throw ValidationError("csv is two files: name a folder with --output DIR.")
            }
            return
        }
        guard let from, let to, let round, factor != nil else {
            throw ValidationError("A period needs --from, --to, --round and --factor.")
        }
        guard format == .table || format == .json else {
            throw ValidationError("A period without a plan has the formats table and json.")
        }
        do { _ = try Period(from: from, to: to, roundLength: round) } catch {
            throw ValidationError("\(error).")
        }
    }

    func run() throws {
        if isOfPeriod { try reportPeriod() } else { try reportPlan() }
    }

    private func reportPeriod() throws {
        guard let from, let to, let round, let id = factor else { return }
        let table = try FactorTable.find(beside: factors)
        guard let factor = table[id] else {
            throw Failure(
                .usage, "no factor has the id \(id): `jouleflow-collector factors` lists them")
        }
        let path = try source.path()
        let records = try source.reading(in: language.chosen)
        let request = ReportRequest(
            period: try Period(from: from, to: to, roundLength: round), factor: factor)
        let content: ReportContent
        do { content = try Pipeline.report(request, from: records) } catch {
            throw Failure(.unreadable, "\(path): \(told(error))")
        }
        let text = format == .json ? content.json() : content.table()
        if let output {
            try OutputFile.write(text, to: output)
        } else {
            try write(Array(text.utf8))
        }
    }

    private func reportPlan() throws {
        let table = try FactorTable.find(beside: factors)
        let path = try source.path()
        let store = try source.reading(in: language.chosen)
        let (plan, sealed) = try find(in: store)
        let request = PlanReportRequest(
            plan: plan, sealed: sealed, factors: table, now: .now,
            software: .jouleflow, ledgerKeys: ledgerKey)
        let content: PlanReportContent
        do {
            content = try Pipeline.report(request, from: store) { revisions in
                guard let sealed else { return false }
                return RevisionKeeping.keep(revisions, of: sealed, in: path)
            }
        } catch {
            if let error = error as? PlanRoundsError { throw Failure(.configuration, "\(error)") }
            throw Failure(.unreadable, "\(path): \(told(error))")
        }
        let language: Language = language.chosen == .chinese ? .chinese : .english
        if let damage = content.damage { complain(damage[language] + "\n") }
        try format.write(content, language, to: output)
    }

    private func told(_ error: any Error) -> String {
        (error as? StoreError)?.told(in: language.chosen) ?? "\(error)"
    }

    private func find(in store: SQLiteRecordStore) throws -> (Plan, Store.SealedPlan?) {
        if let planFile {
            var arguments = PlanFileArguments()
            arguments.file = planFile
            arguments.factors = factors
            return (try arguments.read().plan, nil)
        }
        let sealed = try store.sealed(plan ?? "", in: language.chosen)
        do throws(DocumentError) { return (try PlanDocument.decode(sealed.document), sealed) } catch
        {
            throw Failure(.unreadable, "plan \(sealed.hash): \(error)")
        }
    }
}
