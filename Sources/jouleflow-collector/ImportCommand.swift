import ArgumentParser
import Collector
import CommandLines
import Foundation
import Store

/// `jouleflow-collector import`.
struct ImportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Takes what `export` wrote into a store; each record is there once after.",
        discussion: """
            Each batch is verified as if its agent had delivered it. What the store has stays: other \
            bytes for the same record are kept as evidence, and named. The same file can be taken \
            again, and one that is cut short leaves a sound store.
            """)

    @OptionGroup var target: StoreArguments
    @Argument(help: "The file that `export` wrote.")
    var file: String

    func run() throws {
        let path = try target.path()
        guard let handle = FileHandle(forReadingAtPath: file) else {
            throw Failure(.unreadable, "cannot read \(file)")
        }
        let store = try Failure.opening { () throws(StoreError) in
            try SQLiteRecordStore(path: path)
        }
        let summary: ImportSummary
        do {
            summary = try StoreImport.run(into: store) { count in
                [UInt8](try handle.read(upToCount: count) ?? Data())
            }
        } catch let error as ImportError {
            throw Failure(.unreadable, "\(file) \(error)")
        } catch {
            throw Failure(.unreadable, "\(error)")
        }
        try Failure.opening { () throws(StoreError) in try store.close() }
        print("\(summary.stored) records taken, \(summary.duplicates) were there already")
        guard summary.refused.isEmpty else {
            let rest = summary.more > 0 ? "\nand \(summary.more) more" : ""
            throw Failure(
                .answerIsNo, "refused:\n" + summary.refused.joined(separator: "\n") + rest)
        }
    }
}
