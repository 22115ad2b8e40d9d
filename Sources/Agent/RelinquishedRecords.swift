import Logging
import Records
import Spool

extension Spool {
    /// Lets go of records that were made under another id than the agent's, and says so.
    ///
    /// A record names its agent through its manifest, certificate and signature bind the one id, and a
    /// collector takes no other: such records would never be taken, nor what follows them.
    func relinquishRecords(ofOthersThan id: String, log: Logger) {
        var former: String?
        let lost = relinquish { bytes in
            // A manifest that cannot be read is no other agent's.
            guard let agent = try? RecordCodec.decodeManifest(bytes).agent, agent != id else {
                return false
            }
            former = agent
            return true
        }
        guard let former else { return }
        let metadata: Logger.Metadata = [
            "from": "\(former)", "to": "\(id)", "lost": "\(lost)",
        ]
        if lost > 0 {
            log.error(
                """
                agent.id has changed, and records of the former id that were not sent are lost: no \
                collector takes them from this one
                """, metadata: metadata)
        } else {
            log.notice("agent.id has changed: a new run of records begins", metadata: metadata)
        }
    }

    /// Begins a run in the place of this one, of which a collector holds other records, and says so:
    /// the state is a copy from before they were made, and no number of it can be used again.
    func relinquishRun(because reason: String, log: Logger) {
        let former = run.rawValue
        let lost = relinquish { _ in true }
        log.error(
            """
            the state is an older copy, as of a snapshot or backup that was restored: a new run of \
            records begins, and those of the copy that were not sent are lost
            """,
            metadata: [
                "from": "\(String(former, radix: 16))", "to": "\(String(run.rawValue, radix: 16))",
                "lost": "\(lost)", "reason": "\(reason)",
            ])
    }

    /// Begins a run in the place of one that another key has signed, where there is such a run, and says so:
    /// a run keeps its key, and no collector takes more of it. On disk the run is left where this returns.
    func relinquishRunOfOtherKey(log: Logger) throws(SpoolError) {
        guard nextSequence > 1 else { return }
        let former = run.rawValue
        let lost = relinquish { _ in true }
        log.error(
            """
            the signing key is a new one: a new run of records begins, and those that the former key signed \
            and that were not sent are lost
            """,
            metadata: [
                "from": "\(String(former, radix: 16))", "to": "\(String(run.rawValue, radix: 16))",
                "lost": "\(lost)",
            ])
        try settleRelinquished()
    }
}
