import ArgumentParser
import Collector
import CommandLines
import Store

/// `jouleflow-collector backup`.
struct BackupCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Copies a store to a file, also while the collector writes to it.",
        discussion: """
            The copy is the store as it was when the copy began: mode 0600, verified as `verify` does, \
            and under its name only once it is whole. To restore it, stop the collector, put the \
            copy in the place of the store without the -wal and -shm beside it, and start again: \
            agents send what the copy lacks, as far as they still have it.
            """)

    @OptionGroup var source: StoreArguments
    @Argument(help: "The file to write. It must not exist.")
    var file: String

    func run() throws {
        let path = try source.path()
        let store = try Failure.opening { () throws(StoreError) in
            try SQLiteRecordStore(reading: path)
        }
        do {
            try store.backup(to: file) { copy in
                let found = try Pipeline.verify(copy)
                guard found.findings.isEmpty else {
                    throw Failure(
                        .answerIsNo,
                        "the copy is not sound, and was removed:\n"
                            + found.findings.prefix(20).joined(separator: "\n"))
                }
                print("\(file): \(found.runs) runs, \(found.records) records, verified")
            }
        } catch let failure as Failure {
            throw failure
        } catch let error as StoreError {
            throw Failure(error.isPermission ? .permission : .unreadable, "\(error)")
        }
    }
}
