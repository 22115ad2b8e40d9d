// Hot path: after `init`, `dispatch` allocates nothing.
import CLinux
import CPcap
import Glibc
package import Metering
package import Traffic

/// What was counted on one interface since capture began.
///
/// Law: `received` = `handed` + `kernelDrops` + what lies in the ring.
package struct CaptureCounters: Sendable, Hashable {
    /// Packets that passed the filter, counted by the kernel.
    package var received: UInt64 = 0
    /// Of those, packets dropped because the ring was full, counted by the kernel.
    package var kernelDrops: UInt64 = 0
    /// Packets handed over, by our own count.
    package var handed: UInt64 = 0

    package init() {}
}

/// Live capture of one interface through libpcap: no immediate mode, non-blocking, own ring.
///
/// Frames are handed over by `dispatch`, borrowed: their bytes lie in the kernel's ring and end
/// with the call. On the loopback interface each packet passes twice, out and in: the kernel is
/// told to leave the outgoing one out, so that neither is handed over or counted as dropped twice.
/// Before Linux 4.20, which does not know how, libpcap leaves it out and drops may count twice.
/// Time stamps are the kernel's, in nanoseconds.
///
/// While its interface is down, capture goes on and nothing comes; when it is up again, its packets
/// are captured from the first on. What lies in the ring when the interface goes is still handed
/// over, within four `blockTimeout`s.
///
/// Source: Linux net/packet/af_packet.c, `packet_notifier`, `packet_getsockopt`; libpcap 1.10.3
/// pcap-linux.c, `pcap_stats_linux`, `linux_check_direction`.
package final class LiveCapture {
    /// Bytes of a frame that are captured: more than any frame the kernel hands over, offloaded
    /// ones included (BIG TCP goes beyond 64 KiB).
    package static let snapshotLength: Int32 = 262_144
    /// The longest time the kernel keeps a packet in an unfinished block.
    package static let blockTimeout = Nanoseconds.milliseconds(100)

    /// The interface as it was when it was opened; its name may change.
    package let link: Link
    /// The descriptor to poll for readability.
    package let descriptor: Int32

    private let handle: OpaquePointer
    private let linkType: LinkType
    /// The kernel filter that is installed.
    private var program: [BPFInstruction]
    private let handler: (Frame) -> Void
    private var counters = CaptureCounters()
    private var lastReceived: UInt32 = 0
    private var lastDrops: UInt32 = 0

    /// Opens `link` with a ring of `ringMiB` MiB and the kernel filter `filter`.
    ///
    /// Frames of the instant between opening and the filter are handed over whatever they are.
    /// `handler` receives each frame during `dispatch`, on the caller's thread.
    package init(
        link: Link, ringMiB: Int, filter: CaptureFilter, handler: @escaping (Frame) -> Void
    ) throws(CaptureError) {
        let interface = link.name
        let handle = try Self.activate(interface: interface, ringMiB: ringMiB)
        do throws(CaptureError) {
            // libpcap looks the name up anew.
            guard clinux_bound_interface(pcap_fileno(handle)) == link.index else {
                throw .replaced(interface)
            }
            if link.isLoopback { _ = clinux_ignore_outgoing(pcap_fileno(handle)) }
            linkType = try Self.linkType(of: handle, interface: interface)
            program = try Self.program(of: filter, for: linkType, interface: interface)
            let status = Self.attach(program, to: handle)
            guard status == 0 else { throw Self.refusal(status, of: program) }
            var words = [CChar](repeating: 0, count: Int(PCAP_ERRBUF_SIZE))
            guard pcap_setnonblock(handle, 1, &words) == 0 else {
                throw .failed(interface: interface, Self.text(words))
            }
        } catch {
            pcap_close(handle)
            throw error
        }
        self.link = link
        self.handle = handle
        self.handler = handler
        descriptor = pcap_get_selectable_fd(handle)
    }

    deinit { pcap_close(handle) }

    /// Puts `filter` in the place of the one before, without a gap: every packet passes either the
    /// old or the new one, and what the ring holds stays there.
    ///
    /// Where the kernel has no room for both at once (20 KiB before Linux 6.7), everything passes
    /// for the instant between them. Where it throws, the filter before stays.
    package func install(_ filter: CaptureFilter) throws(CaptureError) {
        let next = try Self.program(of: filter, for: linkType, interface: link.name)
        var status = Self.attach(next, to: handle)
        if status == ENOMEM {
            _ = Self.attach(FilterProgram.everything, to: handle)
            status = Self.attach(next, to: handle)
            if status != 0 { _ = Self.attach(program, to: handle) }
        }
        guard status == 0 else { throw Self.refusal(status, of: next) }
        program = next
    }

    /// Hands over at most `limit` packets that are ready and returns how many there were.
    ///
    /// Throws where nothing is left and the interface is gone, or was renamed while it was down.
    /// It may be called again: what the kernel still holds comes a little later.
    package func dispatch(limit: Int32) throws(CaptureError) -> Int {
        let context = Unmanaged.passUnretained(self).toOpaque()
        let count = pcap_dispatch(
            handle, limit, receivePacket, context.assumingMemoryBound(to: UInt8.self))
        guard count >= 0 else {
            throw .failed(interface: link.name, String(cString: pcap_geterr(handle)))
        }
        return Int(count)
    }

    /// The counters since the start. libpcap's are 32 bits wide and may wrap, once between two
    /// calls.
    package func readCounters() -> CaptureCounters {
        var raw = pcap_stat()
        guard pcap_stats(handle, &raw) == 0 else { return counters }
        counters.received &+= UInt64(raw.ps_recv &- lastReceived)
        counters.kernelDrops &+= UInt64(raw.ps_drop &- lastDrops)
        lastReceived = raw.ps_recv
        lastDrops = raw.ps_drop
        return counters
    }

    fileprivate func receive(header: UnsafePointer<pcap_pkthdr>, bytes: UnsafePointer<UInt8>) {
        counters.handed &+= 1
        let seconds = UInt64(clamping: header.pointee.ts.tv_sec)
        let fraction = UInt64(clamping: header.pointee.ts.tv_usec)
        handler(
            Frame(
                bytes: UnsafeRawBufferPointer(start: bytes, count: Int(header.pointee.caplen)),
                wireLength: Int(header.pointee.len),
                time: Timestamp(seconds &* 1_000_000_000 &+ fraction),
                linkType: linkType, interface: link.index))
    }

    // MARK: Opening

    private static func activate(
        interface: String, ringMiB: Int
    ) throws(CaptureError) -> OpaquePointer {
        var words = [CChar](repeating: 0, count: Int(PCAP_ERRBUF_SIZE))
        guard let handle = pcap_create(interface, &words) else {
            throw .failed(interface: interface, text(words))
        }
        pcap_set_snaplen(handle, snapshotLength)
        pcap_set_promisc(handle, 0)
        pcap_set_timeout(handle, Int32(blockTimeout.rawValue / 1_000_000))
        pcap_set_buffer_size(handle, Int32(clamping: ringMiB << 20))
        // Without nanoseconds `tv_usec` would hold microseconds.
        guard pcap_set_tstamp_precision(handle, PCAP_TSTAMP_PRECISION_NANO) == 0 else {
            pcap_close(handle)
            throw .failed(interface: interface, "no nanosecond time stamps")
        }
        let status = pcap_activate(handle)
        guard status < 0 else { return handle }
        let reason = String(cString: pcap_geterr(handle))
        pcap_close(handle)
        switch status {
        case PCAP_ERROR_PERM_DENIED: throw .noPermission(interface: interface)
        case PCAP_ERROR_NO_SUCH_DEVICE: throw .noSuchInterface(interface)
        case PCAP_ERROR_IFACE_NOT_UP: throw .interfaceDown(interface)
        default:
            let general = String(cString: pcap_statustostr(status))
            throw .failed(interface: interface, reason.isEmpty ? general : reason)
        }
    }

    private static func linkType(
        of handle: OpaquePointer, interface: String
    ) throws(CaptureError) -> LinkType {
        let number = pcap_datalink(handle)
        // DLT_RAW is 12 on Linux where LINKTYPE_RAW is 101.
        if number == DLT_RAW { return .raw }
        guard let type = LinkType(rawValue: UInt32(bitPattern: number)) else {
            throw .unknownLinkType(interface: interface, number: number)
        }
        return type
    }

    private static func program(
        of filter: CaptureFilter, for link: LinkType, interface: String
    ) throws(CaptureError) -> [BPFInstruction] {
        guard let program = filter.program(for: link) else {
            throw .unknownLinkType(interface: interface, number: Int32(link.rawValue))
        }
        return program
    }

    /// Sets the filter on the socket itself, and gives 0 or the error's number: `pcap_setfilter`
    /// puts one between that rejects everything, and would lose what comes meanwhile.
    ///
    /// Source: libpcap pcap-linux.c, `set_kernel_filter`; Linux net/core/filter.c,
    /// `__sk_attach_prog`, which exchanges the program in one step.
    private static func attach(_ program: [BPFInstruction], to handle: OpaquePointer) -> Int32 {
        let instructions = program.map(\.raw)
        let status = cpcap_attach_filter(
            pcap_fileno(handle), instructions, instructions.count)
        return status == 0 ? 0 : errno
    }

    private static func refusal(_ status: Int32, of program: [BPFInstruction]) -> CaptureError {
        .filter("\(String(cString: strerror(status))), \(program.count) instructions")
    }

    private static func text(_ words: [CChar]) -> String {
        String(decoding: words.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

private func receivePacket(
    context: UnsafeMutablePointer<UInt8>?, header: UnsafePointer<pcap_pkthdr>?,
    bytes: UnsafePointer<UInt8>?
) {
    guard let context, let header, let bytes else { return }
    Unmanaged<LiveCapture>.fromOpaque(context)._withUnsafeGuaranteedRef {
        $0.receive(header: header, bytes: bytes)
    }
}
