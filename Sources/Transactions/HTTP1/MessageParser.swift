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
        case fixedBody
        case chunkSize
        case chunkData
        /// The line end behind a chunk's data.
        case chunkEnd
        case trailer
        /// A response that ends with its connection.
        case untilEnd
        /// After CONNECT or Upgrade, or encrypted: no messages any more.
        case tunnel
        /// The place in the stream is not known; a segment that begins a message finds it again.
        case lost
    }

    var state = State.lost
    var isChunked = false
    var hasLength = false
    var hasTransferCoding = false
    /// The body is compressed: its fields cannot be read.
    var isEncoded = false
    /// A start line has been read, and its message has not ended.
    var isInMessage = false
    /// Fields of the body are being read.
    var isScanning = false
    /// Part of the body that a field may stand in was not captured.
    var hasUnreadBody = false
    var status: UInt16 = 0
    var headLength: UInt32 = 0
    var contentLength: UInt64 = 0
    /// Bytes of the fixed body or chunk still to come.
    var remaining: UInt64 = 0
    /// Bytes of body so far, without chunk framing.
    var bodyLength: UInt64 = 0
    /// Packet time of the message's first byte.
    var startTime: UInt64 = 0

    var spill: UnsafeMutableRawPointer?
    var spillLength: Int32 = 0
    var spillCapacity: Int32 = 0

    /// Makes ready for the next message's start line.
    mutating func reset() {
        state = .start
        isChunked = false
        hasLength = false
        hasTransferCoding = false
        isEncoded = false
        isInMessage = false
        isScanning = false
        hasUnreadBody = false
        headLength = 0
        contentLength = 0
        remaining = 0
        bodyLength = 0
        spillLength = 0
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
