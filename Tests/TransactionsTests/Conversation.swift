import Metering
import Traffic

@testable import Transactions

/// A generator whose numbers depend on the seed alone (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return mixed ^ mixed >> 31
    }
}

/// One TCP segment of a made-up connection.
struct TestSegment {
    var toServer: Bool
    var sequence: UInt32
    var acknowledged: UInt32 = 0
    var payload: [UInt8]
    var flags: TCPFlags = [.ack]
    var clientPort: UInt16 = 40_000
    var serverPort: UInt16 = 8080
    /// Bytes captured; `nil`: all.
    var captured: Int?

    /// The segment in an Ethernet frame with IPv4.
    var frame: [UInt8] {
        let client: [UInt8] = [10, 0, 0, 1]
        let server: [UInt8] = [10, 0, 0, 2]
        let length = 40 + payload.count
        var bytes: [UInt8] = []
        bytes.reserveCapacity(14 + length)
        bytes += repeatElement(0, count: 12)
        bytes += [0x08, 0x00]
        bytes += [0x45, 0, UInt8(length >> 8 & 0xff), UInt8(length & 0xff)]
        bytes += [0, 0, 0x40, 0, 64, 6, 0, 0]
        bytes += toServer ? client + server : server + client
        let ports = toServer ? [clientPort, serverPort] : [serverPort, clientPort]
        for port in ports { bytes += [UInt8(port >> 8), UInt8(port & 0xff)] }
        for number in [sequence, acknowledged] {
            bytes.append(UInt8(number >> 24))
            bytes.append(UInt8(number >> 16 & 0xff))
            bytes.append(UInt8(number >> 8 & 0xff))
            bytes.append(UInt8(number & 0xff))
        }
        bytes += [0x50, flags.rawValue, 0xff, 0xff, 0, 0, 0, 0]
        bytes += payload
        return bytes
    }
}

/// Bytes that one side sends, in order.
struct Turn: Sendable {
    let toServer: Bool
    let bytes: [UInt8]

    static func client(_ text: String) -> Turn { Turn(toServer: true, bytes: Array(text.utf8)) }
    static func server(_ text: String) -> Turn { Turn(toServer: false, bytes: Array(text.utf8)) }
}

/// Segments of a whole connection, from SYN to FIN.
///
/// - Parameter cuts: gives the lengths into which a turn of a length is cut.
func connection(
    _ turns: [Turn], clientPort: UInt16 = 40_000, clientStart: UInt32 = 1000,
    serverStart: UInt32 = 9000, hasSyn: Bool = true, hasFin: Bool = true,
    cuts: (Int) -> [Int] = { [$0] }
) -> [TestSegment] {
    var next: [Bool: UInt32] = [true: clientStart &+ 1, false: serverStart &+ 1]
    var segments: [TestSegment] = []
    func add(_ toServer: Bool, _ payload: [UInt8], _ flags: TCPFlags) {
        segments.append(
            TestSegment(
                toServer: toServer, sequence: next[toServer] ?? 0,
                acknowledged: next[!toServer] ?? 0, payload: payload, flags: flags,
                clientPort: clientPort))
        let length = payload.count + (flags.contains(.fin) ? 1 : 0)
        next[toServer] = (next[toServer] ?? 0) &+ UInt32(length)
    }
    if hasSyn {
        segments.append(
            TestSegment(
                toServer: true, sequence: clientStart, payload: [], flags: [.syn],
                clientPort: clientPort))
        segments.append(
            TestSegment(
                toServer: false, sequence: serverStart, acknowledged: clientStart &+ 1, payload: [],
                flags: [.syn, .ack],
                clientPort: clientPort))
    }
    for turn in turns {
        var rest = turn.bytes[...]
        for length in cuts(turn.bytes.count) where !rest.isEmpty {
            add(turn.toServer, Array(rest.prefix(length)), [.ack])
            rest = rest.dropFirst(length)
        }
    }
    if hasFin {
        add(true, [], [.fin, .ack])
        add(false, [], [.fin, .ack])
    }
    return segments
}

/// An exchange, copied out of the engine.
struct SeenExchange: Equatable, CustomStringConvertible {
    var method: String
    var target: String
    var status: UInt16
    var isComplete: Bool
    var requestBody: UInt64
    var responseBody: UInt64
    var fields: [String]

    var description: String {
        "\(method) \(target) \(status) \(isComplete ? "whole" : "cut") \(requestBody)/\(responseBody) \(fields)"
    }

    /// Whether the bytes of this exchange are the first of those of `other`.
    func isBeginning(of other: SeenExchange) -> Bool {
        !isComplete && (method, target, status) == (other.method, other.target, other.status)
            && requestBody <= other.requestBody && responseBody <= other.responseBody
            && zip(fields, other.fields).allSatisfy { $0 == "?" || $0 == $1 }
    }

    init(_ exchange: Exchange) {
        method = String(decoding: exchange.method, as: UTF8.self)
        target = String(decoding: exchange.target, as: UTF8.self)
        status = exchange.status
        isComplete = exchange.isComplete
        requestBody = exchange.requestBodyLength
        responseBody = exchange.responseBodyLength
        fields = exchange.fields.map {
            switch $0 {
            case .value(let bytes): String(decoding: bytes, as: UTF8.self)
            case .absent: "-"
            case .unread: "?"
            }
        }
    }
}

final class Seen {
    var exchanges: [SeenExchange] = []
}

/// Runs segments through a new engine, a millisecond apart or `step` ns, and returns what it saw.
func run(
    _ segments: [TestSegment], ports: [UInt16] = [8080],
    selectors: [FieldSelector] = [.responseJSON(["code"])],
    limits: EngineLimits = .init(), apart step: UInt64 = 1_000_000, finish: Bool = true
) -> (exchanges: [SeenExchange], counters: EngineCounters) {
    let seen = Seen()
    var engine = TransactionEngine(
        services: [EngineService(ports: ports, selectors: selectors)],
        limits: limits, sink: { seen.exchanges.append(SeenExchange($0)) })
    var time: UInt64 = 1_800_000_000_000_000_000
    for segment in segments {
        time += step
        let frame = segment.frame
        let cut = segment.captured.map { frame.count - segment.payload.count + $0 } ?? frame.count
        frame.withUnsafeBytes { bytes in
            engine.ingest(
                Frame(
                    bytes: UnsafeRawBufferPointer(rebasing: bytes[..<cut]),
                    wireLength: frame.count, time: Timestamp(time), linkType: .ethernet))
        }
    }
    if finish { engine.finish() }
    return (seen.exchanges, engine.counters)
}
