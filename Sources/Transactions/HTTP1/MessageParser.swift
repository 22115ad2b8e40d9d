// Hot path: plain values.

/// The state of one direction's HTTP/1 message, kept between segments.
///
/// A message is read in place, line by line; only a line that is split over segments is copied,
/// into `spill`.
///
/// Source: RFC 9112.
struct MessageParser {
    /// Bytes of a split line that are kept. What follows them is passed over: no header this
    /// parser reads is longer, and a longer request target is cut.
    static let maximumLine = 8192
    /// Bytes of a message's head before it is given up as malformed.
    static let maximumHead: UInt32 = 1 << 20

    enum State: UInt8 {
        /// Before or in the start line.
        case start
        case head
        /// Behind the head of a response to an unknown request: its body, or none.
        case unsure
        case fixedBody
        case chunkSize
        case chunkData
        /// The line end behind a chunk's data.
        case chunkEnd
        case trailer
        /// A response that ends with its connection.
        case untilEnd
        /// Behind a response whose request is doubted: see `Doubt.answered`. `remaining` is the packet
        /// time of its end.
        case settling
        /// After CONNECT or Upgrade, or encrypted: no messages any more.
        case tunnel
        /// The place in the stream is not known; a segment that begins a message finds it again.
        case lost
    }

    /// A length no stream reaches: framed as it says, and suspect.
    static let hugeLength: UInt64 = 1 << 50

    /// How a body is compressed.
    enum Coding: UInt8 {
        case none, gzip, deflate
        /// One that is not decompressed, or several.
        case other
    }

    /// What Content-Length says.
    enum Length: UInt8 {
        case none
        /// Nothing yet: a folded line may hold the digits.
        case empty
        case known
        /// No number, or several that differ.
        case unknown
    }

    /// The header field that a folded line continues.
    enum Field: UInt8 {
        case other, contentLength, transferCoding, contentCoding
    }

    /// Whether the body is framed by Transfer-Encoding.
    enum TransferCoding: UInt8 {
        case none, chunked
        /// One that does not frame a body.
        case other
    }

    /// Whether fields of the body are looked for.
    enum FieldReading: UInt8 {
        case none, reading
        /// From the body's beginning, and not any more.
        case read
    }

    /// What is not sure of the request that waits, or of the next one.
    enum Doubt: UInt8 {
        case none
        /// A final response began before the end of the request line that is being read.
        case early
        /// The request that waits was found where the place in the stream was not known.
        case found
        /// Bytes of the client were passed over, and the server has sent nothing since.
        case passed
        /// After such bytes came what looks like a request, which waits.
        case asked
        /// A response has begun before that request's end; what its client sends next tells.
        case answered
    }

    private struct Facts: OptionSet {
        let rawValue: UInt8
        /// Before the start line is read, that it was found.
        static let old = Facts(rawValue: 1)
        static let inMessage = Facts(rawValue: 2)
        static let paired = Facts(rawValue: 4)
        static let unreadBody = Facts(rawValue: 8)
        static let missed = Facts(rawValue: 16)
        static let slots = Facts(rawValue: 32)
        /// The lower bit of `bytesOfTLS`, the highest of all.
        static let recordShift: UInt8 = 6

        subscript(fact: Facts) -> Bool {
            get { contains(fact) }
            set { self = newValue ? union(fact) : subtracting(fact) }
        }
    }

    // In the order that packs them into 64 bytes, a line of the processor's cache.

    /// What Content-Length says; then the bytes of the fixed body or chunk still to come.
    var remaining: UInt64 = 0
    /// Bytes of body so far, without chunk framing.
    var bodyLength: UInt64 = 0
    /// Packet time of the message's first byte.
    var startTime: UInt64 = 0
    /// The beginning of a line that is split over segments.
    var spill: UnsafeMutableRawPointer?
    /// Sequence number of the message's first byte, and what its segment acknowledged.
    var startSequence: UInt32 = 0
    var startAcknowledged: UInt32?
    var state = State.lost
    var transferCoding = TransferCoding.none
    var length = Length.none
    private var end: UInt32 = 0
    var headLength: UInt32 = 0
    var status: UInt16 = 0
    var spillLength: UInt16 = 0
    /// A bit per `SuspiciousReason`.
    var suspicions: UInt16 = 0
    private var spillExponent: UInt8 = 0
    var coding = Coding.none
    var field = Field.other
    var fields = FieldReading.none
    private var facts: Facts = []
    /// `doubt`, and above it `isMissedAtStart`.
    private var doubtAndMiss: UInt8 = 0

