import Metering
import Records
import Spool

/// What the newest records of the spool say of the agent that wrote them: the agent's own account,
/// read where it keeps it. Records that collectors have are there as long as their file is.
struct KeptWindows: Sendable {
    /// Windows looked at, the newest.
    static let most = 20_000
    /// Windows that end later than this from now are of a clock that was ahead: they say nothing of
    /// what the agent does now, and their times nothing of how long anything lasted.
    static let longestAhead = Nanoseconds.seconds(60)

    /// What rules took since they are what they are.
    struct RuleHits: Sendable {
        let manifest: Manifest
        var hits: [UInt64]
    }

    /// Processor time of windows that were divided by time in flight, where all of it is known.
    struct ProcessorUse: Sendable {
        /// Of the windows, by the clock.
        private(set) var length = Nanoseconds.zero
        private(set) var host = Nanoseconds.zero
        private(set) var services = Nanoseconds.zero

        mutating func add(_ record: Record, _ manifest: Manifest) {
            let known = record.processor.services.compactMap(\.value)
            guard manifest.model == .concurrency, let busy = record.processor.hostBusy.value,
                known.count == record.processor.services.count
            else { return }
            length = length.adding(record.window.duration)
            host = host.adding(busy)
            services = known.reduce(services) { $0.adding($1) }
        }
    }

    /// Windows that could be read, but for those of a clock that was ahead, which are ``ahead``.
    private(set) var count = 0
    private(set) var ahead = 0
    private(set) var start: Timestamp?
    private(set) var end: Timestamp?
    private(set) var packets: UInt64 = 0
    private(set) var kernelDrops: UInt64 = 0
    private(set) var unknownEnergy = 0
    /// Bytes of the records.
    private(set) var bytes = 0
    /// The rules of the latest window, and what they took in all windows with the same rules.
    private(set) var rules: RuleHits?
    /// Windows with those rules, and where the first of them began.
    private(set) var rulesCount = 0
    private(set) var rulesSince: Timestamp?
    private(set) var processorUse = ProcessorUse()
    /// The latest window's beginning, and what its record says that it was metered by.
    private(set) var latest: (start: Timestamp, manifest: Manifest)?

    init() {}

    init(_ parts: [SpoolSurvey.Part], now: Timestamp) {
        var left = Self.most
        var chosen: [(Manifest?, [[UInt8]])] = []
        for part in parts.reversed() where left > 0 {
            let records = Array(part.records.suffix(left))
            left -= records.count
            let manifest = try? RecordCodec.decodeManifest(part.manifest)
            chosen.append((manifest, records))
        }
        for (manifest, records) in chosen.reversed() {
            for record in records { add(record, manifest, now) }
        }
    }

    private mutating func add(_ bytes: [UInt8], _ manifest: Manifest?, _ now: Timestamp) {
        // Completions stand between the records.
        guard let record = try? RecordCodec.decode(bytes) else { return }
        guard record.window.end.since(now) <= Self.longestAhead else {
            ahead += 1
            return
        }
        count += 1
        self.bytes += bytes.count
        start = min(start ?? record.window.start, record.window.start)
        end = max(end ?? record.window.end, record.window.end)
        packets &+= record.tally.packets
        kernelDrops &+= record.tally.losses.kernelDrops
        if record.energy.value == nil { unknownEnergy += 1 }
        if let manifest {
            latest = (record.window.start, manifest)
            add(record, manifest)
            processorUse.add(record, manifest)
        }
    }

    private mutating func add(_ record: Record, _ manifest: Manifest) {
        if rules?.manifest.rulesDigest != manifest.rulesDigest {
            rules = RuleHits(manifest: manifest, hits: manifest.rules.map { _ in 0 })
            (rulesCount, rulesSince) = (0, nil)
        }
        guard let hits = RecordCodec.ruleHits(of: record.tally, under: manifest),
            hits.count == rules?.hits.count
        else { return }
        for index in hits.indices { rules?.hits[index] &+= hits[index] }
        rulesCount += 1
        rulesSince = rulesSince ?? record.window.start
    }

    /// From the first window to the last.
    var span: Nanoseconds {
        guard let start, let end else { return .zero }
        return end.since(start)
    }
}

extension Nanoseconds {
    /// The sum, or the largest time: what a file says is nobody's word.
    fileprivate func adding(_ other: Nanoseconds) -> Nanoseconds {
        Nanoseconds(rawValue.addingClamped(other.rawValue))
    }
}
