import CRC32C

@testable import Wire

/// A generator whose seed makes a failure repeatable (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }

    mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) }
    }
}

/// A conversation as it should be: what each side sends, and what the other must understand.
struct Conversation {
    let hello: Hello
    var fromAgent: [UInt8] = []
    var fromCollector: [UInt8] = []
    var collectorEvents: [CollectorEvent] = []
    var agentEvents: [AgentEvent] = []

    init(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        hello = try Hello(
            agent: "cq-a-loan-07", run: 0x1122_3344_5566_7788, first: 3, next: 40,
            softwareVersion: "1.0.0", publicKey: generator.bytes(32), instance: 9,
            predecessor: RunEnd(run: 77, last: 12))
        var agent = AgentSession(hello: hello)
        var collector = CollectorSession()
        fromAgent += try agent.open()
        collectorEvents += collector.receive(fromAgent)
        fromCollector += try collector.welcome(highestDurable: 9)
        agentEvents += agent.receive(fromCollector)

        let manifest = generator.bytes(90)
        let records = (0..<6).map { _ in generator.bytes(Int.random(in: 1...40, using: &generator))
        }
        let sent = [
            try agent.manifest(manifest), try agent.batch(batch(10, records)),
            try agent.heartbeat(), try agent.batch(batch(30, [records[0]])),
            // Compressed.
            try agent.batch(batch(31, Array(repeating: Array(repeating: 5, count: 60), count: 9))),
        ]
        for frame in sent { collectorEvents += collector.receive(frame) }
        fromAgent += sent.flatMap { $0 }

        let answered = [
            try collector.acknowledge(through: 12), try collector.acknowledge(through: 12),
            try collector.heartbeat(), try collector.acknowledge(through: 30),
            try collector.refuse(code: .shuttingDown, text: "update"),
        ]
        for frame in answered { agentEvents += agent.receive(frame) }
        fromCollector += answered.flatMap { $0 }
    }

    /// What a collector understands of the agent's bytes in `pieces`.
    func collector(reading pieces: [[UInt8]]) -> [CollectorEvent] {
        var session = CollectorSession()
        var events: [CollectorEvent] = []
        for piece in pieces {
            // The agent waits for the welcome, so no piece holds both Hello and what follows it.
            let new = session.receive(piece)
            events += new
            if case .hello = new.last { _ = try? session.welcome(highestDurable: 9) }
        }
        return events
    }

    /// What an agent that has sent everything understands of the collector's bytes in `pieces`.
    func agent(reading pieces: [[UInt8]]) throws -> [AgentEvent] {
        var session = AgentSession(hello: hello)
        _ = try session.open()
        var events: [AgentEvent] = []
        for piece in pieces {
            let new = session.receive(piece)
            events += new
            if case .welcomed = new.last {
                _ = try session.manifest([1])
                // Refused where a garbled welcome lies beyond these records.
                _ = try? session.batch(batch(10, Array(repeating: [1], count: 21)))
            }
        }
        return events
    }

    /// The length of the first frame: Hello, or Welcome.
    static func firstFrame(of bytes: [UInt8]) -> Int {
        4 + Int(bytes[0]) + Int(bytes[1]) << 8
    }
}

/// A batch whose head and signature are no real ones.
func batch(_ first: UInt64, _ records: [[UInt8]]) -> Batch {
    Batch(
        first: first, records: records, previous: Array(repeating: 1, count: Batch.headSize),
        signature: Array(repeating: 2, count: Batch.signatureSize))
}

/// A frame of any type and payload under a right checksum.
func frame(_ type: UInt8, _ payload: [UInt8]) -> [UInt8] {
    littleEndian(UInt32(payload.count + 5)) + [type] + payload
        + littleEndian(CRC32C.checksum([type] + payload))
}

func littleEndian(_ value: UInt32) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
}
