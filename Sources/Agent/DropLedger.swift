import Metering

/// The packets that were dropped, by the time between the two readings that showed it.
///
/// Counters are read ten times a second and next to each boundary, so that drops belong to the
/// window in which they happened. Where the agent itself was not run from one window into another,
/// nobody knows how many were in which: the last one has them, and each is told how many may be its
/// own.
struct DropLedger {
    /// A reading that comes no later than this after a window's end counts as its end.
    static let tolerance = Nanoseconds.milliseconds(100)
    /// Readings with drops that are kept at most; at the limit two become one.
    static let maximum = 1024

    /// What a window lost.
    struct Share: Equatable {
        var kernel: UInt64 = 0
        var interface: UInt64 = 0
        /// Kernel drops of readings that begin before the window or end after it.
        var undated: UInt64 = 0
    }

    private struct Entry {
        var from: Nanoseconds
        var to: Nanoseconds
        var kernel: UInt64
        var interface: UInt64
    }

    private var entries: [Entry] = []

    /// Notes what a reading at `to` showed since the one at `from`. In the order of `to`.
    mutating func note(
        kernel: UInt64, interface: UInt64, from: Nanoseconds, to: Nanoseconds
    ) {
        guard kernel > 0 || interface > 0 else { return }
        guard entries.count >= Self.maximum, let last = entries.popLast() else {
            entries.append(Entry(from: from, to: to, kernel: kernel, interface: interface))
            return
        }
        entries.append(
            Entry(
                from: min(from, last.from), to: max(to, last.to),
                kernel: kernel.addingClamped(last.kernel),
                interface: interface.addingClamped(last.interface)))
    }

    /// What the window from `start` to `end` on CLOCK_BOOTTIME lost. Windows come in their order.
    mutating func take(from start: Nanoseconds, to end: Nanoseconds) -> Share {
        var share = Share()
        let reach = end + Self.tolerance
        for entry in entries where entry.from < end {
            let beginsBefore = entry.from + Self.tolerance < start
            if beginsBefore || entry.to > reach {
                share.undated = share.undated.addingClamped(entry.kernel)
            }
        }
        for entry in entries where entry.to <= reach {
            share.kernel = share.kernel.addingClamped(entry.kernel)
            share.interface = share.interface.addingClamped(entry.interface)
        }
        entries.removeAll { $0.to <= reach }
        return share
    }
}
