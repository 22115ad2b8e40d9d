import ArgumentParser
import Collector
import CommandLines
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
        let source = try ImportFile(file)
        let store = try Failure.opening { () throws(StoreError) in
            try SQLiteRecordStore(path: path)
        }
        var summary = ImportSummary()
        var failure: Failure?
        do {
            try StoreImport.run(into: store, &summary) { try source.read($0) }
        } catch let error as ImportError {
            failure = Failure(.unreadable, "\(file) \(error)")
        } catch {
            failure = error as? Failure ?? Failure(.unreadable, "\(path): \(error)")
        }
        // What came before it went wrong was verified, and stays.
        print("\(summary.stored) records taken, \(summary.duplicates) were there already")
        if !summary.refused.isEmpty {
            let rest = summary.more > 0 ? "\nand \(summary.more) more" : ""
            let sentence = "refused:\n" + summary.refused.joined(separator: "\n") + rest
            failure = Failure(
                failure?.status ?? .answerIsNo,
                failure.map { "\($0.message)\n\(sentence)" } ?? sentence)
        }
        if let failure {
            try? store.close()
            throw failure
        }
        try Failure.opening { () throws(StoreError) in try store.close() }
    }
}
