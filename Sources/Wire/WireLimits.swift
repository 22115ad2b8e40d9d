/// Sizes that both sides enforce. What exceeds one is an error that ends the session.
package enum WireLimits {
    /// Bytes of a frame: length, type, payload and checksum.
    package static let frame = 1_048_576
    /// Bytes of a frame before the agent is welcomed, so that a stranger can make the other side
    /// hold no more than this.
    package static let handshakeFrame = 4_096
    /// Records of a batch.
    package static let records = 1_000
    /// Bytes of all records of a batch. With their framing they fit a frame.
    package static let batch = frame - 8_192
    /// Bytes of one record.
    package static let record = 65_544
    /// Bytes of a manifest.
    package static let manifest = 65_536
    /// Bytes of an agent's id and of a software version, each.
    package static let name = 128
    /// Bytes of an error's text; a longer one is cut.
    package static let text = 512
}

/// Time limits. The sessions know no clock: whoever owns the connection keeps these.
package enum WireTiming {
    /// From the connection to the whole Hello, and from Hello to the whole Welcome; then close.
    package static let handshake: Duration = .seconds(10)
    /// After this long without sending, a welcomed side sends a heartbeat.
    package static let heartbeat: Duration = .seconds(15)
    /// After this long without a byte from the other side, close.
    package static let silence: Duration = .seconds(45)
    /// From a batch to the acknowledgement of its last record; then the agent closes and connects
    /// anew.
    package static let acknowledgement: Duration = .seconds(60)
    /// The first pause before connecting anew. It doubles up to `longestPause`; each pause is
    /// drawn at random between half of it and the whole.
    package static let firstPause: Duration = .seconds(1)
    /// The longest pause before connecting anew.
    package static let longestPause: Duration = .seconds(60)
}
