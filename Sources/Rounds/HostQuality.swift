package import Metering

/// Who counted on a host in a round, by what, and which of its records are there. A record is in the
/// round of its window's last nanosecond.
package struct HostQuality: Sendable, Hashable {
    /// The records of one run.
    package struct RunSpan: Sendable, Hashable {
        package let run: RunID
        /// The lowest and the highest sequence of a window. Sequences in between may be completions.
        package internal(set) var first: UInt64
        package internal(set) var last: UInt64
        /// Windows received.
        package internal(set) var received: UInt64
    }

    package internal(set) var bootIDs: Set<String> = []
    package internal(set) var softwareVersions: Set<String> = []
    package internal(set) var rulesDigests: Set<String> = []
    /// Connections seen encrypted on counting services.
    package internal(set) var encryptedConnections: UInt64 = 0
    private var spans: [RunID: RunSpan] = [:]

    package init() {}

    /// By the number of the run.
    package var runs: [RunSpan] {
        spans.values.sorted { $0.run.rawValue < $1.run.rawValue }
    }

    mutating func add(_ record: RoundRecord) {
        let origin = record.origin
        if !origin.bootID.isEmpty { bootIDs.insert(origin.bootID) }
        if !origin.softwareVersion.isEmpty { softwareVersions.insert(origin.softwareVersion) }
        if !origin.rulesDigest.isEmpty { rulesDigests.insert(origin.rulesDigest) }
        for service in record.tally.services {
            encryptedConnections = encryptedConnections.addingClamped(service.encryptedConnections)
        }
        var span =
            spans[record.run]
            ?? RunSpan(run: record.run, first: record.sequence, last: record.sequence, received: 0)
        span.first = min(span.first, record.sequence)
        span.last = max(span.last, record.sequence)
        span.received += 1
        spans[record.run] = span
    }
}
