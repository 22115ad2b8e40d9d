import Metering
import Synchronization

/// What the counters' thread, which decides when a window ends, tells the capture's thread.
///
/// At most one entry a window waits here; the capture's thread takes them several times a second.
final class WindowSchedule: Sendable {
    struct State {
        /// Windows that ended and whose counts are still to be given, oldest first.
        var closed: [ClosedWindow] = []
        /// Where the window after the last closed one will end.
        var plannedEnd: Timestamp
        /// No window follows the closed ones.
        var isStopped = false
    }

    private let state: Mutex<State>

    init(plannedEnd: Timestamp) { state = Mutex(State(plannedEnd: plannedEnd)) }

    /// Announces closed windows and the end of the one that follows them.
    func announce(_ windows: [ClosedWindow], plannedEnd: Timestamp, isStopped: Bool) {
        state.withLock {
            $0.closed += windows
            $0.plannedEnd = plannedEnd
            $0.isStopped = isStopped
        }
    }

    var current: State { state.withLock { $0 } }

    /// Takes the oldest closed window out.
    func takeFirst() { state.withLock { _ = $0.closed.removeFirst() } }
}
