import Metering
import Synchronization

/// What the counters' thread, which decides when a window ends, tells the capture's thread.
///
/// At most one entry a window waits here. The capture's thread is woken for each announcement: it may
/// rest where nothing passes.
final class WindowSchedule: Sendable {
    struct State {
        /// Windows that ended and whose counts are still to be given, oldest first.
        var closed: [ClosedWindow] = []
        /// Where the window after the last closed one will end.
        var plannedEnd: Timestamp
        /// No window follows the closed ones.
        var isStopped = false
        /// The number of the window that is open after the closed ones.
        var openOrdinal = 0
        /// Other settings that were announced and do not hold yet.
        var change: SettingsChange?

        /// Where the closed windows end, and the open one.
        var ends: [Timestamp] { closed.map(\.window.end) + [plannedEnd] }

        /// Where the window `ordinal` ends; `nil` where it was taken, or is still to be opened.
        func end(of ordinal: Int) -> Timestamp? {
            ordinal == openOrdinal
                ? plannedEnd : closed.first { $0.ordinal == ordinal }?.window.end
        }
    }

    /// Where the first of the windows begins.
    let start: Timestamp
    private let state: Mutex<State>
    private let waker: Waker?

    /// The windows from the open one of `windows` on, for the thread that `waker` wakes where there is
    /// one to wake.
    init(_ windows: WindowSequence, waking waker: Waker? = nil) {
        self.waker = waker
        start = windows.start
        state = Mutex(State(plannedEnd: windows.plannedEnd, openOrdinal: windows.ordinal))
    }

    /// Announces closed windows and the end of the one that follows them.
    func announce(_ windows: [ClosedWindow], before open: WindowSequence, isStopped: Bool) {
        state.withLock {
            $0.closed += windows
            $0.plannedEnd = open.plannedEnd
            $0.openOrdinal = open.ordinal
            $0.isStopped = isStopped
        }
        waker?.wake()
    }

    /// Announces the settings that hold after the open window, and where that will end.
    func announce(_ change: SettingsChange, before open: WindowSequence) {
        state.withLock {
            $0.change = change
            $0.plannedEnd = open.plannedEnd
            $0.openOrdinal = open.ordinal
        }
        waker?.wake()
    }

    /// Takes the change of settings out, as soon as it is done.
    func takeChange() { state.withLock { $0.change = nil } }

    var current: State { state.withLock { $0 } }

    /// Takes the oldest closed window out.
    func takeFirst() { state.withLock { _ = $0.closed.removeFirst() } }
}
