// modules: Metering CRC32C SwiftProtobuf Chain Records Wire
// with: Law.swift Passage.swift Turns.swift Decoding.swift
// built: Crypto
// What an agent, or anybody, sends to a collector: messages of any content, and true conversations
// that are altered on their way. Whole and in pieces, and on to what looks at it next.
import Chain

@testable import Wire

/// The most bytes of an input that are looked at.
let mostBytes = 1024

/// What a collector heard in a conversation, and what it answered.
struct Heard: Equatable {
    var events: [CollectorEvent] = []
    var answers: [[UInt8]] = []
    /// Bytes of an unfinished frame, at each turn's end.
    var unfinished: [Int] = []
    var hello: Hello?
    var batches: [Batch] = []

    /// Hears the turns in pieces of these lengths, and answers each of them.
    init(_ turns: [[UInt8]], pieces lengths: [Int], highestDurable: UInt64) {
        var session = CollectorSession()
        for turn in turns {
            let before = events.count
            for piece in pieces(turn, lengths) {
                let isOver = isOver
                let new = withOwnMemory(piece) { session.receive($0) }
                check(new.isEmpty || !isOver, "after a failure nothing is heard")
                for event in new { hear(event) }
            }
            check(session.unfinished <= WireLimits.frame, "an unfinished frame is bounded")
            unfinished.append(session.unfinished)
            if events.count > before { answer(&session, highestDurable) }
        }
    }

    private var isOver: Bool { if case .failed = events.last { true } else { false } }

    private mutating func hear(_ event: CollectorEvent) {
        switch event {
        case .hello(let hello):
            check(events.isEmpty, "a hello comes first, and once")
            self.hello = hello
        case .batch(let batch):
            check(batch.first > last, "batches ascend")
            check(1...WireLimits.records ~= batch.records.count, "a batch's records are bounded")
            check(
                batch.records.reduce(0) { $0 + $1.count } <= WireLimits.batch,
                "a batch's bytes are bounded")
            check(
                batch.records.allSatisfy { 1...WireLimits.record ~= $0.count },
                "a record's bytes are bounded")
            batches.append(batch)
        case .manifest(let bytes):
            check(1...WireLimits.manifest ~= bytes.count, "a manifest's bytes are bounded")
        case .failed(let error): check(!error.description.isEmpty, "errors have words")
        case .heartbeat: break
        }
        events.append(event)
    }

    /// The last record that was heard of.
    private var last: UInt64 { batches.last.map { $0.first + UInt64($0.records.count) - 1 } ?? 0 }

    private mutating func answer(_ session: inout CollectorSession, _ highestDurable: UInt64) {
        do throws(WireError) {
            switch events.last {
            case .hello(let hello):
                answers.append(
                    try session.welcome(highestDurable: min(highestDurable, hello.next - 1)))
            case .batch:
                answers.append(try session.acknowledge(through: last))
                do throws(WireError) {
                    _ = try session.acknowledge(through: last + 1)
                    check(false, "nothing that did not come is acknowledged")
                } catch {}
            case .failed(let error): answers.append(try session.refuse(error))
            case .manifest, .heartbeat: answers.append(try session.heartbeat())
            case nil: break
            }
        } catch { check(false, "a collector can answer what it heard: \(error)") }
    }

    /// Holds the agent to understand what the collector answered.
    func checkAnswers(_ highestDurable: UInt64) {
        for answer in answers { check(frames(answer).count == 1, "an answer is a frame") }
        guard let hello, let welcome = answers.first else { return }
        var agent = AgentSession(hello: hello)
        _ = try? agent.open()
        let heard = agent.receive(welcome)
        switch heard.last {
        case .welcomed(let durable): check(durable < hello.next, "what is durable was made")
        case .failed(.refused): break
        default: check(false, "an agent understands a collector: \(heard)")
        }
    }

    /// Looks at what came, as a collector does before it stores it.
    func examine() {
        for case .manifest(let bytes) in events { FuzzTarget.examine(manifest: bytes) }
        guard let hello else { return }
        let key = VerifyingKey(hello.publicKey)
        for batch in batches {
            for record in batch.records { FuzzTarget.examine(entry: record) }
            guard let key, let statement = BatchStatement(batch, of: hello) else { continue }
            _ = key.verifies(batch.signature, of: statement)
        }
    }
}

extension BatchStatement {
    /// What a batch's signature must be of; `nil` where its head is none.
    init?(_ batch: Batch, of hello: Hello) {
        guard let previous = ChainHead(batch.previous) else { return nil }
        self.init(
            agent: hello.agent, run: hello.run, first: batch.first, records: batch.records,
            previous: previous)
    }
}

