import Metering
import Records
package import Store

extension Pipeline {
    /// Verifies a store: chains, signatures, holes, and that each entry stands where its bytes say.
    package static func verify(_ store: SQLiteRecordStore) throws(StoreError) -> Verification {
        try store.verify { record in
            guard let header = try? RecordCodec.header(of: record.bytes) else {
                return "cannot be read"
            }
            let fits =
                header.run == record.run && header.sequence == record.sequence
                && header.manifest == record.manifest && header.window.start == record.start
                && header.window.end == record.end && header.kind == record.kind
            return fits ? nil : "does not stand where its bytes say"
        } manifest: { digest, bytes in
            RecordCodec.digest(ofManifest: bytes) == digest
                ? nil : "manifest \(String(digest.rawValue, radix: 16)) was altered"
        }
    }
}
