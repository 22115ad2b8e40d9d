import Glibc
package import Logging

/// Writes log lines to standard error: for the journal with a priority, for people with the time.
///
///     <5>agent connected agent=cq-a-loan-07
///     2026-11-21T07:40:55Z notice  agent connected agent=cq-a-loan-07
///
/// Source: sd-daemon(3), "<6>" prefixes; systemd.exec(5), `$JOURNAL_STREAM`.
package struct JournalLog: LogHandler {
    package var metadata: Logger.Metadata = [:]
    package var logLevel: Logger.Level = .notice
    package var metadataProvider: Logger.MetadataProvider?
    private let style: JournalLine.Style
    private let descriptor: Int32

    /// `descriptor` is where lines go, standard error unless said.
    package init(descriptor: Int32 = STDERR_FILENO) {
        self.descriptor = descriptor
        style = JournalLine.Style(descriptor: descriptor)
    }

    /// One value that goes into every line.
    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    /// Writes the event as one line; the event's own values win over the provided and the fixed.
    package func log(event: LogEvent) {
        var merged = metadata
        if let provided = metadataProvider?.get() { merged.merge(provided) { $1 } }
        if let own = event.metadata { merged.merge(own) { $1 } }
        var seconds = time(nil)
        var fields = tm()
        gmtime_r(&seconds, &fields)
        let line = JournalLine.text(
            style, event.level, "\(event.message)", merged, at: fields)
        // One write per line: lines of several threads do not mix. What cannot be written is
        // dropped, as there is nowhere to say so.
        let bytes = Array(line.utf8)
        _ = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
    }
}

/// One log line as text.
enum JournalLine {
    enum Style {
        case journal
        case plain

        /// The journal's where `$JOURNAL_STREAM` names this descriptor's device and inode.
        init(descriptor: Int32) {
            var status = stat()
            guard let stream = getenv("JOURNAL_STREAM"), fstat(descriptor, &status) == 0 else {
                self = .plain
                return
            }
            self =
                String(cString: stream) == "\(status.st_dev):\(status.st_ino)" ? .journal : .plain
        }
    }

    /// A value longer than this is cut, with "…".
    static let maximumValue = 1_000

    static func text(
        _ style: Style, _ level: Logger.Level, _ message: String, _ metadata: Logger.Metadata,
        at time: tm
    ) -> String {
        var line =
            style == .journal
            ? "<\(priority(level))>" : "\(stamp(time)) \(padded(level.rawValue, 8))"
        line += oneLine(message)
        for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
            let text = oneLine("\(value)")
            let isQuoted = text.contains(" ") || text.contains("\"") || text.isEmpty
            let escaped = text.split(separator: "\"", omittingEmptySubsequences: false)
            line += " \(key)=" + (isQuoted ? "\"\(escaped.joined(separator: "\\\""))\"" : text)
        }
        return line + "\n"
    }

    /// Source: syslog(3): 3 error, 4 warning, 5 notice, 6 informational, 7 debug.
    private static func priority(_ level: Logger.Level) -> Int {
        switch level {
        case .trace, .debug: 7
        case .info: 6
        case .notice: 5
        case .warning: 4
        case .error: 3
        case .critical: 2
        }
    }

    /// Control characters become spaces, so that foreign text cannot begin a line of its own.
    private static func oneLine(_ text: String) -> String {
        var out = String.UnicodeScalarView()
        for scalar in text.unicodeScalars.prefix(maximumValue) {
            let isControl = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
            out.append(isControl ? " " : scalar)
        }
        if text.unicodeScalars.dropFirst(maximumValue).first != nil { out.append("…") }
        return String(out)
    }

    private static func stamp(_ time: tm) -> String {
        func two(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }
        return "\(Int(time.tm_year) + 1900)-\(two(time.tm_mon + 1))-\(two(time.tm_mday))T"
            + "\(two(time.tm_hour)):\(two(time.tm_min)):\(two(time.tm_sec))Z"
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(1, width - text.count))
    }
}
