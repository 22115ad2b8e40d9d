import Metering
import Traffic

@testable import Transactions

/// An exchange, copied out of the engine.
struct SeenExchange: Equatable {
    var client: UInt16
    var method: [UInt8]
    var target: [UInt8]
    var status: UInt16
    var isComplete: Bool
    var requestBody: UInt64
    var responseBody: UInt64
    /// The value of each selector; `nil` where it is absent or unread.
    var fields: [[UInt8]?]
    var unread: [Bool]

    init(_ exchange: Exchange) {
        client = exchange.client.port
        method = Array(exchange.method)
        target = Array(exchange.target)
        status = exchange.status
        isComplete = exchange.isComplete
        requestBody = exchange.requestBodyLength
        responseBody = exchange.responseBodyLength
        fields = exchange.fields.map {
            if case .value(let bytes) = $0 { Array(bytes) } else { nil }
        }
        unread = exchange.fields.map { if case .unread = $0 { true } else { false } }
    }
}

final class Seen {
    var exchanges: [SeenExchange] = []
}

extension EngineCounters {
    func since(_ before: EngineCounters) -> EngineCounters {
        var now = self
        for path in [
            \Self.packets, \.bytes, \.connections, \.exchanges, \.unpairedRequests,
            \.unpairedResponses, \.gaps, \.gapBytes, \.evicted, \.suspicious,
            \.fragments.received, \.fragments.joined, \.fragments.tiny,
        ] { now[keyPath: path] -= before[keyPath: path] }
        for index in malformed.indices { now.malformed[index] -= before.malformed[index] }
        for index in undecodedByReason.indices {
            now.undecodedByReason[index] -= before.undecodedByReason[index]
        }
        for index in services.indices {
            for path in [
                \ServiceCounters.packets, \.encryptedPackets, \.readablePackets,
                \.encryptedConnections,
            ] { now.services[index][keyPath: path] -= before.services[index][keyPath: path] }
        }
        return now
    }
}

/// A TCP segment of the client's port 8080 connection, or to it.
struct MadeSegment {
    var client: UInt16 = 40_000
    var toServer: Bool
    var sequence: UInt32
    var acknowledged: UInt32
    var flags: TCPFlags = [.ack]
    var payload: ArraySlice<UInt8> = []
    /// Bytes at the end of the payload that the capture cut off.
    var missing = 0

    /// Ethernet, IPv4 and TCP without options.
    static let headers = 54

    /// Writes the segment's frame; bytes not written here are zero, or mean nothing.
    func write(to bytes: UnsafeMutableRawBufferPointer) {
        func put(_ number: some FixedWidthInteger, at offset: Int) {
            bytes.storeBytes(of: number.bigEndian, toByteOffset: offset, as: type(of: number))
        }
        put(UInt16(0x0800), at: 12)
        put(UInt32(0x4500_0000) | UInt32(UInt16(clamping: 40 + payload.count)), at: 14)
        put(UInt32(0x0000_4000), at: 18)
        put(UInt32(0x4006_0000), at: 22)
        put(UInt32(toServer ? 0x0a00_0001 : 0x0a00_0002), at: 26)
        put(UInt32(toServer ? 0x0a00_0002 : 0x0a00_0001), at: 30)
        put(toServer ? client : 8080, at: 34)
        put(toServer ? 8080 : client, at: 36)
        put(sequence, at: 38)
        put(acknowledged, at: 42)
        put(UInt32(0x5000_ffff) | UInt32(flags.rawValue) << 16, at: 46)
        put(UInt32(0), at: 50)
        UnsafeMutableRawBufferPointer(rebasing: bytes[Self.headers...]).copyBytes(
            from: payload.dropLast(missing))
    }
}

/// An engine for HTTP on port 8080 that holds to its limits and keeps count, or ends the run.
///
/// It is used for input after input, as an agent is for connection after connection: what one
/// leaves behind is found by those that follow.
final class WatchedEngine {
    private let seen = Seen()
    private let limits: EngineLimits
    private var engine: TransactionEngine
    private var before: EngineCounters
    private var frames: UInt64 = 0
    private var time = start

    private static let start: UInt64 = 1_800_000_000_000_000_000

    init(
        limits: EngineLimits = .init(),
        selectors: [FieldSelector] = [.responseJSON(["code"]), .responseJSON(["data", "code"])]
    ) {
        self.limits = limits
        let seen = seen
        engine = TransactionEngine(
            services: [EngineService(ports: [8080], selectors: selectors)], limits: limits,
            sink: { seen.exchanges.append(SeenExchange($0)) })
        before = engine.counters
    }

    var exchanges: [SeenExchange] { seen.exchanges }
    /// What was counted since `begin`.
    var counters: EngineCounters { engine.counters.since(before) }

    var isAnyMalformed: Bool { engine.counters.malformedTotal > before.malformedTotal }

    /// Makes ready for traffic of another time.
    func begin() {
        seen.exchanges.removeAll(keepingCapacity: true)
        before = engine.counters
        frames = 0
        time = Self.start
        engine.advance(to: Timestamp(time))
    }

    func ingest(_ segment: MadeSegment, after nanoseconds: UInt64 = 1_000_000) {
        let count = MadeSegment.headers + segment.payload.count - segment.missing
        ingest(count: count, missing: segment.missing, after: nanoseconds, .ethernet) {
            segment.write(to: $0)
        }
    }

    /// Takes a frame that comes `nanoseconds` after the one before, in memory of its own size, so
    /// that a byte read beyond it is found. `missing` bytes were cut off by the capture.
    func ingest(
        count: Int, missing: Int, after nanoseconds: UInt64, _ linkType: LinkType,
        _ write: (UnsafeMutableRawBufferPointer) -> Void
    ) {
        time = time.addingClamped(nanoseconds)
        let own = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 1)
        write(own)
        frames += 1
        engine.ingest(
            Frame(
                bytes: UnsafeRawBufferPointer(own), wireLength: count + missing,
                time: Timestamp(time), linkType: linkType))
        own.deallocate()
        check(engine.pool.allocated <= limits.memory, "the memory budget is kept")
        check(engine.openConnections <= max(1, limits.connections), "connections are bounded")
        check(engine.holding <= engine.openConnections, "what holds segments is open")
    }

    /// Ends the traffic.
    func finish() {
        engine.finish()
        let counters = counters
        check(counters.packets == frames, "each frame is a packet")
        check(counters.exchanges == UInt64(seen.exchanges.count), "each exchange is handed over")
        check(engine.openConnections == 0 && engine.holding == 0, "the end leaves nothing open")
        check(
            counters.undecoded <= counters.packets + counters.fragments.received,
            "a frame is undecoded for one reason")
        check(
            counters.services[0].readablePackets + counters.services[0].encryptedPackets
                <= counters.services[0].packets, "packets are readable or encrypted, not both")
        check(counters.gaps <= counters.gapBytes, "a gap is of a byte at least")
    }
}
