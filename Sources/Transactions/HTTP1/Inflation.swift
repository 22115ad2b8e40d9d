// Hot path: allocates only while the number of bodies read at once grows.
import CZlib

/// A decompressor, and how far it has come in its body.
struct Inflater {
    /// Bytes of memory that zlib takes for one, its window included.
    ///
    /// Source: zlib.h, "Memory footprint": about 7 KB and 32 KB.
    static let footprint = 44 << 10

    fileprivate var stream = z_stream()
    fileprivate var coding = MessageParser.Coding.gzip
    fileprivate var hasBegun = false
    /// Whether what was decompressed has ended, with the last byte that came. More of a gzip body is another
    /// member.
    ///
    /// Source: RFC 1952, 2.2: members follow each other, and what they hold is one text.
    fileprivate(set) var hasEnded = false
    /// Bytes that came out.
    fileprivate var produced: UInt64 = 0
    /// Whose body it decompresses; `nil` where it is free.
    fileprivate var owner: ConnectionPointer?
    fileprivate var direction = Direction.toClient
}

typealias InflaterPointer = UnsafeMutablePointer<Inflater>

extension InflaterPointer {
    /// Gives a decompressor's memory to the system.
    fileprivate func end() {
        inflateEnd(&pointee.stream)
        deinitialize(count: 1)
        deallocate()
    }
}

/// Decompressors that are not in use, kept for the next body.
struct InflaterPool: ~Copyable {
    /// Bytes that are decompressed at once.
    fileprivate static let outputSize = 16 << 10

    private let maximum: Int
    private var all: [InflaterPointer] = []
    fileprivate let output: UnsafeMutableRawPointer

    init(maximum: Int) {
        self.maximum = maximum
        output = .allocate(byteCount: Self.outputSize, alignment: 16)
        all.reserveCapacity(maximum)
    }

    deinit {
        for inflater in all { inflater.end() }
        output.deallocate()
    }

    /// A decompressor for a new body: a free one, a new one, or that of the body which has waited
    /// longest for more, whose fields are unread then. `nil` where the budget has no room for one.
    mutating func take(
        _ coding: MessageParser.Coding, for connection: ConnectionPointer, _ direction: Direction,
        _ pool: inout BlockPool
    ) -> InflaterPointer? {
        guard let inflater = free ?? make(&pool) ?? takeFromOldest() else { return nil }
        inflater.pointee.owner = connection
        inflater.pointee.direction = direction
        inflater.pointee.coding = coding
        inflater.pointee.hasBegun = false
        inflater.pointee.hasEnded = false
        inflater.pointee.produced = 0
        return inflater
    }

    func give(_ inflater: InflaterPointer) { inflater.pointee.owner = nil }

    private var free: InflaterPointer? {
        for index in all.indices where all[index].pointee.owner == nil { return all[index] }
        return nil
    }

    private func takeFromOldest() -> InflaterPointer? {
        var oldest: InflaterPointer?
        var since = UInt64.max
        for inflater in all {
            guard let owner = inflater.pointee.owner, owner.pointee.lastSeen < since else {
                continue
            }
            oldest = inflater
            since = owner.pointee.lastSeen
        }
        guard let oldest, let owner = oldest.pointee.owner else { return nil }
        let parser = owner.parser(oldest.pointee.direction)
        owner.setInflater(oldest.pointee.direction, nil)
        parser.pointee.fields = .read
        parser.pointee.hasUnreadBody = true
        return oldest
    }

    private mutating func make(_ pool: inout BlockPool) -> InflaterPointer? {
        guard all.count < maximum, pool.reserve(Inflater.footprint) else { return nil }
        let inflater = InflaterPointer.allocate(capacity: 1)
        inflater.initialize(to: Inflater())
        let size = Int32(MemoryLayout<z_stream>.size)
        guard inflateInit2_(&inflater.pointee.stream, 15, ZLIB_VERSION, size) == Z_OK else {
            inflater.deinitialize(count: 1)
            inflater.deallocate()
            return nil
        }
        all.append(inflater)
        return inflater
    }
}

