import NIOCore
import Synchronization
import Wire

/// Why a connection was given up by this side.
enum ShippingError: Error, CustomStringConvertible {
    case closed
    case noWelcome
    case silent
    case notAcknowledged
    case unsigned
    /// The run that the connection is for has ended.
    case otherRun
    /// This collector is not the first of those that stand in for each other: it is time to see
    /// whether that one is back.
    case returning

    var description: String {
        switch self {
        case .closed: "the collector closed the connection"
        case .noWelcome: "no welcome from the collector within \(WireTiming.handshake)"
        case .silent: "the collector was silent for \(WireTiming.silence)"
        case .notAcknowledged: "no acknowledgement within \(WireTiming.acknowledgement)"
        case .unsigned: "a batch cannot be signed"
        case .otherRun: "a new run of records has begun"
        case .returning: "looking whether the first collector is back"
        }
    }
}

/// How far one connection has come.
final class ShippingProgress: Sendable {
    private struct State {
        var session: AgentSession?
        var run: UInt64?
        var isWelcomed = false
        var sentThrough: UInt64 = 0
        var acknowledged: UInt64 = 0
        let openedAt = ContinuousClock.now
        var heardAt = ContinuousClock.now
        /// When something was sent last, or was to be.
        var sentAt = ContinuousClock.now
        /// When the oldest of what is in flight began to wait.
        var waitsSince = ContinuousClock.now
    }

    private let state = Mutex(State())

    var isWelcomed: Bool { state.withLock { $0.isWelcomed } }

    /// The run that the collector was told of; `nil` before that.
    var run: UInt64? { state.withLock { $0.run } }

    func open(_ hello: Hello) throws(WireError) -> [UInt8] {
        try state.withLock { state throws(WireError) in
            var session = AgentSession(hello: hello)
            let bytes = try session.open()
            state.session = session
            state.run = hello.run
            return bytes
        }
    }

    func receive(_ buffer: ByteBuffer) -> [AgentEvent] {
        state.withLock { state in
            state.heardAt = .now
            return buffer.withUnsafeReadableBytes { state.session?.receive($0) ?? [] }
        }
    }

    func welcome(_ highest: UInt64) {
        state.withLock {
            $0.isWelcomed = true
            $0.sentThrough = highest
            $0.acknowledged = highest
        }
    }

    /// Takes down what the collector has, and gives how many records that are more than before.
    func acknowledge(_ through: UInt64) -> UInt64 {
        state.withLock { state in
            guard through > state.acknowledged else { return 0 }
            let more = through - state.acknowledged
            state.acknowledged = through
            state.waitsSince = .now
            return more
        }
    }

    /// The record to send next, or `nil` where enough is in flight.
    func nextToSend(window: UInt64) -> UInt64? {
        state.withLock {
            guard $0.isWelcomed, $0.sentThrough - $0.acknowledged < window else { return nil }
            return $0.sentThrough + 1
        }
    }

    func manifest(_ bytes: [UInt8]) throws(WireError) -> [UInt8] {
        try state.withLock { state throws(WireError) in try state.session?.manifest(bytes) ?? [] }
    }

    func heartbeat() throws(WireError) -> [UInt8] {
        try state.withLock { state throws(WireError) in try state.session?.heartbeat() ?? [] }
    }

    func batch(_ batch: Batch) throws(WireError) -> [UInt8] {
        try state.withLock { state throws(WireError) in
            let bytes = try state.session?.batch(batch) ?? []
            state.sentAt = .now
            if state.sentThrough == state.acknowledged { state.waitsSince = .now }
            state.sentThrough = batch.first + UInt64(batch.records.count) - 1
            return bytes
        }
    }

    /// Whether nothing was sent for so long that a heartbeat is due, which is then taken for sent.
    func takeHeartbeat(at now: ContinuousClock.Instant) -> Bool {
        state.withLock {
            guard $0.isWelcomed, now - $0.sentAt >= WireTiming.heartbeat else { return false }
            $0.sentAt = now
            return true
        }
    }

    /// The first moment at which a heartbeat is due or `checkTimes` may find something, as far as is
    /// known now. What is sent later is waited for longer than until then.
    var nextLook: ContinuousClock.Instant {
        state.withLock {
            let due =
                $0.isWelcomed
                ? $0.sentAt + WireTiming.heartbeat : $0.openedAt + WireTiming.handshake
            let heard = min(due, $0.heardAt + WireTiming.silence)
            guard $0.sentThrough > $0.acknowledged else { return heard }
            return min(heard, $0.waitsSince + WireTiming.acknowledgement)
        }
    }

    func checkTimes(_ now: ContinuousClock.Instant) throws(ShippingError) {
        let state = state.withLock {
            (
                $0.isWelcomed, $0.openedAt, $0.heardAt, $0.waitsSince,
                $0.sentThrough > $0.acknowledged
            )
        }
        if !state.0 && now - state.1 > WireTiming.handshake { throw .noWelcome }
        if now - state.2 > WireTiming.silence { throw .silent }
        if state.4 && now - state.3 > WireTiming.acknowledgement { throw .notAcknowledged }
    }
}
