package import Metering

/// Where a record or completions belong, without the rest of them.
package struct RecordHeader: Sendable, Hashable {
    package let run: RunID
    /// Counts from 1 in each run.
    package let sequence: UInt64
    package let manifest: ManifestDigest
    package let window: Window
    /// None in completions.
    package let flags: RecordFlags
    package let kind: EntryKind

    package init(
        run: RunID, sequence: UInt64, manifest: ManifestDigest, window: Window,
        flags: RecordFlags = [], kind: EntryKind = .window
    ) {
        self.run = run
        self.sequence = sequence
        self.manifest = manifest
        self.window = window
        self.flags = flags
        self.kind = kind
    }

    init(_ message: Jouleflow_V1_RecordHeader) throws(RecordError) {
        guard message.run != 0 else { throw .missing(field: "run") }
        guard message.sequence != 0 else { throw .missing(field: "sequence") }
        run = RunID(message.run)
        sequence = message.sequence
        manifest = ManifestDigest(message.manifest)
        window = try Window(message)
        flags = RecordFlags(rawValue: message.flags)
        guard let raw = UInt8(exactly: message.kind), let kind = EntryKind(rawValue: raw) else {
            throw .unknownNumber(field: "kind", number: Int(message.kind))
        }
        self.kind = kind
    }

    /// Refuses the header of an entry of another kind.
    func checked(_ kind: EntryKind) throws(RecordError) -> Self {
        guard self.kind == kind else { throw .contradiction(field: "kind") }
        return self
    }
}

/// A message with the fields of a header.
protocol HeaderFields {
    var run: UInt64 { get set }
    var sequence: UInt64 { get set }
    var manifest: UInt64 { get set }
    var startSeconds: UInt64 { get set }
    var startNanoseconds: UInt32 { get set }
    var lengthSeconds: UInt64 { get set }
    var lengthNanoseconds: UInt32 { get set }
    var durationBeyondLength: Int64 { get set }
    var kind: UInt32 { get set }
}

extension Jouleflow_V1_Record: HeaderFields {}
extension Jouleflow_V1_Completions: HeaderFields {}

extension Jouleflow_V1_RecordHeader {
    init(_ message: some HeaderFields) {
        run = message.run
        sequence = message.sequence
        manifest = message.manifest
        startSeconds = message.startSeconds
        startNanoseconds = message.startNanoseconds
        lengthSeconds = message.lengthSeconds
        lengthNanoseconds = message.lengthNanoseconds
        durationBeyondLength = message.durationBeyondLength
        kind = message.kind
    }
}

extension HeaderFields {
    mutating func setHeader(_ header: RecordHeader) throws(RecordError) {
        guard header.run.rawValue != 0 else { throw .missing(field: "run") }
        guard header.sequence != 0 else { throw .missing(field: "sequence") }
        run = header.run.rawValue
        sequence = header.sequence
        manifest = header.manifest.rawValue
        kind = UInt32(header.kind.rawValue)
        try setWindow(header.window)
    }

    /// Whole seconds and the rest apart: windows are aligned to seconds, and nanoseconds since 1970
    /// take nine bytes where seconds take five.
    private mutating func setWindow(_ window: Window) throws(RecordError) {
        guard window.end >= window.start else { throw .endBeforeStart }
        let (start, length) = (window.start.rawValue, window.end.rawValue - window.start.rawValue)
        startSeconds = start / nanosecondsPerSecond
        startNanoseconds = UInt32(start % nanosecondsPerSecond)
        lengthSeconds = length / nanosecondsPerSecond
        lengthNanoseconds = UInt32(length % nanosecondsPerSecond)
        durationBeyondLength = Int64(bitPattern: window.duration.rawValue &- length)
    }
}

extension Window {
    init(_ message: Jouleflow_V1_RecordHeader) throws(RecordError) {
        let start = try nanoseconds(
            message.startSeconds, message.startNanoseconds, field: "window start")
        let length = try nanoseconds(
            message.lengthSeconds, message.lengthNanoseconds, field: "window length")
        let (end, over) = start.addingReportingOverflow(length)
        guard !over else { throw .outOfRange(field: "window length", number: length) }
        let duration = length &+ UInt64(bitPattern: message.durationBeyondLength)
        self.init(
            start: Timestamp(start), end: Timestamp(end), duration: Nanoseconds(duration))
    }
}

private let nanosecondsPerSecond: UInt64 = 1_000_000_000

private func nanoseconds(
    _ seconds: UInt64, _ rest: UInt32, field: String
) throws(RecordError) -> UInt64 {
    guard rest < nanosecondsPerSecond else {
        throw .outOfRange(field: field, number: UInt64(rest))
    }
    let (whole, tooLarge) = seconds.multipliedReportingOverflow(by: nanosecondsPerSecond)
    let (value, over) = whole.addingReportingOverflow(UInt64(rest))
    guard !tooLarge, !over else { throw .outOfRange(field: field, number: seconds) }
    return value
}
