// Hot path: counting allocates nothing per packet and per exchange, unless exchanges are written.
import CLinux
import Capture
package import Metering
import Scenarios
import Traffic
package import Transactions

/// What a replay of capture files gave.
package struct ReplayResult: Sendable {
    package var files: [ReplayedFile] = []
    /// Files whose packets began anew, earlier than those of the file before.
    package var restarts: UInt64 = 0
    package var counters: EngineCounters
    package var tally: Tally
    package var scenarios: [ScenarioID]
    package var rules: ReplayedRules
    package var cpuSeconds = 0.0
    /// Resident memory at its highest.
    package var peakBytes: UInt64 = 0
    /// Why the replay ended early; what came before the place was counted.
    package var failure: ReplayError?

    /// Malformed messages by the reason's name.
    package var malformed: [(name: String, count: UInt64)] {
        MalformedReason.allCases.map { ($0.name, counters.malformed[$0.rawValue]) }
    }

    /// Packets and fragments that could not be decoded, by the reason's name.
    package var undecoded: [(name: String, count: UInt64)] {
        let unknown = files.reduce(0) { $0 &+ $1.unknownLinkType }
        return UndecodedReason.allCases.map { ($0.name, counters.undecodedByReason[$0.rawValue]) }
            + [("unknown_link_type", unknown)]
    }
}

/// One file of a replay.
package struct ReplayedFile: Sendable {
    package let path: String
    package let packets: UInt64
    /// Captured bytes of the packets.
    package let bytes: UInt64
    /// Bytes of the file, or of its decompressed content, before the record inside which it ends;
    /// `nil` where the file is whole.
    package let truncatedAt: UInt64?
    /// Packets that could not be decoded because their interface's kind of header is not known.
    package let unknownLinkType: UInt64
    /// Packets without a time, or with one outside 1970 to 2262.
    package let untimed: UInt64

    init(_ path: String, _ summary: CaptureFileSummary) {
        self.path = path
        packets = summary.packets
        bytes = summary.bytes
        truncatedAt = summary.truncatedAt?.offset
        unknownLinkType = summary.unknownLinkType
        untimed = summary.untimed &+ summary.clampedTimes
    }
}

/// Why a replay ended early.
package enum ReplayError: Error, CustomStringConvertible {
    case permission(String)
    case unreadable(String)

    init(_ error: CaptureFileError) {
        self = error.isPermission ? .permission("\(error)") : .unreadable("\(error)")
    }

    package var description: String {
        switch self {
        case .permission(let words), .unreadable(let words): words
        }
    }
}

/// How far a replay is.
package struct ReplayProgress: Sendable {
    package let path: String
    /// Bytes of the file that were read.
    package let read: UInt64
    /// Bytes of the file; `nil` where it is a pipe.
    package let total: UInt64?
}

/// A file whose first packet is earlier than the latest one before it by more than this begins
/// anew; less comes from interfaces whose packets are captured at the same time.
private let restartTime = Nanoseconds.seconds(1)
/// Bytes read between two words of progress, and of lines that are written at once.
private let progressBytes: UInt64 = 16 << 20
private let outputBytes = 64 << 10

/// Runs capture files, in their order and as one capture, through the path that live traffic takes.
///
/// Connections go on from one file to the next, as in captures that a program wrote in parts. Where
/// a file's packets begin earlier than the latest packet before them, it is of another capture:
/// the connections that are open end there, and packet time begins anew.
///
/// - Parameter exchanges: receives a line for every exchange.
/// - Parameter progress: called now and then.
package func replay(
    _ paths: [String], _ plan: ReplayPlan, exchanges: ExchangeOutput? = nil,
    progress: (ReplayProgress) -> Void = { _ in }
) -> ReplayResult {
    clinux_release_program()
    // Keys of a file are told apart among themselves alone.
    let book = FlowBook(
        secret: FlowSecret.random().secret, limits: plan.flowLimits, isKept: false)
    let bucket = TallyBucket(plan.counter, book: book)
    let lines = exchanges.map { LineWriter(plan, $0) }
    // Without lines the sink is the bare count.
    let sink: (Exchange) -> Void =
        if let lines { { lines.write($0, bucket.count($0)) } } else { { bucket.count($0) } }
    var core = ReplayCore(
        engine: TransactionEngine(
            services: plan.services, tunnels: plan.tunnelPorts, sink: sink))
    bucket.begin(core.engine.counters)
    var files: [ReplayedFile] = []
    var failure: ReplayError?
    for path in paths where failure == nil {
        var summary = CaptureFileSummary()
        do throws(CaptureFileError) {
            try core.take(path, into: &summary, progress: progress)
        } catch {
            failure = ReplayError(error)
        }
        if failure == nil || summary.packets > 0 { files.append(ReplayedFile(path, summary)) }
    }
    core.engine.finish()
    lines?.flush()
    let counters = core.engine.counters
    let taken = bucket.take(
        nextEnds: [Timestamp(.max)], counters, at: core.latest, isLast: true)
    var tally = taken.tally
    plan.counter.observe(
        &tally, readable: taken.isReadable, encrypted: taken.isEncrypted, isCaptured: true)
    let usage = clinux_own_usage()
    return ReplayResult(
        files: files, restarts: core.restarts, counters: counters, tally: tally,
        scenarios: plan.counter.scenarios,
        rules: ReplayedRules(plan.scenarios, hits: tally.ruleHits), cpuSeconds: usage.cpu_seconds,
        peakBytes: usage.peak_bytes, failure: failure)
}

/// The engine, and where in time its files are.
private struct ReplayCore: ~Copyable {
    var engine: TransactionEngine
    var restarts: UInt64 = 0
    /// Packet time of the latest packet.
    private(set) var latest = Timestamp(0)
    /// No packet of the file has come.
    private var isAtStart = true

    init(engine: consuming TransactionEngine) { self.engine = engine }

    mutating func take(
        _ path: String, into summary: inout CaptureFileSummary, progress: (ReplayProgress) -> Void
    ) throws(CaptureFileError) {
        isAtStart = true
        let file = try CaptureFile(path: path)
        let total = file.size
        var said: UInt64 = 0
        try file.forEach(into: &summary) { read in
            if read &- said > progressBytes {
                said = read
                progress(ReplayProgress(path: path, read: read, total: total))
            }
        } _: { frame in
            if isAtStart { begin(at: frame.time) }
            latest = frame.time
            engine.ingest(frame)
        }
    }

    private mutating func begin(at time: Timestamp) {
        isAtStart = false
        guard time + restartTime < latest else { return }
        engine.finish()
        engine.advance(to: time)
        restarts &+= 1
    }
}

/// Collects lines and hands them over many at a time.
private final class LineWriter {
    private let line: ExchangeLine
    private let output: ExchangeOutput
    private var bytes: [UInt8] = []

    init(_ plan: ReplayPlan, _ output: ExchangeOutput) {
        line = ExchangeLine(plan, showsTarget: output.showsTarget)
        self.output = output
        bytes.reserveCapacity(outputBytes * 2)
    }

    func write(_ exchange: Exchange, _ match: CountedMatch?) {
        line.append(exchange, match, to: &bytes)
        if bytes.count >= outputBytes { flush() }
    }

    func flush() {
        if !bytes.isEmpty { output.write(bytes) }
        bytes.removeAll(keepingCapacity: true)
    }
}
