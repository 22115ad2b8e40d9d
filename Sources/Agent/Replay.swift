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
    /// The file ends inside a packet; what came before it was counted.
    package let isTruncated: Bool
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
/// - Parameter progress: called now and then with the bytes read and those to be read in all.
package func replay(
    _ paths: [String], settings: AgentSettings, progress: (UInt64, UInt64) -> Void = { _, _ in }
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
            var read: UInt64 = 0
            var said: UInt64 = 0
            let summary = try file.forEach { frame in
                engine.ingest(frame)
                read &+= UInt64(frame.bytes.count + 16)
                if read &- said > 64 << 20 {
                    said = read
                    progress(read, total)
                }
            }
            files.append(
                ReplayedFile(
                    path: path, packets: summary.packets, bytes: summary.bytes,
                    isTruncated: summary.isTruncated))
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
