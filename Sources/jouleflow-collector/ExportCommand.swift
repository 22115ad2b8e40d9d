import ArgumentParser
import CommandLines
import Metering
import Store

/// `jouleflow-collector export`.
struct ExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Writes what a store holds to a file that `import` takes into another.",
        discussion: """
            Records as they came, with their agents' signatures; also while the collector runs. With \
            --from and --to only the batches that overlap the time between. docs/export.md tells the \
            bytes.
            """)

    @OptionGroup var source: StoreArguments
    @Option(help: "The file to write. It must not exist.")
    var raw: String
    @Option(help: "Start of a period, with its zone.", transform: PointInTime.parse)
    var from = Timestamp(0)
    @Option(help: "End of a period, with its zone; not part of it.", transform: PointInTime.parse)
    var to = Timestamp(.max)

    func run() throws {
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
        if summary.unsigned > 0 {
            throw Failure(
                .answerIsNo,
                "\(summary.unsigned) records without a signature are not exported: an earlier "
                    + "version kept them")
        }
    }
}
