// modules: Metering Traffic Transactions
// with: Law.swift Watched.swift
// Bytes of a client and a server, who take turns at each byte 0xff, on one connection: whole, and in
// other pieces.
import Traffic

@testable import Transactions

/// The most turns, and bytes of them all, that are looked at.
let mostTurns = 64
let mostBytes = 1024

/// Fields of every kind, on both sides.
let selectors: [FieldSelector] = [
    .responseJSON(["code"]), .responseJSON(["data", "code"]), .responseXML(["a", "code"]),
    .responseHeader("x-code"), .requestHeader("host"), .requestJSON(["data", "code"]),
    .requestForm("code"), .requestXML(["a", "code"]), .requestHeader("x"),
]

nonisolated(unsafe) let engine = WatchedEngine(selectors: selectors)

/// What the engine makes of the turns when each is cut into pieces of these lengths, over and over.
func digest(_ turns: [ArraySlice<UInt8>], pieces: [Int], hasFin: Bool) -> Digest {
    var digest = Digest()
    var next: [UInt32] = [1000, 9000]
    func send(_ toServer: Bool, _ flags: TCPFlags, _ payload: ArraySlice<UInt8> = []) {
        engine.ingest(
            MadeSegment(
                toServer: toServer, sequence: next[toServer ? 0 : 1],
                acknowledged: next[toServer ? 1 : 0], flags: flags, payload: payload), after: 1000)
        next[toServer ? 0 : 1] &+= UInt32(payload.count) + (flags.contains(.syn) ? 1 : 0)
    }
    engine.begin()
    send(true, [.syn])
    send(false, [.syn, .ack])
    var piece = 0
    for (index, turn) in turns.enumerated() {
        var rest = turn
        while !rest.isEmpty {
            let part = rest.prefix(max(1, pieces[piece % pieces.count]))
            piece += 1
            rest = rest.dropFirst(part.count)
            send(index % 2 == 0, [.ack], part)
            if !digest.isLost {
                digest.isLost =
                    engine.isAnyMalformed || engine.counters.unpairedResponses > 0
                digest.exchangesBeforeLoss = engine.exchanges.count
            }
        }
    }
    if hasFin {
        send(true, [.fin, .ack])
        send(false, [.fin, .ack])
    }
    engine.finish()
    digest.exchanges = engine.exchanges
    digest.counters = engine.counters
    return digest
}

struct Digest {
    var exchanges: [SeenExchange] = []
    var counters = engine.counters
    /// The framing could not be known at some place, or a response came to no known request. What
    /// is found behind it depends on where segments begin, as it must.
    var isLost = false
    var exchangesBeforeLoss = 0

    /// HTTP/2 is told from HTTP/1 by a first segment, so that pieces decide.
    var isOther: Bool { counters.malformed[MalformedReason.otherProtocol.rawValue] > 0 }
}

/// Holds the same bytes in two pieces to the same exchanges.
func compare(_ whole: Digest, _ split: Digest, _ words: String) {
    if whole.isOther || split.isOther { return }
    check(whole.isLost == split.isLost, "\(words): lost in one is lost in the other")
    if whole.isLost {
        let count = min(whole.exchangesBeforeLoss, split.exchangesBeforeLoss)
        check(
            whole.exchanges[..<count] == split.exchanges[..<count],
            "\(words): the same exchanges before what is malformed")
        return
    }
    check(whole.exchanges == split.exchanges, "\(words): the same exchanges")
    check(
        whole.counters.unpairedRequests == split.counters.unpairedRequests
            && whole.counters.unpairedResponses == split.counters.unpairedResponses
            && whole.counters.suspicious == split.counters.suspicious
            && whole.counters.encryptedConnections == split.counters.encryptedConnections
            && whole.counters.gaps == 0 && split.counters.gaps == 0,
        "\(words): the same counts")
}

/// What libFuzzer calls with each input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    let size = min(size, mostBytes)
    let bytes = Array(UnsafeBufferPointer(start: data, count: size))
    let turns = bytes.split(
        separator: 0xff, maxSplits: mostTurns - 1, omittingEmptySubsequences: false)
    let hasFin = size % 2 == 0
    let whole = digest(turns, pieces: [.max], hasFin: hasFin)
    compare(whole, digest(turns, pieces: [1], hasFin: hasFin), "byte by byte")
    let chosen = bytes.suffix(5).map { Int($0 % 32) } + [1 + size % 7]
    compare(whole, digest(turns, pieces: chosen, hasFin: hasFin), "in pieces \(chosen)")
    checkTruncation(turns, whole)
    for exchange in whole.exchanges {
        check((100...999).contains(exchange.status), "a status has three digits")
        check(exchange.fields.count == selectors.count, "each selector has its field")
        check(
            exchange.fields.allSatisfy { $0.map { $0.count <= 65 } ?? true },
            "a value is no longer than tells it from others")
        check(!exchange.method.isEmpty && !exchange.target.isEmpty, "a request has its words")
        check(
            exchange.responseBody <= UInt64(size) && exchange.requestBody <= UInt64(size),
            "without gaps a body is no longer than the bytes")
    }
    #if PLANTED_FAULT
        // Found only where a method that no seed has goes with a body.
        let known = ["GET", "HEAD", "POST", "PUT", "CONNECT"].map { Array($0.utf8) }
        check(
            !whole.exchanges.contains { !known.contains($0.method) && $0.requestBody > 0 },
            "planted: no unknown method has a body")
    #endif
    return 0
}

/// A stream that ends earlier gives the same exchanges as far as it goes.
func checkTruncation(_ turns: [ArraySlice<UInt8>], _ whole: Digest) {
    guard !whole.isOther, let last = turns.last else { return }
    let half = turns.dropLast() + [last.prefix(last.count / 2)]
    let cut = digest(Array(half), pieces: [.max], hasFin: false)
    if cut.isOther || cut.isLost || whole.isLost { return }
    // The last one may be a response that the end completes.
    let sure = cut.exchanges.dropLast()
    check(
        Array(sure) == Array(whole.exchanges.prefix(sure.count)), "an earlier end changes nothing")
}
