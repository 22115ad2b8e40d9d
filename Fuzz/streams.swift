// modules: Metering Traffic Transactions
// with: Law.swift Watched.swift
// Conversations whose exchanges are known, on three connections, in segments that the bytes cut,
// swap, repeat, overlap, cut off and lose.
import Glibc
import Metering
import Traffic

@testable import Transactions

/// The input, byte after byte; zeros behind its end.
struct Script {
    private var bytes: ArraySlice<UInt8>
    init(_ bytes: [UInt8]) { self.bytes = bytes[...] }
    var isAtEnd: Bool { bytes.isEmpty }
    mutating func next() -> Int { bytes.popFirst().map(Int.init) ?? 0 }
}

/// One connection's segments in the order they were sent.
struct Conversation {
    let client: UInt16
    let count: Int
    /// Requests are sent without waiting for responses.
    let isPipelined: Bool
    let hasStart: Bool
    var segments: [MadeSegment] = []
    private var next: [UInt32]

    /// Exchange `i` has the target `/CLIENT/i`, the status 400 + i and `i` as its code.
    init(client: UInt16, _ script: inout Script) {
        self.client = client
        let kind = script.next()
        count = kind % 5
        // Sequence numbers that wrap are as good as others.
        next = kind & 0x20 != 0 ? [0xffff_ff80, 0xffff_ff00] : [1000, 9000]
        isPipelined = kind & 0x80 != 0
        hasStart = kind & 0x40 == 0
        if hasStart {
            add(true, [.syn], [])
            add(false, [.syn, .ack], [])
        }
        var requests: [UInt8] = []
        var responses: [UInt8] = []
        for number in 0..<count {
            let framing = script.next()
            requests += Self.request(client, number, framing)
            responses += Self.response(number, framing)
            if isPipelined && number + 1 < count { continue }
            cut(requests, toServer: true, &script)
            cut(responses, toServer: false, &script)
            requests = []
            responses = []
        }
        if kind & 0x10 != 0 {
            add(true, [.fin, .ack], [])
            add(false, [.fin, .ack], [])
        }
    }

    private static func request(_ client: UInt16, _ number: Int, _ framing: Int) -> [UInt8] {
        let start = "\(framing & 1 == 0 ? "GET" : "POST") /\(client)/\(number) HTTP/1.1\r\n"
        let body = framing & 1 == 0 ? "" : "Content-Length: 7\r\n"
        return Array("\(start)\(body)\r\n\(framing & 1 == 0 ? "" : "HTTP/1.")".utf8)
    }

    private static func response(_ number: Int, _ framing: Int) -> [UInt8] {
        let start = "HTTP/1.1 \(400 + number) x\r\n"
        let body =
            #"{"data":"\#(String(repeating: "HTTP/1.1", count: framing >> 4))","code":\#(number)}"#
        guard framing & 2 != 0 else {
            return Array("\(start)Content-Length: \(body.utf8.count)\r\n\r\n\(body)".utf8)
        }
        let half = body.utf8.count / 2
        let chunks = [body.prefix(half), body.dropFirst(half)].map {
            "\(String($0.utf8.count, radix: 16))\r\n\($0)\r\n"
        }
        return Array(
            "\(start)Transfer-Encoding: chunked\r\n\r\n\(chunks.joined())0\r\n\r\n".utf8)
    }

    private mutating func cut(_ bytes: [UInt8], toServer: Bool, _ script: inout Script) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let length = script.next()
            let part = rest.prefix(length == 0 ? .max : length)
            add(toServer, [.ack], part)
            rest = rest.dropFirst(part.count)
        }
    }

    private mutating func add(_ toServer: Bool, _ flags: TCPFlags, _ payload: ArraySlice<UInt8>) {
        let side = toServer ? 0 : 1
        segments.append(
            MadeSegment(
                client: client, toServer: toServer, sequence: next[side],
                acknowledged: flags.contains(.ack) ? next[1 - side] : 0, flags: flags,
                payload: payload))
        let isCounted = flags.contains(.syn) || flags.contains(.fin)
        next[side] &+= UInt32(payload.count) &+ (isCounted ? 1 : 0)
    }
}

