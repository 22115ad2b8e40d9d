import Crypto
import GRDB
package import Metering

/// What an import speaks of. The words are in stores and bundles.
package enum ImportKind: String, Sendable, Hashable, CaseIterable {
    case meter, ledger, assets
}

/// Canonical bytes on their way into the store.
package struct NewImport: Sendable, Hashable {
    package let kind: ImportKind
    package let bytes: [UInt8]
    /// The name of the file that they were made from.
    package let file: String
    package let at: Timestamp
    /// Who vouches for them, as it was given.
    package let signedBy: String?
    /// As it was given; nothing here verifies it.
    package let signature: [UInt8]?

    package init(
        kind: ImportKind, bytes: [UInt8], file: String, at: Timestamp, signedBy: String? = nil,
        signature: [UInt8]? = nil
    ) {
        self.kind = kind
        self.bytes = bytes
        self.file = file
        self.at = at
        self.signedBy = signedBy
        self.signature = signature
    }
}

/// An import as the store keeps it.
package struct StoredImport: Sendable, Hashable {
    /// Counts up: a later import has a larger one.
    package let id: Int64
    package let kind: ImportKind
    /// SHA-256 of the bytes.
    package let digest: [UInt8]
    package let bytes: [UInt8]
    package let file: String
    package let at: Timestamp
    package let signedBy: String?
    package let signature: [UInt8]?

    package init(
        id: Int64, kind: ImportKind, digest: [UInt8], bytes: [UInt8], file: String, at: Timestamp,
        signedBy: String?, signature: [UInt8]?
    ) {
        self.id = id
        self.kind = kind
        self.digest = digest
        self.bytes = bytes
        self.file = file
        self.at = at
        self.signedBy = signedBy
        self.signature = signature
    }

    /// Whether the bytes are those that were imported.
    package var isIntact: Bool { Array(SHA256.hash(data: bytes)) == digest }
}

/// Keeps what was imported beside records, unchanged and for ever.
package protocol ImportStore: ImportSource {
    /// Keeps an import after all others. `nil` where the latest of its kind has the same bytes, signer and
    /// signature: then nothing changes.
    func keep(_ new: NewImport) throws(StoreError) -> StoredImport?
}

extension SQLiteRecordStore: ImportStore {
    package func keep(_ new: NewImport) throws(StoreError) -> StoredImport? {
        let limits = [
            ("import", new.bytes.count, StoreLimits.importBytes),
            ("signature", new.signature?.count ?? 0, StoreLimits.importSignature),
            ("name of a file", new.file.utf8.count, StoreLimits.importText),
            ("name", new.signedBy?.utf8.count ?? 0, StoreLimits.importText),
        ]
        for (what, bytes, limit) in limits where bytes > limit {
            throw .tooLarge(what: what, bytes: bytes, limit: limit)
        }
        return try write { db in
            let digest = Array(SHA256.hash(data: new.bytes))
            let latest = try Self.imports(
                db, "kind = ? ORDER BY id DESC LIMIT 1", [new.kind.rawValue]
            ).first
            if let latest, latest.digest == digest, latest.signedBy == new.signedBy,
                latest.signature == new.signature
            {
                return nil
            }
            try db.execute(
                sql: """
                    INSERT INTO imports
                      (kind, digest, bytes, file, imported_ns, signed_by, signature)
                    VALUES (?, ?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    new.kind.rawValue, digest.data, new.bytes.data, new.file,
                    try column(new.at.rawValue, "time"), new.signedBy, new.signature?.data,
                ])
            return try Self.imports(db, "id = ?", [db.lastInsertedRowID]).first
        }
    }

    package func imports(_ kind: ImportKind?) throws(StoreError) -> [StoredImport] {
        try read { db in
            guard try Schema.hasImports(db) else { return [] }
            return try Self.imports(
                db, "kind = ? OR ? IS NULL ORDER BY id", [kind?.rawValue, kind?.rawValue])
        }
    }

    private static func imports(
        _ db: Database, _ condition: String, _ arguments: StatementArguments
    ) throws -> [StoredImport] {
        try Row.fetchAll(
            db,
            sql: """
                SELECT id, kind, digest, bytes, file, imported_ns, signed_by, signature
                FROM imports WHERE \(condition)
                """, arguments: arguments
        ).compactMap { row in
            ImportKind(rawValue: row[1]).map { kind in
                StoredImport(
                    id: row[0], kind: kind, digest: row.bytes(2), bytes: row.bytes(3), file: row[4],
                    at: Timestamp(UInt64(clamping: row[5] as Int64)), signedBy: row[6],
                    signature: row.hasNull(atIndex: 7) ? nil : row.bytes(7))
            }
        }
    }
}
