// Hot path: nothing here allocates.
import Metering
import Traffic

/// Reads the packets of a pcap file.
///
/// | offset | file header (24 bytes)      | offset | packet header (16 bytes) |
/// |--------|-----------------------------|--------|--------------------------|
/// | 0      | magic, tells order and unit | 0      | seconds                  |
/// | 4      | version                     | 4      | micro- or nanoseconds    |
/// | 16     | snapshot length             | 8      | captured length          |
/// | 20     | link type in the low 26 bits| 12     | length on the wire       |
///
/// The modified format has 8 bytes more per packet, of which the first 4 are the interface's index.
/// The bits above the link type tell of frame check sequences; those are left as padding.
/// Seconds and fraction cannot go beyond the range of `Timestamp`.
///
/// Source: draft-ietf-opsawg-pcap, sections 4 and 5; libpcap, sf-pcap.c for the modified format.
struct PcapReader {
    static let fileHeaderLength = 24

    /// What a file's first four bytes say, as a word in this machine's order.
    struct Format {
        let isSwapped: Bool
        /// Nanoseconds in one unit of a packet's fraction of a second.
        let fractionScale: UInt64
        /// Whether packet headers are those of the modified format.
        let isModified: Bool

        init?(magic: UInt32) {
            // Every magic begins with a1b2 in the writer's order.
            isSwapped = magic & 0xffff == 0xb2a1
            switch isSwapped ? magic.byteSwapped : magic {
            case 0xa1b2_c3d4: (fractionScale, isModified) = (1000, false)
            case 0xa1b2_3c4d: (fractionScale, isModified) = (1, false)
            case 0xa1b2_cd34: (fractionScale, isModified) = (1000, true)
            default: return nil
            }
        }
    }

    private let format: Format
    private let headerLength: Int
    private let linkType: LinkType

    /// Reads the file header, which is at hand.
    init(_ format: Format, _ window: inout StreamWindow) throws(CaptureFault) {
        window.isSwapped = format.isSwapped
        let (major, minor) = (window.half(at: 4), window.half(at: 6))
        guard major == 2, minor == 4 else {
            throw .unsupportedVersion(format: "pcap", major: major, minor: minor)
        }
        let number = window.word(at: 20) & 0x03ff_ffff
        guard let type = LinkType(linkTypeNumber: number) else {
            throw .unknownLinkType(number: number)
        }
        self.format = format
        headerLength = format.isModified ? 24 : 16
        linkType = type
        window.consume(Self.fileHeaderLength)
    }

    /// Hands over the whole packets that are at hand.
    func handOver(
        from window: inout StreamWindow, summary: inout CaptureFileSummary, _ body: (Frame) -> Void
    ) throws(CaptureFault) {
        while window.count >= headerLength {
            let captured = window.word(at: 8)
            guard captured <= CaptureFile.maximumFrame else {
                throw .packetTooLarge(length: captured)
            }
            let length = Int(captured)
            guard window.count - headerLength >= length else { return }
            let seconds = UInt64(window.word(at: 0)) &* 1_000_000_000
            let fraction = UInt64(window.word(at: 4)) &* format.fractionScale
            summary.packets &+= 1
            summary.bytes &+= UInt64(captured)
            body(
                Frame(
                    bytes: window.bytes(at: headerLength, count: length),
                    wireLength: max(Int(window.word(at: 12)), length),
                    time: Timestamp(seconds &+ fraction), linkType: linkType,
                    interface: format.isModified ? window.word(at: 16) : 0))
            window.consume(headerLength + length)
        }
    }
}

extension LinkType {
    /// The type a capture file names, or `nil` where it is none of these. 12 is DLT_RAW as some
    /// programs write it in place of LINKTYPE_RAW.
    init?(linkTypeNumber number: UInt32) { self.init(rawValue: number == 12 ? 101 : number) }
}
