import Glibc

/// The two streams a command writes to, without buffering.
package enum Console: Int32, Sendable {
    case output = 1
    case error = 2

    /// Writes text whole. A stream nobody reads any more is left silently.
    package func write(_ text: String) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let put = bytes.withUnsafeBytes { Glibc.write(rawValue, $0.baseAddress, $0.count) }
            if put < 0 && errno == EINTR { continue }
            guard put > 0 else { return }
            bytes = bytes.dropFirst(put)
        }
    }

    /// Whether the stream is a terminal, where a line may be drawn over.
    package var isTerminal: Bool { isatty(rawValue) == 1 }
}

/// Writes a line.
package func say(_ line: String, to stream: Console = .output) { stream.write(line + "\n") }
