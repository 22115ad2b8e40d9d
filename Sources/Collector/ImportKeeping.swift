package import Imports
package import Metering
package import Store

extension Pipeline {
    /// What of a kind's imports counts, of those that had come by a time. Throws ``RevisionConflict``, and ``StoreError`` where an import was
    /// altered.
    package static func revisions(
        _ kind: ImportKind, from store: any ImportSource, until: Timestamp = Timestamp(.max)
    ) throws -> Revisions {
        var revisions = Revisions()
        for stored in try store.imports(kind) where stored.at <= until {
            guard stored.isIntact,
                let content = ImportContent(canonical: stored.bytes, kind: kind.rawValue)
            else {
                throw StoreError.importAltered(id: stored.id)
            }
            try revisions.add(content, source: stored.id)
        }
        return revisions
    }

    /// Keeps what a file says, after all that was imported before. `nil` where it was the latest already.
    /// Throws ``RevisionConflict`` where it would cut an entry of an earlier import: nothing is kept then.
    package static func keep(
        _ content: ImportContent, file: String, signedBy: String?, signature: [UInt8]?,
        at now: Timestamp, in store: any ImportStore
    ) throws -> StoredImport? {
        let kind: ImportKind =
            switch content {
            case .meter: .meter
            case .ledger: .ledger
            case .assets: .assets
            }
        var revisions = try revisions(kind, from: store)
        try revisions.add(content, source: .max)
        return try store.keep(
            NewImport(
                kind: kind, bytes: content.canonical, file: file, at: now, signedBy: signedBy,
                signature: signature))
    }
}
