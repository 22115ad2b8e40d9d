import Traffic

/// Makes a filter's program: link, VLAN tags and network are parsed on the way down, then all meet
/// at one search for the ports.
///
/// The search takes X as the distance of the TCP header from `start`, so that the untagged case
/// needs no arithmetic: 11 instructions for a packet whose one port is its source, 13 for its
/// destination. What the machine cannot do, that is to go back, is written out: three places of
/// the network header, and nine of the header behind it.
struct FilterProgram {
    /// VLAN tags passed over at most.
    static let maximumTags = 2
    /// Extension headers passed over at most: as many as the decoder knows.
    static let maximumExtensions = 8
    /// Ranges that are searched without a plain jump on the way out: three instructions each at
    /// most, where a condition jumps over 255.
    static let nearRanges = 64
    /// As many bytes pass as any packet has.
    static let wholePacket = Int(LiveCapture.snapshotLength)

    /// Passes every packet.
    static let everything = [BPFInstruction(.pass, UInt32(LiveCapture.snapshotLength))]

    private enum Number {
        static let ipip = 4
        static let tcp = 6
        static let udp = 17
        static let sixInFour = 41
        static let fragment = 44
        static let gre = 47
        static let authentication = 51
        /// Hop-by-hop and destination options, routing, mobility, host identity, shim6: a byte
        /// of number and one of length in units of eight bytes, the first not counted.
        ///
        /// Source: RFC 8200, 4; RFC 6564; the IANA registry of extension header types.
        static let options = [0, 43, 60, 135, 139, 140]
    }

    private let filter: CaptureFilter
    /// Where a packet without tags begins.
    private let start: Int
    private var code = BPFAssembler()
    private let accept, reject, search, walk, datagram, later: BPFAssembler.Label

    private init(_ filter: CaptureFilter, start: Int) {
        self.filter = filter
        self.start = start
        accept = code.label()
        reject = code.label()
        search = code.label()
        walk = code.label()
        datagram = code.label()
        later = code.label()
    }

    static func ethernet(_ filter: CaptureFilter) -> [BPFInstruction] {
        var program = FilterProgram(filter, start: 14)
        program.code.add(.loadHalf, 12)
        program.network(at: 14, tags: Self.maximumTags)
        return program.finished()
    }

    /// The kernel gives a cooked packet from its network header on, and the EtherType apart.
    ///
    /// Source: Linux linux/filter.h, `SKF_AD_OFF` and `SKF_AD_PROTOCOL`.
    static func cooked(_ filter: CaptureFilter) -> [BPFInstruction] {
        var program = FilterProgram(filter, start: 0)
        program.code.add(.loadWord, -0x1000)
        program.network(at: 0, tags: Self.maximumTags)
        return program.finished()
    }

    static func raw(_ filter: CaptureFilter) -> [BPFInstruction] {
        var program = FilterProgram(filter, start: 0)
        let six = program.code.label()
        program.code.add(.loadByte, 0)
        program.code.add(.and, 0xf0)
        program.code.jump(.jumpEqual, 0x60, to: six)
        program.code.jump(.jumpEqual, 0x40, to: nil, else: program.reject)
        program.ipv4(at: 0)
        program.code.place(six)
        program.ipv6(at: 0)
        return program.finished()
    }

    // MARK: Down to the network

    /// A holds the EtherType of what begins at `offset`.
    private mutating func network(at offset: Int, tags: Int) {
        let four = code.label()
        let six = code.label()
        let tag = code.label()
        code.jump(.jumpEqual, 0x0800, to: four)
        code.jump(.jumpEqual, 0x86dd, to: six)
        if filter.tunnels.contains(.pppoe) { code.jump(.jumpEqual, 0x8864, to: accept) }
        if filter.tunnels.contains(.mpls) {
            code.jump(.jumpEqual, 0x8847, to: accept)
            code.jump(.jumpEqual, 0x8848, to: accept)
        }
        if tags > 0 {
            for type in [0x8100, 0x88a8, 0x9100] { code.jump(.jumpEqual, type, to: tag) }
        }
        code.add(.pass, 0)
        code.place(four)
        ipv4(at: offset)
        code.place(six)
        ipv6(at: offset)
        guard tags > 0 else { return }
        code.place(tag)
        code.add(.loadHalf, offset + 2)
        network(at: offset + 4, tags: tags - 1)
    }

    private mutating func ipv4(at offset: Int) {
        let other = code.label()
        let fragment = code.label()
        code.add(.loadHalf, offset + 6)
        code.jump(.jumpAnyBit, 0x1fff, to: fragment)
        code.add(.loadByte, offset + 9)
        code.jump(.jumpEqual, Number.tcp, to: nil, else: other)
        code.add(.indexHeaderLength, offset)
        moveIndex(offset - start)
        code.jump(to: search)
        code.place(other)
        if !hasDatagrams { code.jump(.jumpEqual, Number.udp, to: reject) }
        code.add(.indexHeaderLength, offset)
        moveIndex(offset)
        code.add(.loadByte, offset + 9)
        code.jump(to: walk)
        code.place(fragment)
        code.add(.loadByte, offset + 9)
        code.jump(to: later)
    }

    private mutating func ipv6(at offset: Int) {
        code.add(.loadByte, offset + 6)
        code.add(.indexConstant, offset - start + 40)
        code.jump(.jumpEqual, Number.tcp, to: search)
        if !hasDatagrams { code.jump(.jumpEqual, Number.udp, to: reject) }
        code.add(.indexConstant, offset + 40)
        code.jump(to: walk)
    }