/// What became of the segments on their way.
struct Passage {
    /// Segments in the order of capture, with the time since the one before.
    var captured: [(MadeSegment, after: UInt64)] = []
    /// Bytes, and sequence numbers of FIN, that were lost.
    var lost: UInt64 = 0
    /// Time passed between segments, so that holes were given up before they were filled.
    var isSlow = false
    private var late: [(MadeSegment, due: Int)] = []
    private var sent = 0

    init(_ conversations: [Conversation], _ script: inout Script) {
        var queues = conversations.map { $0.segments[...] }
        var turn = 0
        while queues.contains(where: { !$0.isEmpty }) {
            turn += 1
            guard let segment = queues[turn % queues.count].popFirst() else { continue }
            // A handshake is left alone: without it the stream begins where it is first seen.
            let choice = segment.flags.contains(.syn) ? 0 : script.next()
            take(segment, choice)
            sent += 1
            captured += late.filter { $0.due <= sent }.map { ($0.0, 1_000_000) }
            late.removeAll { $0.due <= sent }
        }
        captured += late.map { ($0.0, 1_000_000) }
    }

    /// A late segment comes behind 16 that were sent after it at most: within the engine's patience,
    /// at a millisecond each and copies among them.
    private mutating func take(_ segment: MadeSegment, _ choice: Int) {
        let amount = choice >> 4
        switch choice & 0x0f {
        case 1:
            captured.append((segment, 1_000_000))
            captured.append((segment, 1_000_000))
        case 2:
            late.append((segment, sent + 2 + amount))
        case 3:
            captured.append((segment, 1_000_000))
            late.append((segment, sent + 2 + amount))
        case 4: lose(segment)
        case 5:
            var cut = segment
            cut.missing = min(segment.payload.count, 1 + amount * 5)
            lost += UInt64(cut.missing)
            captured.append((cut, 1_000_000))
        case 6: captured.append((overlapping(segment, by: 1 + amount * 3), 1_000_000))
        case 7:
            isSlow = true
            captured.append((segment, UInt64(amount) * 400_000_000))
        default: captured.append((segment, 1_000_000))
        }
    }

    private mutating func lose(_ segment: MadeSegment) {
        lost += UInt64(segment.payload.count) + (segment.flags.contains(.fin) ? 1 : 0)
    }

    /// A segment that begins with bytes of the one before it, as retransmission packs them.
    private func overlapping(_ segment: MadeSegment, by count: Int) -> MadeSegment {
        guard
            let before = captured.last(where: {
                $0.0.client == segment.client && $0.0.toServer == segment.toServer
            })?.0, before.missing == 0, !before.flags.contains(.fin),
            before.sequence &+ UInt32(before.payload.count) == segment.sequence
        else { return segment }
        var longer = segment
        let part = before.payload.suffix(count)
        longer.payload = (Array(part) + Array(segment.payload))[...]
        longer.sequence &-= UInt32(part.count)
        return longer
    }
}

nonisolated(unsafe) let usual = WatchedEngine()
/// Room for little of everything but connections.
nonisolated(unsafe) let narrow = {
    var limits = EngineLimits()
    limits.memory = 2048
    limits.heldSegments = 3
    limits.heldBytes = 200
    limits.pendingRequests = 2
    return WatchedEngine(limits: limits)
}()
/// Room for one connection: what was evicted is picked up again, without its past.
nonisolated(unsafe) let crowded = {
    var limits = EngineLimits()
    limits.connections = 1
    return WatchedEngine(limits: limits)
}()

