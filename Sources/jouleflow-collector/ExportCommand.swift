import ArgumentParser
import CommandLines
import Foundation
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
        // Beside the name, so that a file of that name is a whole export.
        let part = raw + ".part"
        guard !FileManager.default.fileExists(atPath: raw) else {
            throw Failure(.usage, "\(raw) exists already: name another file")
        }
        guard
            FileManager.default.createFile(
                atPath: part, contents: nil, attributes: [.posixPermissions: 0o600]),
            let file = FileHandle(forWritingAtPath: part)
        else { throw Failure(.permission, "cannot write \(part)") }
        do {
            var buffer = Data()
            let summary = try store.export(from: from, to: to) { bytes in
                buffer += bytes
                guard buffer.count >= 1 << 20 else { return }
                try file.write(contentsOf: buffer)
                buffer.removeAll(keepingCapacity: true)
            }
            try file.write(contentsOf: buffer)
            try file.synchronize()
            try file.close()
            try FileManager.default.moveItem(atPath: part, toPath: raw)
            print(
                "\(summary.records) records in \(summary.batches) batches of \(summary.runs) runs")
            if summary.unsigned > 0 {
                throw Failure(
                    .answerIsNo,
                    "\(summary.unsigned) records without a signature are not exported: an earlier "
                        + "version kept them")
            }
        } catch let failure as Failure {
            throw failure
        } catch {
            try? FileManager.default.removeItem(atPath: part)
            throw Failure(.unreadable, "\(path): \(error)")
        }
    }
}
