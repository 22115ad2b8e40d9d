// Hot path: allocates where a section describes its interfaces, nothing per packet.
import Metering
import Traffic

/// Reads the packets of a pcapng file: sections of either byte order, several interfaces each.
///
/// Every block is its type, its length, its content and its length again, all of 4 bytes:
///
/// | block (type)             | read                                                         |
/// |--------------------------|--------------------------------------------------------------|
/// | section header 0a0d0d0a  | byte order, version; interfaces start again at 0             |
/// | interface (1)            | link type, snapshot length, if_tsresol, if_tsoffset          |
/// | enhanced packet (6)      | interface, time, lengths, bytes                              |
/// | packet (2, obsolete)     | the same, with 16 bits for the interface                     |
/// | simple packet (3)        | length, bytes; interface 0; the time of the packet before it |
/// | any other                | skipped, however long                                        |
///
/// Packets of an interface whose link type is not known are counted and not handed over.
///
/// Source: draft-ietf-opsawg-pcapng, sections 3 and 4 and appendix A.
struct PcapngReader {
    static let magic: UInt32 = 0x0a0d_0d0a
    /// The least length of a section header: with version and section length, without options.
    static let sectionHeaderLength = 28

    private static let byteOrderMagic: UInt32 = 0x1a2b_3c4d

    private enum BlockType {
        static let interface: UInt32 = 1
        static let packet: UInt32 = 2
        static let simplePacket: UInt32 = 3
        static let enhancedPacket: UInt32 = 6
    }

    private struct Interface {
        /// `nil` where the link type is not known.
        let linkType: LinkType?
        /// The most captured bytes of a packet.
        let snapLength: UInt32
        let clock: InterfaceClock
    }

    private struct Skip {
        let type: UInt32
        let length: UInt32
        /// Bytes before the repeated length.
        var left: Int
        /// Where the block begins.
        let offset: UInt64
    }

    private var interfaces: [Interface] = []
    private var skip: Skip?
    /// The time of the latest packet that had one.
    private var time = Timestamp(0)

    /// Where a block begins that is left behind in part, its end not having come.
    var skippedBlockStart: UInt64? { skip?.offset }

    /// Hands over the packets of the whole blocks that are at hand.
    mutating func handOver(
        from window: inout StreamWindow, summary: inout CaptureFileSummary, _ body: (Frame) -> Void
    ) throws(CaptureFault) {
        while true {
            if let skip, try !passOver(skip, in: &window) { return }
            guard window.count >= 12 else { return }
            let type = window.word(at: 0)
            // The same in both byte orders: what follows it tells the order.
            if type == Self.magic { try learnByteOrder(&window) }
            let length = window.word(at: 4)
            guard length >= 12, length % 4 == 0 else {
                throw .blockLength(type: type, length: length)
            }
            guard Self.isRead(type) else {
                skip = Skip(
                    type: type, length: length, left: Int(length) - 4, offset: window.offset)
                continue
            }
            guard length <= CaptureFile.maximumBlock else {
                throw .blockTooLarge(type: type, length: length)
            }
            guard window.count >= Int(length) else { return }
            try check(trailer: window.word(at: Int(length) - 4), type: type, length: length)
            switch type {
            case BlockType.enhancedPacket, BlockType.packet:
                try handOverPacket(type: type, length: length, window, &summary, body)
            case BlockType.simplePacket:
                try handOverSimplePacket(length: length, window, &summary, body)
            case BlockType.interface: try describeInterface(length: length, window)
            default: try beginSection(length: length, window)
            }
            window.consume(Int(length))
        }
    }

    private static func isRead(_ type: UInt32) -> Bool {
        switch type {
        case BlockType.enhancedPacket, BlockType.packet, BlockType.simplePacket,
            BlockType.interface, magic:
            true
        default: false
        }
    }

    private func check(trailer: UInt32, type: UInt32, length: UInt32) throws(CaptureFault) {
        guard trailer == length else {
            throw .blockTrailer(type: type, length: length, repeated: trailer)
        }
    }

    /// Leaves behind what is at hand of a block; whether that was the rest of it.
    private mutating func passOver(
        _ block: Skip, in window: inout StreamWindow
    ) throws(CaptureFault) -> Bool {
        let length = min(block.left, window.count)
        window.consume(length)
        skip?.left -= length
        guard length == block.left, window.count >= 4 else { return false }
        try check(trailer: window.word(at: 0), type: block.type, length: block.length)
        window.consume(4)
        skip = nil
        return true
    }

    // MARK: Sections and interfaces

    private func learnByteOrder(_ window: inout StreamWindow) throws(CaptureFault) {
        window.isSwapped = false
        let order = window.word(at: 8)
        guard order == Self.byteOrderMagic || order.byteSwapped == Self.byteOrderMagic else {
            throw .byteOrderMagic(order)
        }
        window.isSwapped = order != Self.byteOrderMagic
    }

