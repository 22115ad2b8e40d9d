// Hot path: after `init`, `dispatch` allocates nothing.
import CPcap
import Glibc
package import Metering
package import Traffic

/// What the kernel counted on one interface since capture began.
package struct CaptureCounters: Sendable, Hashable {
    /// Packets dropped because the ring was full.
    package var kernelDrops: UInt64 = 0
    /// Packets dropped by the interface; libpcap gives 0 where it does not know.
    package var interfaceDrops: UInt64 = 0

    package init() {}
}

/// Live capture of one interface through libpcap: no immediate mode, non-blocking, own ring.
///
/// Frames are handed over by `dispatch`, borrowed: their bytes lie in the kernel's ring and end
/// with the call. libpcap rejects the outgoing twin of loopback packets itself, so each is seen
/// once. Time stamps are the kernel's, in nanoseconds.
package final class LiveCapture {
    /// Bytes of a frame that are captured: more than any frame the kernel hands over, offloaded
    /// ones included (BIG TCP goes beyond 64 KiB).
    package static let snapshotLength: Int32 = 262_144
    /// The longest time the kernel keeps a packet in an unfinished block.
    package static let blockTimeout = Nanoseconds.milliseconds(100)

    package let interface: String
    /// The descriptor to poll for readability.
    package let descriptor: Int32

    private let handle: OpaquePointer
    private let linkType: LinkType
    /// The kernel filter that is installed.
    private var program: [BPFInstruction]
    /// The kernel's number of the interface.
    private let index: UInt32
    private let handler: (Frame) -> Void
    private var counters = CaptureCounters()
    private var lastDrops: UInt32 = 0
    private var lastInterfaceDrops: UInt32 = 0

    /// Opens `interface` with a ring of `ringMiB` MiB and the kernel filter `filter`.
    ///
    /// Frames of the instant between opening and the filter are handed over whatever they are.
    /// `handler` receives each frame during `dispatch`, on the caller's thread.
    package init(
        interface: String, ringMiB: Int, filter: CaptureFilter,
        handler: @escaping (Frame) -> Void
    ) throws(CaptureError) {
        index = if_nametoindex(interface)
        guard index != 0 else { throw .noSuchInterface(interface) }
        let handle = try Self.activate(interface: interface, ringMiB: ringMiB)
        do throws(CaptureError) {
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
        self.interface = interface
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
        let next = try Self.program(of: filter, for: linkType, interface: interface)
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
    /// Throws where the interface went away or down.
    package func dispatch(limit: Int32) throws(CaptureError) -> Int {
        let context = Unmanaged.passUnretained(self).toOpaque()
        let count = pcap_dispatch(
            handle, limit, receivePacket, context.assumingMemoryBound(to: UInt8.self))
        guard count >= 0 else {
            let words = String(cString: pcap_geterr(handle))
            throw count == PCAP_ERROR_IFACE_NOT_UP || words.contains("down")
                ? .interfaceDown(interface) : .failed(interface: interface, words)
        }
        return Int(count)
    }

    /// The kernel's counters since the start. libpcap's are 32 bits wide and may wrap.
    package func readCounters() -> CaptureCounters {
        var raw = pcap_stat()
        guard pcap_stats(handle, &raw) == 0 else { return counters }
        counters.kernelDrops += UInt64(raw.ps_drop &- lastDrops)
        counters.interfaceDrops += UInt64(raw.ps_ifdrop &- lastInterfaceDrops)
        lastDrops = raw.ps_drop
        lastInterfaceDrops = raw.ps_ifdrop
        return counters
    }

    fileprivate func receive(header: UnsafePointer<pcap_pkthdr>, bytes: UnsafePointer<UInt8>) {
        let seconds = UInt64(clamping: header.pointee.ts.tv_sec)
        let fraction = UInt64(clamping: header.pointee.ts.tv_usec)
        handler(
            Frame(
                bytes: UnsafeRawBufferPointer(start: bytes, count: Int(header.pointee.caplen)),
                wireLength: Int(header.pointee.len),
                time: Timestamp(seconds &* 1_000_000_000 &+ fraction),
                linkType: linkType, interface: index))
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