    /// Of a client.
    var doubt: Doubt {
        get { Doubt(rawValue: doubtAndMiss & 0x7f) ?? .none }
        set { doubtAndMiss = doubtAndMiss & 0x80 | newValue.rawValue }
    }
    /// Of a client: what was missed last was where a request would begin, no more than a window.
    var isMissedAtStart: Bool {
        get { doubtAndMiss & 0x80 != 0 }
        set { doubtAndMiss = doubtAndMiss & 0x7f | (newValue ? 0x80 : 0) }
    }
    /// Up to where a client's bytes may hold a request that was missed: see `hasMissed`.
    var missedEnd: UInt32 {
        get { end }
        set { end = newValue }
    }
    /// Up to where a server's bytes have answered known requests as a whole; 0 where none has been.
    var answeredEnd: UInt32 {
        get { end }
        set { end = newValue }
    }
    /// The version is 1.0.
    var isOld: Bool {
        get { facts[.old] }
        set { facts[.old] = newValue }
    }
    /// The start line that is to be read was found where the place was lost.
    var isFound: Bool {
        get { state == .start && facts[.old] }
        set { facts[.old] = newValue }
    }
    /// Of a client: a message is due where its start line stands, for all that is known.
    var isPlaceKnown: Bool { !isFound && (doubt == .none || doubt == .early) }
    /// A start line has been read, and its message has not ended.
    var isInMessage: Bool {
        get { facts[.inMessage] }
        set { facts[.inMessage] = newValue }
    }
    /// The message is in the queue: a request that waits, or the response to the first of them.
    var isPaired: Bool {
        get { facts[.paired] }
        set { facts[.paired] = newValue }
    }
    /// Part of the body that a field may stand in was not captured.
    var hasUnreadBody: Bool {
        get { facts[.unreadBody] }
        set { facts[.unreadBody] = newValue }
    }
    /// Fields are looked for since the message's head began.
    var hasSlots: Bool {
        get { facts[.slots] }
        set { facts[.slots] = newValue }
    }
    /// Of a client: a request may have been missed before `missedEnd`, and no response has begun
    /// since that its server sent when it had all before there.
    /// Of a server: a response to no known request has begun, and no request since.
    var hasMissed: Bool {
        get { facts[.missed] }
        set { facts[.missed] = newValue }
    }
    /// Of a connection that is not recognised, where a message would begin: bytes passed over, at
    /// most 2, that may be the first of a TLS record.
    var bytesOfTLS: Int {
        get { Int(facts.rawValue &>> Facts.recordShift) }
        set {
            let others = facts.rawValue & (1 &<< Facts.recordShift &- 1)
            facts = Facts(
                rawValue: UInt8(truncatingIfNeeded: newValue) &<< Facts.recordShift | others)
        }
    }
    /// Bytes that `spill` has room for, a power of two; 0 where there is none.
    var spillCapacity: Int {
        get { spillExponent == 0 ? 0 : 1 << Int(spillExponent) }
        set { spillExponent = newValue == 0 ? 0 : UInt8(newValue.trailingZeroBitCount) }
    }

    /// Part of a body, or of what frames it, may have been read.
    var isInBody: Bool {
        switch state {
        case .unsure, .fixedBody, .chunkSize, .chunkData, .chunkEnd, .trailer, .untilEnd, .settling:
            true
        case .start, .head, .tunnel, .lost: false
        }
    }

    /// Makes ready for the next message's start line.
    mutating func reset() {
        state = .start
        transferCoding = .none
        length = .none
        coding = .none
        field = .other
        fields = .none
        facts.formIntersection(.missed)
        suspicions = 0
        headLength = 0
        remaining = 0
        bodyLength = 0
        spillLength = 0
    }

    /// The response is no interim one; 101 is the last that HTTP/1 says of a connection.
    var isFinal: Bool { status >= 200 || status == 101 }

    mutating func suspect(_ reason: SuspiciousReason) { suspicions |= 1 << reason.rawValue }
}

/// What makes a message's framing ambiguous: two readers of it may disagree on where it ends.
package enum SuspiciousReason: Int, Sendable, CaseIterable {
    /// Transfer-Encoding and Content-Length; the former counts (RFC 9112, 6.3, 3).
    case transferCodingAndLength
    /// Content-Length more than once, with one value (RFC 9112, 6.3, 5).
    case repeatedLength
    /// A header field on several lines (RFC 9112, 5.2).
    case foldedHeader
    /// Space between a framing field's name and its colon (RFC 9112, 5.1).
    case spaceBeforeColon
    /// A Content-Length or chunk size that no stream reaches (RFC 9112, 6.3 and 7.1).
    case hugeLength
    /// Transfer-Encoding in a message of HTTP/1.0 (RFC 9112, 6.1).
    case transferCodingInOldVersion
    /// CR without LF in a header field (RFC 9112, 2.2).
    case bareCR
    /// NUL in a header field (RFC 9110, 5.5).
    case nul
    /// Surplus space in a request line, or more than a digit of a minor version (RFC 9112, 3).
    case looseRequestLine

    /// The reason's key in machine-readable output.
    package var name: String {
        switch self {
        case .transferCodingAndLength: "transfer_coding_and_length"
        case .repeatedLength: "repeated_length"
        case .foldedHeader: "folded_header"
        case .spaceBeforeColon: "space_before_colon"
        case .hugeLength: "huge_length"
        case .transferCodingInOldVersion: "transfer_coding_in_old_version"
        case .bareCR: "bare_cr"
        case .nul: "nul"
        case .looseRequestLine: "loose_request_line"
        }
    }
}

/// Why a message's framing could not be known.
package enum MalformedReason: Int, Sendable, CaseIterable {
    case requestLine, statusLine, contentLength, transferCoding, chunkSize, chunkEnd, headTooLong
    /// The connection speaks another protocol than HTTP/1.
    case otherProtocol

    /// The reason's key in machine-readable output.
    package var name: String {
        switch self {
        case .requestLine: "request_line"
        case .statusLine: "status_line"
        case .contentLength: "content_length"
        case .transferCoding: "transfer_coding"
        case .chunkSize: "chunk_size"
        case .chunkEnd: "chunk_end"
        case .headTooLong: "head_too_long"
        case .otherProtocol: "other_protocol"
        }
    }
}