/// Holds what an engine made of it to what was sent; nothing must be found that was not there.
///
/// A copy that comes when its connection is forgotten is no copy to the engine.
func checkTruth(_ engine: WatchedEngine, _ conversations: [Conversation], isForgotten: Bool) {
    let sent = conversations.reduce(0) { $0 + UInt64($1.count) }
    let counters = engine.counters
    check(
        isForgotten
            || counters.exchanges + counters.unpairedRequests <= sent
                && counters.exchanges + counters.unpairedResponses <= sent,
        "no more messages than were sent")
    var latest: [UInt16: Int] = [:]
    // Where pipelining is under way, a stream's first response is anybody's.
    let ambiguous = conversations.filter { $0.isPipelined && (isForgotten || !$0.hasStart) }
    for exchange in engine.exchanges
    where !ambiguous.contains(where: { $0.client == exchange.client }) {
        let number = Int(exchange.status) - 400
        check(
            exchange.target == Array("/\(exchange.client)/\(number)".utf8),
            "never a false pair: \(String(decoding: exchange.target, as: UTF8.self)) \(number)")
        check(
            isForgotten || number > latest[exchange.client] ?? -1,
            "exchanges in their order, each once")
        latest[exchange.client] = number
        if let code = exchange.fields[0] {
            check(code == Array("\(number)".utf8), "never a false field")
        } else {
            check(exchange.unread[0], "a field that is there is not absent")
        }
    }
}

/// Shows what an input is, where FUZZ_TRACE is set.
func trace(_ passage: Passage) {
    for (segment, after) in passage.captured {
        print(
            "\(after / 1_000_000) ms", segment.client, segment.toServer ? "to server" : "to client",
            segment.sequence, "ack", segment.acknowledged, "flags", segment.flags.rawValue,
            "cut", segment.missing, segment.payload.count,
            String(decoding: segment.payload, as: UTF8.self).debugDescription)
    }
}

func trace(_ engine: WatchedEngine) {
    let counters = engine.counters
    print(
        "exchanges", counters.exchanges, "unpaired", counters.unpairedRequests,
        counters.unpairedResponses, "gaps", counters.gaps, counters.gapBytes,
        "malformed", counters.malformed, "evicted", counters.evicted)
    for exchange in engine.exchanges {
        print(
            exchange.client, String(decoding: exchange.target, as: UTF8.self), exchange.status,
            exchange.isComplete, exchange.requestBody, exchange.responseBody)
    }
    fflush(nil)
}

/// What libFuzzer calls with each input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    var script = Script(Array(UnsafeBufferPointer(start: data, count: min(size, 512))))
    let conversations = (0..<3).map { Conversation(client: 40_000 + $0, &script) }
    let passage = Passage(conversations, &script)
    if getenv("FUZZ_TRACE") != nil { trace(passage) }
    for engine in [usual, narrow, crowded] {
        engine.begin()
        for (segment, after) in passage.captured { engine.ingest(segment, after: after) }
        engine.finish()
        if getenv("FUZZ_TRACE") != nil { trace(engine) }
        // What was evicted is picked up again in its middle, as after a long silence.
        let isForgotten = passage.isSlow || engine.counters.evicted > 0
        if engine !== crowded { checkTruth(engine, conversations, isForgotten: isForgotten) }
    }
    let counters = usual.counters
    let hasStart = conversations.allSatisfy { $0.hasStart }
    if passage.lost == 0 && hasStart && !passage.isSlow {
        check(
            counters.exchanges == conversations.reduce(0) { $0 + UInt64($1.count) },
            "where nothing is lost every exchange is found")
        check(usual.exchanges.allSatisfy { $0.isComplete }, "and is whole")
        check(
            counters.unpairedRequests + counters.unpairedResponses + counters.gaps
                + counters.malformedTotal + counters.suspicious == 0, "and nothing else is")
    }
    if !passage.isSlow && hasStart {
        check(counters.gapBytes <= passage.lost, "no more is missing than was lost")
    }
    #if PLANTED_FAULT
        // Found only by a body that is cut off between two whole exchanges.
        check(
            counters.gaps == 0 || counters.exchanges < 4 || counters.unpairedRequests > 0
                || !usual.exchanges.contains { $0.unread[0] },
            "planted: no gap passes through a known length")
    #endif
    return 0
}
