import CommandLines
import Foundation
import Report
import Store

/// Keeps the revisions that a report found to be lacking in its store.
enum RevisionKeeping {
    /// Whether they are kept; where they cannot be, the program says why and goes on: the same figures are
    /// found again by whoever may write to the store.
    static func keep(
        _ revisions: [NewRevision], of plan: SealedPlan, in path: String
    ) -> Bool {
        do throws(StoreError) {
            let store = try SQLiteRecordStore(path: path)
            _ = try store.keep(revisions, of: plan.hash)
            try store.close()
            return true
        } catch {
            let line =
                "warning: the figures of closed rounds are not kept in the store: \(error)\n"
            FileHandle.standardError.write(Data(line.utf8))
            return false
        }
    }
}

extension PlanReportContent.Software {
    /// This program.
    static let jouleflow = Self(name: "Jouleflow", version: ProgramVersion.text)
}
