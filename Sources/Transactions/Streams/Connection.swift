// Hot path: plain values behind pointers, no reference counting.
import Traffic

/// The two ends of a TCP connection.
struct ConnectionKey: Equatable {
    let client: Address
    let server: Address
    let clientPort: UInt16
    let serverPort: UInt16

    init(client: Address, server: Address, clientPort: UInt16, serverPort: UInt16) {
        self.client = client
        self.server = server
        self.clientPort = clientPort
        self.serverPort = serverPort
    }

    /// The ends of a segment, its destination the server or its source.
    @inline(__always)
    init(_ segment: SegmentPointer, toServer: Bool) {
        client = toServer ? segment.pointee.source : segment.pointee.destination
        server = toServer ? segment.pointee.destination : segment.pointee.source
        clientPort = toServer ? segment.pointee.sourcePort : segment.pointee.destinationPort
        serverPort = toServer ? segment.pointee.destinationPort : segment.pointee.sourcePort
    }
}

enum Direction: Int {
    case toServer = 0
    case toClient = 1

    var opposite: Direction { self == .toServer ? .toClient : .toServer }
}

/// A segment that waits for bytes which came before it; its payload stands behind it in its block.
struct HeldSegment {
    var next: UnsafeMutablePointer<HeldSegment>?
    var direction: Direction
    var hasFin: Bool
    /// What the segment acknowledges of the other direction; `nil` without ACK.
    var acknowledged: UInt32?
    var sequence: UInt32
    /// Payload bytes captured, and their length on the wire.
    var captured: Int32
    var length: Int32
    /// Packet time when it came.
    var time: UInt64

    static let headerSize = MemoryLayout<HeldSegment>.stride
    var blockSize: Int { Self.headerSize + Int(captured) }
}

/// One direction of a connection: what comes next.
struct Half {
    /// The sequence number of the next byte; meaningless until `isOpen`.
    var next: UInt32 = 0
    /// The first and next sequence number of the connection that had the same ends before.
    var previousInitial: UInt32 = 0
    var previousNext: UInt32 = 0
    /// Where a stream goes on that may be the true one, by `claim`.
    var rival: UInt32 = 0
    /// The sequence number of the first byte, by its SYN; `nil` until that is seen.
    var initial: UInt32?
    var opening = Opening.closed
    /// FIN has been reached.
    var isFinished = false
    var claim = Claim.none

    var isOpen: Bool { opening != .closed }
}

/// How `Half.next` of a direction became known.
enum Opening: UInt8 {
    case closed
    /// By what the other direction acknowledged, alone.
    case assumed
    /// By its SYN or its bytes.
    case seen
}

/// What speaks for it that a direction goes on elsewhere than at `Half.next`, at `Half.rival`.
enum Claim: UInt8 {
    case none
    /// One segment, or two in a row, that lie far outside the stream and end there.
    case stray, strays
    /// A SYN: it opens a stream there, or the other end's SYN does that acknowledges it.
    case opening
    /// Bytes from there on were given up that somebody acknowledged or sent more behind.
    case passed
    /// A RST that doubts the connection: it is its own if the stream ends there.
    case reset

    @inline(__always)
    var isStray: Bool { self == .stray || self == .strays }
}

/// A request that waits for its response; method and target stand behind it in its block.
struct PendingRequest {
    var next: UnsafeMutablePointer<PendingRequest>?
    /// In a block of its own; `nil` where no field is asked for, or none can be read.
    var fields: UnsafeMutablePointer<RequestFields>?
    var start: UInt64
    /// What the observer noted; `none` once it has heard of the end.
    var mark: RequestMark
    var bodyLength: UInt64
    /// The sequence number of the request's first byte.
    var sequence: UInt32
    /// What the segment with that byte acknowledged: where the response begins, if the request
    /// was sent alone; `nil` without ACK.
    var acknowledged: UInt32?
    var kind: RequestKind
    /// At most the 31 bytes in which a request line's method ends.
    var methodLength: UInt8
    var targetLength: UInt16
    var isTargetCut: Bool

    static let headerSize = MemoryLayout<PendingRequest>.stride
    var blockSize: Int { Self.headerSize + Int(methodLength) + Int(targetLength) }

    /// The unit of `Connection.pendingUnits`, of which every block is a multiple.
    static let unit = 32
    /// What a request's block takes, in such units.
    static func units(_ blockSize: Int) -> UInt16 {
        UInt16(clamping: BlockPool.blockSize(for: blockSize) / unit)
    }
}

