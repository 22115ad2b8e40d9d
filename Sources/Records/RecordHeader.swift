package import Metering

/// Where a record belongs, without the rest of it.
package struct RecordHeader: Sendable, Hashable {
    package let run: RunID
    /// Counts from 1 in each run.
    package let sequence: UInt64
    package let manifest: ManifestDigest
    package let window: Window

    package init(run: RunID, sequence: UInt64, manifest: ManifestDigest, window: Window) {
        self.run = run
        self.sequence = sequence
        self.manifest = manifest
        self.window = window
    }

    init(_ message: Jouleflow_V1_RecordHeader) throws(RecordError) {
        guard message.run != 0 else { throw .missing(field: "run") }
        guard message.sequence != 0 else { throw .missing(field: "sequence") }
        run = RunID(message.run)
        sequence = message.sequence
        manifest = ManifestDigest(message.manifest)
        window = try Window(message)
    }
}

extension Jouleflow_V1_RecordHeader {
    init(_ message: Jouleflow_V1_Record) {
        run = message.run
        sequence = message.sequence
        manifest = message.manifest
        startSeconds = message.startSeconds
        startNanoseconds = message.startNanoseconds
        lengthSeconds = message.lengthSeconds
        lengthNanoseconds = message.lengthNanoseconds
        durationBeyondLength = message.durationBeyondLength
    }
}

extension Jouleflow_V1_Record {
    /// Whole seconds and the rest apart: windows are aligned to seconds, and nanoseconds since 1970
    /// take nine bytes where seconds take five.
    mutating func setWindow(_ window: Window) throws(RecordError) {
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
