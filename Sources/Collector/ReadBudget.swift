import Synchronization

/// Memory for frames of which a part has come, over all connections.
///
/// A connection holds as much as its unfinished frame is long; where there is not enough it waits, and
/// is not read meanwhile. While one waits, whoever takes longest over its frame is closed, after
/// `patience`: it cannot keep others out.
final class ReadBudget: Sendable {
    /// Frames up to this length are not counted: bytes.
    static let free = 16_384

    private struct Holder {
        var bytes: Int
        /// Since when its frame is unfinished; `nil` while a whole one is worked on.
        var since: ContinuousClock.Instant?
        let close: @Sendable () -> Void
    }

    private struct Waiter {
        let connection: UInt64
        let bytes: Int
        let close: @Sendable () -> Void
        let resume: CheckedContinuation<Void, Never>
    }

    private struct State {
        var free: Int
        var holders: [UInt64: Holder] = [:]
        /// First come, first served.
        var waiting: [Waiter] = []
        var cancelled: Set<UInt64> = []
    }

    private let patience: Duration
    private let state: Mutex<State>

    /// `bytes` in all; at least one frame of any length.
    init(bytes: Int, patience: Duration) {
        self.patience = patience
        state = Mutex(State(free: bytes))
    }

    /// A whole frame has come and is worked on: it is not taken for a slow one.
    func complete(_ connection: UInt64) {
        state.withLock { $0.holders[connection]?.since = nil }
    }

    /// Holds memory for an unfinished frame in place of what the connection held before; waits where
    /// there is not enough, unless the task is cancelled.
    func hold(
        _ bytes: Int, for connection: UInt64, close: @escaping @Sendable () -> Void
    ) async {
        let wanted = bytes > Self.free ? bytes : 0
        let isDone = state.withLock { state in
            if let holder = state.holders[connection] {
                // A frame that goes on keeps its place and its time.
                if holder.bytes == wanted, holder.since != nil { return true }
                state.free += holder.bytes
                state.holders[connection] = nil
            }
            if wanted == 0 { return true }
            return Self.take(&state, wanted, connection, close)
        }
        serve()
        if !isDone { await wait(wanted, connection, close) }
    }

    /// Gives back what the connection holds.
    func leave(_ connection: UInt64) {
        state.withLock { state in
            if let holder = state.holders.removeValue(forKey: connection) {
                state.free += holder.bytes
            }
            state.cancelled.remove(connection)
        }
        serve()
    }

    private static func take(
        _ state: inout State, _ bytes: Int, _ connection: UInt64,
        _ close: @escaping @Sendable () -> Void
    ) -> Bool {
        guard state.waiting.isEmpty, state.free >= bytes else { return false }
        state.free -= bytes
        state.holders[connection] = Holder(bytes: bytes, since: .now, close: close)
        return true
    }

    private func wait(
        _ bytes: Int, _ connection: UInt64, _ close: @escaping @Sendable () -> Void
    ) async {
        let pressing = Task { await self.press() }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let goesOn = state.withLock { state in
                    if state.cancelled.remove(connection) != nil { return true }
                    if Self.take(&state, bytes, connection, close) { return true }
                    state.waiting.append(
                        Waiter(
                            connection: connection, bytes: bytes, close: close,
                            resume: continuation))
                    return false
                }
                if goesOn { continuation.resume() }
            }
        } onCancel: {
            let waiter = state.withLock { state -> Waiter? in
                guard let index = state.waiting.firstIndex(where: { $0.connection == connection })
                else {
                    state.cancelled.insert(connection)
                    return nil
                }
                return state.waiting.remove(at: index)
            }
            waiter?.resume.resume()
        }
        pressing.cancel()
    }

    /// Gives memory to those that wait, as far as there is some.
    private func serve() {
        let served = state.withLock { state in
            var served: [Waiter] = []
            while let next = state.waiting.first, state.free >= next.bytes {
                state.waiting.removeFirst()
                state.free -= next.bytes
                state.holders[next.connection] = Holder(
                    bytes: next.bytes, since: .now, close: next.close)
                served.append(next)
            }
            return served
        }
        for one in served { one.resume.resume() }
    }

    /// Closes the slowest, one each time, until cancelled.
    private func press() async {
        while !Task.isCancelled {
            let (close, next) = state.withLock { state in
                let slowest = state.holders.values.min {
                    ($0.since ?? .now) < ($1.since ?? .now)
                }
                guard let since = slowest?.since else {
                    return (nil as (@Sendable () -> Void)?, ContinuousClock.now + patience)
                }
                let until = since + patience
                return until <= .now ? (slowest?.close, .now + .milliseconds(10)) : (nil, until)
            }
            close?()
            try? await Task.sleep(until: next, clock: .continuous)
        }
    }
}