/// What is known of the fields of a request; their slots stand behind it in its block.
struct RequestFields {
    /// Decompresses the body while it is read, or `nil`.
    var inflater: InflaterPointer?
    /// The request was read to its end: a field of its body that was not found is absent.
    var isWhole = false

    static let headerSize = MemoryLayout<RequestFields>.stride
}

extension UnsafeMutablePointer<RequestFields> {
    var slots: FieldSlots {
        FieldSlots(start: UnsafeMutableRawPointer(self) + RequestFields.headerSize)
    }
}

/// What a method means for the framing of its response (RFC 9112, 6.3).
enum RequestKind: UInt8 {
    case plain, head, connect
}

/// A connection and the state of its protocol. Lives in a slot of the table.
///
/// Of a slot's five lines of 64 bytes, most packets need the first, which tells what the packet
/// belongs to, and the third, which tells where it lies in its stream; packets with payload need
/// that of their direction's parser too.
///
/// | offset | content                                             |
/// |--------|-----------------------------------------------------|
/// | 0      | ends, and what is asked of every packet             |
/// | 64     | order of use, and the blocks that are held          |
/// | 128    | what is left, and the two halves                    |
/// | 192    | the parser of what the client sends                 |
/// | 256    | the parser of what the server sends                 |
struct Connection {
    let key: ConnectionKey
    let hash: UInt32
    /// Packet time of the latest packet, within a quarter of a second; then of the end.
    var lastSeen: UInt64
    /// Segments of both directions that wait, in the order they came.
    var heldFirst: UnsafeMutablePointer<HeldSegment>?
    var service: UInt16
    /// What the requests that wait take, without their fields, in units of 32 bytes.
    var pendingUnits: UInt16 = 0
    var standing = Standing.embryonic
    /// The order of use that it stands in.
    var order = UseOrder.embryonic
    private var facts: Facts = []
    /// `requestsInTurn`, and above it `isUsed`.
    private var turnsAndUse: UInt8 = 0

    /// Neighbours in the order of use, newest first.
    var newer: UnsafeMutablePointer<Connection>?
    var older: UnsafeMutablePointer<Connection>?
    var heldLast: UnsafeMutablePointer<HeldSegment>?
    var pendingFirst: UnsafeMutablePointer<PendingRequest>?
    var pendingLast: UnsafeMutablePointer<PendingRequest>?
    /// One slot per field of the service's responses, or `nil` where there is none.
    var responseFields: UnsafeMutableRawPointer?
    /// Decompresses the response's body being read, or `nil`.
    var inflater: InflaterPointer?
    var heldBytes: Int32 = 0
    var heldCount: Int16 = 0
    var pendingCount: Int16 = 0

    /// The table's turns when this one last moved to the front.
    var stamp: UInt32 = 0
    /// The slot's number in the table.
    let number: UInt32
    /// Packet time until which copies of the connection before on the same ends may come; 0 where
    /// there was none.
    var previousUntil: UInt64 = 0

    /// Requests that began when all before them had been answered, as far as `sequentialRequests`.
    var requestsInTurn: UInt8 {
        get { turnsAndUse & 0x7f }
        set { turnsAndUse = turnsAndUse & 0x80 | newValue & 0x7f }
    }
    /// A packet came since the connection moved to the front of the order of use.
    var isUsed: Bool {
        get { turnsAndUse & 0x80 != 0 }
        set { turnsAndUse = turnsAndUse & 0x7f | (newValue ? 0x80 : 0) }
    }

    private struct Facts: OptionSet {
        let rawValue: UInt8
        static let encrypted = Facts(rawValue: 1)
        static let recognised = Facts(rawValue: 2)
        static let pipelined = Facts(rawValue: 4)
        static let lost = Facts(rawValue: 8)
        /// The lowest bit of `bulk`, which has 3.
        static let bulkShift: UInt8 = 4

        subscript(fact: Facts) -> Bool {
            get { contains(fact) }
            set { self = newValue ? union(fact) : subtracting(fact) }
        }
    }

