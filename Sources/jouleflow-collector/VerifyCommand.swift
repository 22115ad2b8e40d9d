import ArgumentParser
import Collector
import CommandLines
import Store

/// `jouleflow-collector verify`.
struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Says whether a store holds what agents signed: all of it, unaltered.",
        discussion: """
            Walks every record's place in its agent's chain, every signature, and every hole against \
            what is known to be lost; also while the collector runs. Names each finding and ends with \
            status 1 where there is one.
            """)

    @OptionGroup var source: StoreArguments

    func run() throws {
        let path = try source.path()
        let store = try Failure.opening { () throws(StoreError) in
            try SQLiteRecordStore(reading: path)
        }
        let found = try Failure.opening { () throws(StoreError) in try Pipeline.verify(store) }
        print(
            "\(found.runs) runs, \(found.statements) signed batches, \(found.records) records: "
                + "\(found.findings.count + found.more) findings")
        for finding in found.findings { print(finding) }
        guard found.findings.isEmpty else { throw Failure(.answerIsNo, "\(path) is not sound") }
    }
}
