import Chain
import Spool
import Wire

/// Who this agent is to collectors, and how it proves it.
struct AgentIdentity: Sendable {
    /// The id of the settings.
    let agent: String
    let softwareVersion: String
    /// Drawn for this process: never 0.
    let instance = UInt64.random(in: 1 ... .max)

    private let key: SigningKey
    private let publicKey: [UInt8]

    init(agent: String, softwareVersion: String, key: SigningKey) {
        self.agent = agent
        self.softwareVersion = softwareVersion
        self.key = key
        publicKey = key.verifying.bytes
    }

    /// What a connection begins with.
    func hello(_ holding: Holding) throws(WireError) -> Hello {
        try Hello(
            agent: agent, run: holding.run, first: holding.first, next: holding.next,
            softwareVersion: softwareVersion, publicKey: publicKey, instance: instance,
            predecessor: holding.predecessor)
    }

    /// Records of a run, signed.
    func signed(_ batch: SpoolBatch, of run: UInt64) throws(ShippingError) -> Batch {
        let statement = BatchStatement(
            agent: agent, run: run, first: batch.first, records: batch.records,
            previous: batch.previous)
        guard let signature = key.signature(of: statement) else { throw .unsigned }
        return Batch(
            first: batch.first, records: batch.records, previous: batch.previous.bytes,
            signature: signature)
    }
}
