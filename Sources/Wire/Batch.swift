/// Records with consecutive sequence numbers, and the agent's word for them.
package struct Batch: Sendable, Hashable {
    /// Bytes of `previous`.
    package static let headSize = 32
    /// Bytes of `signature`.
    package static let signatureSize = 64

    /// The sequence number of the first of `records`.
    package let first: UInt64
    /// As the agent made them; 1 to ``WireLimits/records``.
    package let records: [[UInt8]]
    /// The hash of the run's records before the first: ``headSize`` bytes.
    package let previous: [UInt8]
    /// ``signatureSize`` bytes. Nothing here says whether it is right.
    package let signature: [UInt8]

    /// Holds whatever it is given: the session that sends or receives it checks it.
    package init(first: UInt64, records: [[UInt8]], previous: [UInt8], signature: [UInt8]) {
        self.first = first
        self.records = records
        self.previous = previous
        self.signature = signature
    }
}

extension Batch {
    /// Below this many bytes compressing is not tried.
    private static let smallestToDeflate = 512
    /// What compressing must save of the bytes, as a fraction: 1 ÷ this.
    private static let leastSaving = 8

    init(_ message: Jouleflow_Wire_V1_Batch) throws(WireError) {
        self.init(
            first: message.first, records: try Self.records(of: message),
            previous: Array(message.previous), signature: Array(message.signature))
    }

    private static func records(of message: Jouleflow_Wire_V1_Batch) throws(WireError) -> [[UInt8]]
    {
        guard !message.deflated.isEmpty else { return message.records.map { Array($0) } }
        guard message.records.isEmpty, 1...WireLimits.frame ~= Int(message.inflatedLength),
            let bytes = Deflation.inflate(
                Array(message.deflated), length: Int(message.inflatedLength)),
            let inflated = try? Jouleflow_Wire_V1_Records(serializedBytes: bytes)
        else { throw .malformed(.batch) }
        return inflated.records.map { Array($0) }
    }

    /// The message, compressed where that pays.
    func message() throws(WireError) -> Jouleflow_Wire_V1_Batch {
        var message = Jouleflow_Wire_V1_Batch()
        message.first = first
        message.previous = .init(previous)
        message.signature = .init(signature)
        let plain = Jouleflow_Wire_V1_Records.with { $0.records = records.map { .init($0) } }
        let bytes: [UInt8]
        do { bytes = try plain.serializedBytes() } catch { throw .malformed(.batch) }
        let most = bytes.count - bytes.count / Self.leastSaving
        if bytes.count >= Self.smallestToDeflate,
            let deflated = Deflation.deflate(bytes, atMost: most)
        {
            message.deflated = .init(deflated)
            message.inflatedLength = UInt32(bytes.count)
        } else {
            message.records = plain.records
        }
        return message
    }
}
