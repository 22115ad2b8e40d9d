// modules: CRC32C SwiftProtobuf Wire
// with: Law.swift Passage.swift Turns.swift
// What a collector, or anybody, answers to an agent: messages of any content, and true answers that
// are altered on their way. Whole and in pieces.
@testable import Wire

/// The most bytes of an input that are looked at.
let mostBytes = 1024

/// What an agent has to tell: records `first` to `next` − 1, in one batch after the welcome.
let hello = try? Hello(
    agent: "cq-a-loan-07", run: 77, first: 3, next: 40, softwareVersion: "1.0",
    publicKey: Array(repeating: 7, count: Hello.publicKeySize), instance: 5)

/// What an agent heard in a conversation, and what it went on to say.
struct Heard: Equatable {
    var events: [AgentEvent] = []
    var said: [[UInt8]] = []
    private var acknowledged: UInt64 = 0

    /// Hears the turns in pieces of these lengths, and goes on after each as it may.
    init(_ turns: [[UInt8]], of hello: Hello, pieces lengths: [Int]) {
        var session = AgentSession(hello: hello)
        do throws(WireError) { said.append(try session.open()) } catch {
            check(false, "an agent can say who it is: \(error)")
        }
        for turn in turns {
            let before = events.count
            for piece in pieces(turn, lengths) {
                let isOver = isOver
                let new = withOwnMemory(piece) { session.receive($0) }
                check(new.isEmpty || !isOver, "after a failure nothing is heard")
                for event in new { hear(event, hello) }
            }
            if events.count > before { goOn(&session, hello) }
        }
    }

    private var isOver: Bool { if case .failed = events.last { true } else { false } }

    private mutating func hear(_ event: AgentEvent, _ hello: Hello) {
        switch event {
        case .welcomed(let durable):
            check(events.isEmpty, "a welcome comes first, and once")
            check(durable < hello.next, "what is durable was made")
            acknowledged = durable
        case .acknowledged(let through):
            check(through >= acknowledged, "an acknowledgement never goes back")
            check(through < hello.next, "what is acknowledged was sent")
            acknowledged = through
        case .failed(let error):
            check(!error.description.isEmpty, "errors have words")
            if case .refused(_, let text) = error {
                check(
                    text.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F },
                    "a refusal forges no line")
            }
        case .heartbeat: check(!events.isEmpty, "a heartbeat comes after the welcome")
        }
        events.append(event)
    }

    private mutating func goOn(_ session: inout AgentSession, _ hello: Hello) {
        do throws(WireError) {
            switch events.last {
            case .welcomed(let durable):
                said.append(try session.manifest([1, 2, 3]))
                guard durable + 1 < hello.next else { return }
                let records = (durable + 1..<hello.next).map { [UInt8(truncatingIfNeeded: $0)] }
                said.append(try session.batch(batch(durable + 1, records)))
            case .failed(let error):
                said.append(try session.refuse(code: error.code, text: error.description))
            case .acknowledged, .heartbeat: said.append(try session.heartbeat())
            case nil: break
            }
        } catch { check(false, "an agent can go on from what it heard: \(error)") }
    }
}

/// A batch whose head and signature are none.
func batch(_ first: UInt64, _ records: [[UInt8]]) -> Batch {
    Batch(
        first: first, records: records, previous: Array(repeating: 1, count: Batch.headSize),
        signature: Array(repeating: 2, count: Batch.signatureSize))
}

/// The answers of a true collector in each turn, and what must be heard.
struct Truth {
    var turns: [[UInt8]] = []
    var events: [AgentEvent] = []

    init(_ script: inout Script, to hello: Hello) throws(WireError) {
        var agent = AgentSession(hello: hello)
        var collector = CollectorSession()
        _ = collector.receive(try agent.open())
        let durable = UInt64(script.next()) % hello.next
        turns = [try collector.welcome(highestDurable: durable), []]
        events = [.welcomed(highestDurable: durable)] + agent.receive(turns[0]).dropFirst()
        _ = collector.receive(try agent.manifest([1]))
        let count = hello.next - 1 - durable
        if count > 0 {
            let records = Array(repeating: [UInt8(1)], count: Int(count))
            _ = collector.receive(try agent.batch(batch(durable + 1, records)))
        }
        var through = durable
        for _ in 0..<script.next() % 6 {
            let kind = script.next()
            if kind % 3 == 0 {
                turns[1] += try collector.heartbeat()
                events.append(.heartbeat)
            } else {
                through += UInt64(kind) % (hello.next - through)
                turns[1] += try collector.acknowledge(through: through)
                events.append(.acknowledged(through: through))
            }
        }
        guard script.next() % 2 == 0 else { return }
        turns[1] += try collector.refuse(code: .shuttingDown, text: "update")
        events.append(.failed(.refused(code: .shuttingDown, text: "update")))
    }
}

/// Holds what was heard of altered answers to what was said in them.
func compare(_ heard: Heard, with truth: Truth, isAltered: Bool) {
    if !isAltered { return check(heard.events == truth.events, "what was said is heard") }
    let understood = heard.events.filter { event in
        if case .failed = event { false } else { true }
    }
    check(heard.events.count - understood.count <= 1, "a session fails once")
    check(
        understood.allSatisfy { truth.events.contains($0) }, "only what was said is heard")
}

/// What libFuzzer calls with each input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    guard let hello else { return 0 }
    let size = min(size, mostBytes)
    var script = Script(Array(UnsafeBufferPointer(start: data, count: size))[...])
    let kind = script.next()
    let lengths = [1 + kind >> 2, 1 + size % 29, 200]
    var truth: Truth?
    let said: [[UInt8]]
    if kind & 1 == 0 {
        said = turns(&script)
    } else {
        truth = try? Truth(&script, to: hello)
        check(truth != nil, "a collector can answer")
        said = truth?.turns.map { altered($0, &script) } ?? []
    }
    let heard = Heard(said, of: hello, pieces: [.max])
    for lengths in [[1], lengths] {
        check(
            Heard(said, of: hello, pieces: lengths) == heard,
            "the same is heard in pieces of \(lengths)")
    }
    for bytes in heard.said { check(frames(bytes).count == 1, "an agent sends whole frames") }
    if let truth { compare(heard, with: truth, isAltered: said != truth.turns) }
    #if PLANTED_FAULT
        // Found only in an answer that no seed has, behind a welcome.
        if case .failed(.malformed) = heard.events.last {
            check(heard.events.count < 2, "planted: no collector's second answer is malformed")
        }
    #endif
    return 0
}