    private mutating func beginSection(
        length: UInt32, _ window: borrowing StreamWindow
    ) throws(CaptureFault) {
        guard length >= Self.sectionHeaderLength else {
            throw .blockLength(type: Self.magic, length: length)
        }
        let (major, minor) = (window.half(at: 12), window.half(at: 14))
        guard major == 1, minor == 0 || minor == 2 else {
            throw .unsupportedVersion(format: "pcapng", major: major, minor: minor)
        }
        interfaces.removeAll(keepingCapacity: true)
    }

    private mutating func describeInterface(
        length: UInt32, _ window: borrowing StreamWindow
    ) throws(CaptureFault) {
        guard length >= 20 else { throw .blockLength(type: BlockType.interface, length: length) }
        guard interfaces.count < CaptureFile.maximumInterfaces else { throw .tooManyInterfaces }
        let snapLength = window.word(at: 12)
        interfaces.append(
            Interface(
                linkType: LinkType(linkTypeNumber: UInt32(window.half(at: 8))),
                snapLength: snapLength == 0 ? .max : snapLength,
                clock: try clock(options: 16..<(Int(length) - 4), window)))
    }

    private func clock(
        options: Range<Int>, _ window: borrowing StreamWindow
    ) throws(CaptureFault) -> InterfaceClock {
        var resolution = InterfaceClock.defaultResolution
        var offset: UInt64 = 0
        var at = options.lowerBound
        while options.upperBound - at >= 4 {
            let (code, length) = (window.half(at: at), window.half(at: at + 2))
            if code == 0 { break }
            at += 4
            guard Int(length) <= options.upperBound - at else {
                throw .option(code: code, length: length)
            }
            switch (code, length) {
            case (9, 1): resolution = window.byte(at: at)
            case (14, 8): offset = window.long(at: at)
            case (9, _), (14, _): throw .option(code: code, length: length)
            default: break
            }
            // Values are padded to multiples of four, as the block's length is.
            at += (Int(length) + 3) & ~3
        }
        return InterfaceClock(resolution: resolution, offset: Int64(bitPattern: offset))
    }

    // MARK: Packets

    /// An enhanced packet block, or an obsolete packet block: they differ in the first word.
    private mutating func handOverPacket(
        type: UInt32, length: UInt32, _ window: borrowing StreamWindow,
        _ summary: inout CaptureFileSummary, _ body: (Frame) -> Void
    ) throws(CaptureFault) {
        guard length >= 32 else { throw .blockLength(type: type, length: length) }
        let number =
            type == BlockType.packet ? UInt32(window.half(at: 8)) : window.word(at: 8)
        let interface = try self.interface(number)
        let count = UInt64(window.word(at: 12)) << 32 | UInt64(window.word(at: 16))
        let (nanoseconds, isClamped) = interface.clock.nanoseconds(count)
        if isClamped { summary.clampedTimes &+= 1 }
        time = Timestamp(nanoseconds)
        let captured = window.word(at: 20)
        try check(captured: captured, available: length - 32)
        handOver(
            window.bytes(at: 28, count: Int(captured)), wireLength: window.word(at: 24),
            interface, number, &summary, body)
    }

    private func handOverSimplePacket(
        length: UInt32, _ window: borrowing StreamWindow, _ summary: inout CaptureFileSummary,
        _ body: (Frame) -> Void
    ) throws(CaptureFault) {
        guard length >= 16 else {
            throw .blockLength(type: BlockType.simplePacket, length: length)
        }
        let interface = try self.interface(0)
        let wireLength = window.word(at: 8)
        let captured = min(wireLength, interface.snapLength)
        try check(captured: captured, available: length - 16)
        summary.untimed &+= 1
        handOver(
            window.bytes(at: 12, count: Int(captured)), wireLength: wireLength, interface, 0,
            &summary, body)
    }

    private func interface(_ number: UInt32) throws(CaptureFault) -> Interface {
        guard number < interfaces.count else {
            throw .unknownInterface(number, described: interfaces.count)
        }
        return interfaces[Int(number)]
    }

    private func check(captured: UInt32, available: UInt32) throws(CaptureFault) {
        guard captured <= CaptureFile.maximumFrame else { throw .packetTooLarge(length: captured) }
        guard captured <= available else {
            throw .capturedLength(captured, available: available)
        }
    }

    private func handOver(
        _ bytes: UnsafeRawBufferPointer, wireLength: UInt32, _ interface: Interface,
        _ number: UInt32, _ summary: inout CaptureFileSummary, _ body: (Frame) -> Void
    ) {
        summary.packets &+= 1
        summary.bytes &+= UInt64(bytes.count)
        guard let linkType = interface.linkType else {
            summary.unknownLinkType &+= 1
            return
        }
        body(
            Frame(
                bytes: bytes, wireLength: max(Int(wireLength), bytes.count), time: time,
                linkType: linkType, interface: number))
    }
}