/// Fields of compressed bodies: as much is decompressed as fields are looked for in.
extension TransactionEngine {
    mutating func beginInflation(
        _ connection: ConnectionPointer, _ direction: Direction, _ coding: MessageParser.Coding
    ) -> Bool {
        let inflater = inflaters.take(coding, for: connection, direction, &pool)
        connection.setInflater(direction, inflater)
        return inflater != nil
    }

    mutating func releaseInflater(_ connection: ConnectionPointer, _ direction: Direction) {
        guard let inflater = connection.inflater(direction) else { return }
        connection.setInflater(direction, nil)
        inflaters.give(inflater)
    }

    /// Decompresses a piece of a body and looks for fields in it.
    mutating func inflateBody(
        _ connection: ConnectionPointer, _ direction: Direction, _ inflater: InflaterPointer,
        _ bytes: UnsafeRawBufferPointer
    ) {
        guard !bytes.isEmpty else { return }
        guard begin(inflater, bytes[0]) else {
            return stopReading(connection, direction, isWhole: false)
        }
        inflater.pointee.stream.next_in = UnsafeMutablePointer(
            mutating: bytes.baseAddress?.assumingMemoryBound(to: UInt8.self))
        inflater.pointee.stream.avail_in = UInt32(clamping: bytes.count)
        while true {
            let size = InflaterPool.outputSize
            inflater.pointee.stream.next_out = inflaters.output.assumingMemoryBound(to: UInt8.self)
            inflater.pointee.stream.avail_out = UInt32(size)
            let status = inflate(&inflater.pointee.stream, Z_NO_FLUSH)
            let count = size - Int(inflater.pointee.stream.avail_out)
            let room = limits.body - min(limits.body, inflater.pointee.produced)
            inflater.pointee.produced &+= UInt64(count)
            let piece = min(count, Int(clamping: room))
            let output = UnsafeRawBufferPointer(start: inflaters.output, count: piece)
            if scan(connection, direction, output) {
                return stopReading(connection, direction, isWhole: true)
            }
            if piece == count, status == Z_STREAM_END {
                inflater.pointee.hasEnded = true
                if inflater.pointee.stream.avail_in == 0 { return }
                if beginMember(inflater) { continue }
            }
            if piece < count || status != Z_OK && status != Z_BUF_ERROR {
                return stopReading(connection, direction, isWhole: false)
            }
            if inflater.pointee.stream.avail_in == 0 && inflater.pointee.stream.avail_out > 0 {
                return
            }
            // zlib says so when it can go no further.
            if status == Z_BUF_ERROR && count == 0 { return }
        }
    }

    /// Makes a decompressor ready at the first byte of a body: what is called deflate may be
    /// wrapped by zlib, as it should be, or bare.
    ///
    /// Source: RFC 9110, 8.4.1.2; RFC 1950, 2.2: the low half of the first byte is 8, the high
    /// half at most 7.
    private func begin(_ inflater: InflaterPointer, _ first: UInt8) -> Bool {
        if inflater.pointee.hasEnded { return beginMember(inflater) }
        if inflater.pointee.hasBegun { return true }
        inflater.pointee.hasBegun = true
        let isWrapped = first & 0x0f == 8 && first >> 4 <= 7
        let bits: Int32 = inflater.pointee.coding == .gzip ? 31 : isWrapped ? 15 : -15
        return inflateReset2(&inflater.pointee.stream, bits) == Z_OK
    }

    /// False where only one may be there.
    private func beginMember(_ inflater: InflaterPointer) -> Bool {
        inflater.pointee.hasEnded = false
        return inflater.pointee.coding == .gzip
            && inflateReset2(&inflater.pointee.stream, 31) == Z_OK
    }
}
