import CLinux
import Capture
package import Metering
import Scenarios
package import Settings
import Traffic
import Transactions

/// What a capture file holds, by the rules of the settings: the agent's own path, on packet time.
package struct ReplayResult: Sendable {
    package var files: [ReplayedFile] = []
    package var counters: ReplayCounters
    package var tally: Tally
    package var scenarios: [ScenarioID]
    package var cpuSeconds = 0.0
    /// Resident memory at its highest.
    package var peakBytes: UInt64 = 0
}

/// One file of a replay.
package struct ReplayedFile: Sendable {
    package let path: String
    package let packets: UInt64
    package let bytes: UInt64
    /// The place where the packet begins inside which the file ends; what came before it was
    /// counted. `nil` where the file is whole.
    package let truncatedAt: String?
    /// Packets that could not be decoded because their interface's kind of header is not known.
    package let unknownLinkType: UInt64
}

/// What the engine counted.
package struct ReplayCounters: Sendable {
    package let connections: UInt64
    package let suspicious: UInt64
    package let encryptedConnections: UInt64
    /// By the reason's name.
    package let malformed: [(name: String, count: UInt64)]
}

/// Why a replay ended early.
package enum ReplayError: Error, CustomStringConvertible {
    case file(String)

    package var description: String {
        switch self {
        case .file(let words): words
        }
    }
}

/// Runs capture files, in their order, through the path that live traffic takes.
///
/// - Parameter progress: called now and then with the bytes of the file that were read and those
///   to be read in all, which are not known of a pipe.
package func replay(
    _ paths: [String], settings: AgentSettings, progress: (UInt64, UInt64?) -> Void = { _, _ in }
) throws(ReplayError) -> ReplayResult {
    let meter = MeterSettings(settings)
    let bucket = TallyBucket(meter.counter)
    var engine = TransactionEngine(services: meter.engineServices, sink: { bucket.count($0) })
    let before = engine.counters
    var files: [ReplayedFile] = []
    do throws(CaptureFileError) {
        for path in paths {
            let file = try CaptureFile(path: path)
            let total = file.size
            var said: UInt64 = 0
            let summary = try file.forEach { read in
                if read &- said > 64 << 20 {
                    said = read
                    progress(read, total)
                }
            } _: { frame in
                engine.ingest(frame)
            }
            files.append(
                ReplayedFile(
                    path: path, packets: summary.packets, bytes: summary.bytes,
                    truncatedAt: summary.truncatedAt?.description,
                    unknownLinkType: summary.unknownLinkType))
        }
    } catch {
        throw .file("\(error)")
    }
    engine.finish()
    let counters = engine.counters
    var tally = bucket.take(nextEnd: Timestamp(.max))
    tally.note(counters, since: before)
    meter.counter.observe(
        &tally, readable: counters.services.map { $0.readablePackets > 0 },
        encrypted: counters.services.map { $0.encryptedPackets > 0 }, isCaptured: true)
    let usage = clinux_own_usage()
    return ReplayResult(
        files: files,
        counters: ReplayCounters(
            connections: counters.connections, suspicious: counters.suspicious,
            encryptedConnections: counters.encryptedConnections,
            malformed: MalformedReason.allCases.map {
                ($0.name, counters.malformed[$0.rawValue])
            }), tally: tally, scenarios: meter.counter.scenarios,
        cpuSeconds: usage.cpu_seconds, peakBytes: usage.peak_bytes)
}