/// A conversation of a true agent: what it sends in each turn, and what must be heard.
struct Truth {
    var turns: [[UInt8]] = []
    var events: [CollectorEvent] = []
    /// The first record that it holds; the collector has those before.
    let first: UInt64
    static let key = SigningKey(Array(repeating: 7, count: SigningKey.size)) ?? SigningKey()

    init(_ script: inout Script) throws(WireError) {
        let start = 1 + UInt64(script.next())
        first = start
        let hello = try Hello(
            agent: "cq-a-loan-07", run: 77, first: start, next: start + 1_000_000,
            softwareVersion: "1.0", publicKey: Self.key.verifying.bytes, instance: 5,
            predecessor: script.next() % 2 == 0 ? nil : RunEnd(run: 76, last: 9))
        var agent = AgentSession(hello: hello)
        turns = [try agent.open(), []]
        events = [.hello(hello)]
        var collector = CollectorSession()
        _ = collector.receive(turns[0])
        _ = agent.receive(try collector.welcome(highestDurable: start - 1))
        var (next, head) = (start, ChainHead(startOf: hello.run, after: nil))
        for number in 0..<1 + UInt8(script.next() % 5) {
            let kind = script.next()
            if number == 0 || kind & 3 == 0 {
                let manifest = Array(repeating: number + 1, count: 20)
                turns[1] += try agent.manifest(manifest)
                events.append(.manifest(manifest))
            }
            if kind & 4 != 0 {
                turns[1] += try agent.heartbeat()
                events.append(.heartbeat)
            }
            next += UInt64(kind >> 6)
            let batch = Self.batch(next, 1 + kind >> 3 & 7, script.next(), head, of: hello)
            turns[1] += try agent.batch(batch)
            events.append(.batch(batch))
            head = head.appending(batch.records)
            next += UInt64(batch.records.count)
        }
    }

    /// Records of that length; long ones are all alike, so that they are compressed.
    private static func batch(
        _ first: UInt64, _ count: Int, _ length: Int, _ head: ChainHead, of hello: Hello
    ) -> Batch {
        let records = (0..<count).map { index in
            Array(repeating: UInt8(truncatingIfNeeded: index), count: 1 + length)
        }
        let statement = BatchStatement(
            agent: hello.agent, run: hello.run, first: first, records: records, previous: head)
        return Batch(
            first: first, records: records, previous: head.bytes,
            signature: key.signature(of: statement) ?? [])
    }
}

/// Holds what was heard of an altered conversation to what was said in it.
func compare(_ heard: Heard, with truth: Truth, isAltered: Bool) {
    let failures = heard.events.filter { if case .failed = $0 { true } else { false } }
    check(failures.count <= 1, "a session fails once")
    let understood = heard.events.dropLast(failures.count)
    check(
        understood.allSatisfy { truth.events.contains($0) }, "only what was said is heard")
    guard !isAltered else { return }
    check(heard.events == truth.events, "what was said is heard")
    guard let hello = heard.hello, let key = VerifyingKey(hello.publicKey) else { return }
    check(
        heard.batches.allSatisfy { batch in
            BatchStatement(batch, of: hello).map { key.verifies(batch.signature, of: $0) } ?? false
        }, "what an agent signed is verified")
}

/// What is heard of the turns, however they are split.
func hear(_ turns: [[UInt8]], _ lengths: [Int], highestDurable: UInt64) -> Heard {
    let whole = Heard(turns, pieces: [.max], highestDurable: highestDurable)
    for lengths in [[1], lengths] {
        check(
            Heard(turns, pieces: lengths, highestDurable: highestDurable) == whole,
            "the same is heard in pieces of \(lengths)")
    }
    return whole
}

/// What libFuzzer calls with each input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    let size = min(size, mostBytes)
    var script = Script(Array(UnsafeBufferPointer(start: data, count: size))[...])
    let kind = script.next()
    let lengths = [1 + kind >> 2, 1 + size % 29, 200]
    guard kind & 1 == 0 else {
        guard var truth = try? Truth(&script) else { return 0 }
        let said = truth.turns
        truth.turns = said.map { altered($0, &script) }
        let heard = hear(truth.turns, lengths, highestDurable: truth.first - 1)
        compare(heard, with: truth, isAltered: truth.turns != said)
        return 0
    }
    let durable = UInt64(script.next())
    let heard = hear(turns(&script), lengths, highestDurable: durable)
    heard.checkAnswers(durable)
    heard.examine()
    #if PLANTED_FAULT
        // Found only in a batch that no seed has, behind a hello that only one has.
        check(
            heard.hello?.predecessor == nil || heard.events.last != .failed(.malformed(.batch)),
            "planted: no agent with a run before this one sends a malformed batch")
    #endif
    return 0
}
