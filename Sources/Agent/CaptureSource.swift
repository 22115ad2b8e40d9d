// Hot path: handing a packet on allocates nothing.
import Capture
import Metering
import Traffic

/// An interface that is captured, or was and is read to its end.
final class CaptureSource {
    /// The interface as the kernel last told of it: its name may have changed since.
    var link: Link
    /// Packet time of the latest packet.
    private(set) var latest = Timestamp(0)
    /// The latest turn left packets in the ring.
    private(set) var hasMore = false
    /// What the latest turn ended with.
    private(set) var failure: CaptureError?
    /// Since when it is read to its end and not wanted any more.
    private(set) var leavingSince: Nanoseconds?

    private var capture: LiveCapture?
    /// Packets of this time and later are not wanted.
    private var cutoff = Timestamp(.max)
    private var reported = CaptureCounters()
    private var interfaceDrops: UInt64
    /// When the counters were last read.
    private var readAt: Nanoseconds

    /// Opens `link`, which has dropped `drops` packets by now.
    init(
        _ link: Link, drops: UInt64, ringMiB: Int, filter: CaptureFilter, core: TrafficCore,
        at time: Nanoseconds
    ) throws(CaptureError) {
        self.link = link
        interfaceDrops = drops
        readAt = time
        capture = try LiveCapture(link: link, ringMiB: ringMiB, filter: filter) {
            [unowned self] frame in
            guard frame.time < cutoff else { return }
            latest = frame.time
            core.ingest(frame)
        }
        // Before its filter was there, the ring took packets of all kinds.
        if let counters = capture?.readCounters() { reported = counters }
    }

    var descriptor: Int32? { capture?.descriptor }
    var isLeaving: Bool { leavingSince != nil }

    /// Handles at most `limit` packets. Where nothing more can come, `failure` says why.
    func takeTurn(limit: Int32) {
        guard let capture else { return }
        do throws(CaptureError) {
            hasMore = try capture.dispatch(limit: limit) >= Int(limit)
        } catch {
            hasMore = false
            failure = error
        }
    }

    /// Puts `filter` in the place of the one before, without a gap.
    func install(_ filter: CaptureFilter) throws(CaptureError) { try capture?.install(filter) }

    /// From now on it is read to its end. Packets from `cutoff` on are left out.
    func leave(at time: Nanoseconds, cutoff: Timestamp) {
        leavingSince = time
        self.cutoff = cutoff
    }

    /// What the kernel dropped since this was last asked goes into `ledger`, and what the interface
    /// dropped where `drops` says how many it has dropped by now.
    func readCounters(into ledger: inout DropLedger, drops: UInt64?, at time: Nanoseconds) {
        guard let capture else { return }
        let now = capture.readCounters()
        var interface: UInt64 = 0
        if let drops {
            // Smaller where a driver began anew.
            interface = drops > interfaceDrops ? drops - interfaceDrops : 0
            interfaceDrops = drops
        }
        ledger.note(
            kernel: now.kernelDrops &- reported.kernelDrops, interface: interface, from: readAt,
            to: time)
        reported = now
        readAt = time
    }
}