    var isEncrypted: Bool {
        get { facts[.encrypted] }
        set { facts[.encrypted] = newValue }
    }
    /// A first message has been recognised as HTTP.
    var isRecognised: Bool {
        get { facts[.recognised] }
        set { facts[.recognised] = newValue }
    }
    /// A request began while an earlier one had no whole response.
    var isPipelined: Bool {
        get { facts[.pipelined] }
        set { facts[.pipelined] = newValue }
    }
    /// Bytes were missed that may have held messages, or the connection was met in its middle.
    var hasLost: Bool {
        get { facts[.lost] }
        set { facts[.lost] = newValue }
    }
    /// What it is known to hold at most: what it gave back since is learned when room is wanted.
    var bulk: Bulk {
        get { Bulk(rawValue: facts.rawValue &>> Facts.bulkShift & Bulk.most.rawValue) }
        set {
            let others = facts.rawValue & ~(Bulk.most.rawValue &<< Facts.bulkShift)
            facts = Facts(rawValue: others | newValue.rawValue &<< Facts.bulkShift)
        }
    }

    var isClosed: Bool { standing == .closed }
    /// Which response answers which request cannot be known any more: where requests are sent
    /// before the responses to earlier ones, and some were missed, nothing tells.
    var isBlind: Bool { isPipelined && hasLost }

    init(number: UInt32, key: ConnectionKey, hash: UInt32, service: UInt16, now: UInt64) {
        self.number = number
        self.key = key
        self.hash = hash
        self.service = service
        lastSeen = now
    }
}

typealias ConnectionPointer = UnsafeMutablePointer<Connection>
typealias HalfPointer = UnsafeMutablePointer<Half>
typealias ParserPointer = UnsafeMutablePointer<MessageParser>

extension ConnectionPointer {
    /// Bytes from a connection to its two halves, to its two parsers, and of the whole.
    private static let halvesOffset = roundUp(
        MemoryLayout<Connection>.size, to: MemoryLayout<Half>.alignment)
    private static let parsersOffset = roundUp(
        halvesOffset + 2 * MemoryLayout<Half>.stride, to: MemoryLayout<MessageParser>.alignment)
    static let slotSize = roundUp(parsersOffset + 2 * MemoryLayout<MessageParser>.stride, to: 64)

    private static func roundUp(_ size: Int, to unit: Int) -> Int {
        (size + unit - 1) / unit * unit
    }

    /// One direction's place in its stream, behind the connection in its slot.
    @inline(__always)
    func half(_ direction: Direction) -> HalfPointer {
        (UnsafeMutableRawPointer(self) + Self.halvesOffset).assumingMemoryBound(to: Half.self)
            + direction.rawValue
    }

    /// One direction's message, behind the connection in its slot.
    @inline(__always)
    func parser(_ direction: Direction) -> ParserPointer {
        (UnsafeMutableRawPointer(self) + Self.parsersOffset)
            .assumingMemoryBound(to: MessageParser.self) + direction.rawValue
    }

    /// Where the fields of the message being read are found, of a client's the last request's.
    @inline(__always)
    func slots(_ direction: Direction) -> FieldSlots? {
        direction == .toServer
            ? pointee.pendingLast?.pointee.fields?.slots
            : pointee.responseFields.map(FieldSlots.init)
    }

    /// What decompresses the body being read.
    @inline(__always)
    func inflater(_ direction: Direction) -> InflaterPointer? {
        direction == .toServer
            ? pointee.pendingLast?.pointee.fields?.pointee.inflater : pointee.inflater
    }

    func setInflater(_ direction: Direction, _ inflater: InflaterPointer?) {
        if direction == .toServer {
            pointee.pendingLast?.pointee.fields?.pointee.inflater = inflater
        } else {
            pointee.inflater = inflater
        }
    }

    /// Whether evicting the connection gives memory back.
    var holdsBlocks: Bool {
        pointee.pendingFirst != nil || pointee.responseFields != nil
            || parser(.toServer).pointee.spill != nil || parser(.toClient).pointee.spill != nil
    }

    /// Gives a connection's blocks to the system, past the pool: at the engine's end.
    func deallocateBlocks() {
        var held = pointee.heldFirst
        while let segment = held {
            held = segment.pointee.next
            UnsafeMutableRawPointer(segment).deallocate()
        }
        parser(.toServer).pointee.spill?.deallocate()
        parser(.toClient).pointee.spill?.deallocate()
        var pending = pointee.pendingFirst
        while let request = pending {
            pending = request.pointee.next
            if let fields = request.pointee.fields { UnsafeMutableRawPointer(fields).deallocate() }
            UnsafeMutableRawPointer(request).deallocate()
        }
        pointee.responseFields?.deallocate()
    }
}
