import Metering
import Records
package import Store

extension Pipeline {
    /// Verifies a store: chains, signatures, holes, and that each column says what the bytes say, by
    /// reading them as when they came.
    package static func verify(_ store: SQLiteRecordStore) throws(StoreError) -> Verification {
        let manifests = KnownManifests(store)
        return try store.verify { record in
            let made = try IncomingRecord.checked(
                [record.bytes], run: record.run, first: record.sequence
            ) { try manifests.manifest($0, of: record.agent) }
            guard let made = made.first else {
                throw StoreError.outOfRange(what: "record", value: record.sequence)
            }
            return made
        } manifest: { digest, bytes in
            RecordCodec.digest(ofManifest: bytes) == digest
                ? nil : "manifest \(String(digest.rawValue, radix: 16)) was altered"
        }
    }
}