    private mutating func moveIndex(_ distance: Int) {
        guard distance != 0 else { return }
        code.add(.fromIndex)
        code.add(.add, distance)
        code.add(.toIndex)
    }

    // MARK: Where all meet

    private mutating func finished() -> [BPFInstruction] {
        let tcp = code.label()
        code.place(walk)
        headers(tcp: tcp)
        if hasDatagrams {
            code.place(datagram)
            code.add(.loadHalfIndexed, 2)
            for port in filter.tunnels.compactMap(\.port).sorted() {
                code.jump(.jumpEqual, Int(port), to: accept)
            }
            code.add(.pass, 0)
        }
        code.place(later)
        for number in [Number.tcp, Number.authentication] + Number.options + tunnelNumbers
            + (hasDatagrams ? [Number.udp] : [])
        {
            code.jump(.jumpEqual, number, to: accept)
        }
        code.add(.pass, 0)
        code.place(tcp)
        moveIndex(-start)
        code.place(search)
        let destination = code.label()
        code.add(.loadHalfIndexed, start)
        find(filter.ports[...], else: destination)
        code.place(destination)
        code.add(.loadHalfIndexed, start + 2)
        find(filter.ports[...], else: reject)
        code.place(accept)
        code.add(.pass, Self.wholePacket)
        code.place(reject)
        code.add(.pass, 0)
        return code.assembled()
    }

    /// X is where a header begins, A its number. Later fragments are told by the number behind
    /// their fragment header.
    private mutating func headers(tcp: BPFAssembler.Label) {
        let fragment = code.label()
        for round in 0...Self.maximumExtensions {
            code.jump(.jumpEqual, Number.tcp, to: tcp)
            if hasDatagrams { code.jump(.jumpEqual, Number.udp, to: datagram) }
            for number in tunnelNumbers { code.jump(.jumpEqual, number, to: accept) }
            if round < Self.maximumExtensions { passHeader(fragment: fragment) }
        }
        code.add(.pass, 0)
        code.place(fragment)
        code.add(.loadByteIndexed, 0)
        code.jump(to: later)
    }

    /// Moves X behind an extension header, and A to the number there.
    private mutating func passHeader(fragment: BPFAssembler.Label) {
        let options = code.label()
        let authentication = code.label()
        let next = code.label()
        for number in Number.options { code.jump(.jumpEqual, number, to: options) }
        code.jump(.jumpEqual, Number.authentication, to: authentication)
        code.jump(.jumpEqual, Number.fragment, to: nil, else: reject)
        code.add(.loadHalfIndexed, 2)
        code.jump(.jumpAnyBit, 0xfff8, to: fragment)
        code.add(.loadConstant, 8)
        code.jump(to: next)
        code.place(authentication)
        code.add(.loadByteIndexed, 1)
        code.add(.add, 2)
        code.add(.shiftLeft, 2)
        code.jump(to: next)
        code.place(options)
        code.add(.loadByteIndexed, 1)
        code.add(.add, 1)
        code.add(.shiftLeft, 3)
        code.place(next)
        code.add(.addIndex)
        code.add(.store, 0)
        code.add(.loadByteIndexed, 0)
        code.add(.indexMemory, 0)
    }

    /// Accepts A where it is in one of the ranges, which are in order: a search by halves.
    ///
    /// Without `match` the ways out are further away than a condition can jump; few ranges then
    /// get ways out of their own.
    private mutating func find(
        _ ranges: ArraySlice<ClosedRange<UInt16>>, match: BPFAssembler.Label? = nil,
        else miss: BPFAssembler.Label
    ) {
        guard match != nil || ranges.count > Self.nearRanges else {
            let match = code.label()
            let none = code.label()
            find(ranges, match: match, else: none)
            code.place(match)
            code.add(.pass, Self.wholePacket)
            code.place(none)
            return code.jump(to: miss)
        }
        if ranges.count > 1 {
            let middle = ranges.startIndex + ranges.count / 2
            let upper = code.label()
            code.jump(.jumpGreaterOrEqual, Int(ranges[middle].lowerBound), to: upper)
            find(ranges[..<middle], match: match, else: miss)
            code.place(upper)
            find(ranges[middle...], match: match, else: miss)
        } else if let range = ranges.first {
            leaf(range, match: match, else: miss)
        } else {
            code.jump(to: miss)
        }
    }

    private mutating func leaf(
        _ range: ClosedRange<UInt16>, match: BPFAssembler.Label?, else miss: BPFAssembler.Label
    ) {
        if range.count == 1 {
            return code.jump(.jumpEqual, Int(range.lowerBound), to: match, else: miss)
        }
        code.jump(.jumpGreaterOrEqual, Int(range.lowerBound), to: nil, else: miss)
        code.jump(.jumpGreater, Int(range.upperBound), to: miss, else: match)
    }

    private var hasDatagrams: Bool { filter.tunnels.contains { $0.port != nil } }

    /// The Internet protocols of tunnels.
    private var tunnelNumbers: [Int] {
        [
            (Tunnel.ipip, Number.ipip), (.sixInFour, Number.sixInFour), (.gre, Number.gre),
        ].filter { filter.tunnels.contains($0.0) }.map(\.1)
    }
}
