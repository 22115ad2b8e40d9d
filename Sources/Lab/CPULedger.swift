private import CLab
import Glibc
package import Metering

/// CPU time by what it was used for, in a file that the programs of the laboratory see at once.
///
/// Who works tells it, with the clock of its own thread (CLOCK_THREAD_CPUTIME_ID); who keeps the
/// counters reads it and knows whose energy it is.
package struct CPULedger: Sendable {
    /// What CPU time can be used for: the scenarios in their order, and all else.
    package static let slots = LoanScenario.allCases.count + 1
    /// The slot of what belongs to no scenario.
    package static let other = LoanScenario.allCases.count

    package let path: String
    // Mapped for as long as the process runs; the counters behind it are atomic.
    private nonisolated(unsafe) let ledger: OpaquePointer

    /// Maps the file; it is made where it is missing.
    package init(path: String) throws(SystemFailure) {
        guard let ledger = clab_ledger_open(path) else {
            throw SystemFailure("mmap", path, errno: errno)
        }
        self.path = path
        self.ledger = ledger
    }

    /// Tells what the calling thread used since it last told anything.
    package func add(_ slot: Int) { clab_ledger_add(ledger, Int32(slot)) }

    /// The calling thread's CPU time when it last told anything: what it used since is yet to be told.
    package static var toldByThread: Nanoseconds { Nanoseconds(clab_ledger_told()) }

    /// What was told so far, by slot.
    package var used: [Nanoseconds] {
        (0..<Self.slots).map { Nanoseconds(clab_ledger_read(ledger, Int32($0))) }
    }
}
