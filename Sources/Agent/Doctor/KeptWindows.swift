import Metering
import Records
import Spool

/// What the newest records of the spool say of the agent that wrote them: the agent's own account,
/// read where it keeps it. Records that collectors have are there as long as their file is.
struct KeptWindows: Sendable {
    /// Windows looked at, the newest.
    static let most = 20_000

    /// What rules took since they are what they are.
    struct RuleHits: Sendable {
        let manifest: Manifest
        var hits: [UInt64]
    }

    /// Windows that could be read.
    private(set) var count = 0
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

    init() {}

    init(_ parts: [SpoolSurvey.Part]) {
        var left = Self.most
        var chosen: [(Manifest?, [[UInt8]])] = []
        for part in parts.reversed() where left > 0 {
            let records = Array(part.records.suffix(left))
            left -= records.count
            let manifest = try? RecordCodec.decodeManifest(part.manifest)
            chosen.append((manifest, records))
        }
        for (manifest, records) in chosen.reversed() {
            for record in records { add(record, manifest) }
        }
    }

    private mutating func add(_ bytes: [UInt8], _ manifest: Manifest?) {
        // Completions stand between the records.
        guard let record = try? RecordCodec.decode(bytes) else { return }
        count += 1
        self.bytes += bytes.count
        start = min(start ?? record.window.start, record.window.start)
        end = max(end ?? record.window.end, record.window.end)
        packets &+= record.tally.packets
        kernelDrops &+= record.tally.losses.kernelDrops
        if record.energy.value == nil { unknownEnergy += 1 }
        if let manifest { add(record, manifest) }
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
