import ArgumentParser
import Assessment
import Bundle
import Collector
import CommandLines
import Metering
import Report
import Rounds
import SCI
import Store

/// `jouleflow-collector export`.
struct ExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Writes the evidence of a plan's report, or what a store holds, to a file.",
        discussion: """
            The evidence bundle of a sealed plan, named by its hash or the first digits of it: all that its \
            report is computed from, and the report. Whoever has the file verifies it without the store, \
            with `jouleflow-collector verify FILE` or scripts/verify-bundle.py of the sources. The manual \
            bundle.md tells the bytes.

              jouleflow-collector export 3fa9c1d2 --config collector.yaml --output 3fa9c1d2.jfb

            Of a whole store, a file that `import` takes into another: records as they came, with their \
            agents' signatures. With --from and --to only the batches that overlap the time between. \
            The manual export.md tells the bytes.

              jouleflow-collector export --config collector.yaml --raw records.jfx

            Both also while the collector runs.

            Exit status: 0 done, 1 there is no such plan, or records without a signature, 2 usage, 3 the \
            settings or the factors are wrong, 4 permission, 5 a file or the store cannot be read or written.
            """)

    @Argument(help: "The sealed plan: the first digits of its hash.")
    var plan: String?
    @OptionGroup var source: StoreArguments
    @Option(help: "The bundle to write. It must not exist.")
    var output: String?
    @Option(help: "Your own factors for the bundle's report, as for `report`.")
    var factors: String?
    @Option(help: "The export to write. It must not exist.")
    var raw: String?
    @Option(help: "Start of a period, with its zone.", transform: PointInTime.parse)
    var from = Timestamp(0)
    @Option(help: "End of a period, with its zone; not part of it.", transform: PointInTime.parse)
    var to = Timestamp(.max)

    func validate() throws {
        guard (plan == nil) == (output == nil), (plan == nil) != (raw == nil) else {
            throw ValidationError(
                "Say what to write: PLAN with --output FILE, or --raw FILE.")
        }
        guard plan == nil || (from == Timestamp(0) && to == Timestamp(.max)) else {
            throw ValidationError("The plan says which time its bundle is of.")
        }
        guard raw == nil || factors == nil else {
            throw ValidationError("An export has no factors.")
        }
    }

    func run() throws {
        if let plan, let output { try bundle(plan, to: output) }
        if let raw { try export(to: raw) }
    }

    private func bundle(_ prefix: String, to output: String) throws {
        let table = try FactorTable.find(beside: factors)
        let path = try source.path()
        let store = try source.reading()
        let sealed = try store.sealed(prefix)
        let plan: Plan
        do throws(DocumentError) { plan = try PlanDocument.decode(sealed.document) } catch {
            throw Failure(.unreadable, "plan \(sealed.hash): \(error)")
        }
        let request = PlanReportRequest(
            plan: plan, sealed: sealed, factors: table, now: .now,
            software: .jouleflow)
        let file = try ExportFile(output)
        let summary: EvidenceSummary
        do {
            summary = try Pipeline.export(request, from: store) { try file.write($0) }
            try file.finish()
        } catch {
            file.abandon()
            if let error = error as? Failure { throw error }
            if let error = error as? PlanRoundsError { throw Failure(.configuration, "\(error)") }
            if let error = error as? UnsignedRecords { throw Failure(.answerIsNo, "\(error)") }
            if let error = error as? DamagedRecords { throw Failure(.answerIsNo, "\(error)") }
            throw Failure(.unreadable, "\(path): \(error)")
        }
        print(
            "\(summary.records) records in \(summary.batches) batches of \(summary.runs) runs\n"
                + "SHA-256 of the bundle: \(summary.digest)")
    }

    private func export(to raw: String) throws {
        let path = try source.path()
        let store = try Failure.opening { () throws(StoreError) in
            try SQLiteRecordStore(reading: path)
        }
        let file = try ExportFile(raw)
        let summary: ExportSummary
        do {
            summary = try store.export(from: from, to: to) { try file.write($0) }
            try file.finish()
        } catch {
            file.abandon()
            throw error as? Failure ?? Failure(.unreadable, "\(path): \(error)")
        }
        print("\(summary.records) records in \(summary.batches) batches of \(summary.runs) runs")
        if summary.deleted > 0 {
            print("\(summary.deleted) records were deleted by retention and are not in it")
        }
        if summary.unsigned > 0 {
            throw Failure(
                .answerIsNo,
                "\(summary.unsigned) records without a signature are not exported: an earlier "
                    + "version kept them")
        }
    }
}
