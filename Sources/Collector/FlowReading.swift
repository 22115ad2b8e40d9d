import Assessment
import Metering
import Records
import Rounds
import Store

/// The sums of the flows that a window's completions tell.
struct ToldFlows {
    /// Completions and the record of a window agree in these.
    struct Window: Equatable {
        private let agent: String
        private let run: RunID
        private let start: Timestamp
        private let end: Timestamp
        private let manifest: ManifestDigest

        init(_ stored: StoredRecord) {
            agent = stored.agent
            run = stored.run
            start = stored.start
            end = stored.end
            manifest = stored.manifest
        }
    }

    let window: Window
    /// By scenario, as an index.
    private(set) var flows: [Int: UInt64] = [:]

    init(_ window: Window) { self.window = window }

    mutating func add(_ completions: Completions) {
        for flow in completions.flows {
            flows[flow.scenario] = flows[flow.scenario, default: 0].addingClamped(flow.flows)
        }
    }
}

/// The exchanges of a period by rule, over all hosts.
struct RuleTotals {
    /// A rule of the period's manifests.
    struct Rule: Hashable {
        let scenario: String
        let name: String
        /// `nil` where no record tells.
        let hits: UInt64?
        let hosts: [String]
    }

    private struct Sum {
        let host: String
        let manifest: Manifest
        private(set) var hits: [UInt64]?

        mutating func add(_ told: [UInt64]) {
            var sums = hits ?? Array(repeating: 0, count: told.count)
            hits = nil
            for (index, count) in told.enumerated() where count > 0 {
                sums[index] = sums[index].addingClamped(count)
            }
            hits = sums
        }
    }

    private let period: Interval
    private var sums: [ManifestDigest: Sum] = [:]

    init(of period: Interval) { self.period = period }

    /// A window's counts belong to the time of its last nanosecond.
    mutating func add(_ record: Record, of host: String, _ manifest: Manifest) {
        guard !manifest.rules.isEmpty else { return }
        let end = max(record.window.end.rawValue, record.window.start.rawValue.addingClamped(1))
        let last = Timestamp(end - 1)
        guard last >= period.start, last < period.end else { return }
        let told = RecordCodec.ruleHits(of: record.tally, under: manifest)
        var sum = sums[record.manifest] ?? Sum(host: host, manifest: manifest)
        sums[record.manifest] = nil
        if let told { sum.add(told) }
        sums[record.manifest] = sum
    }

    /// By scenario and name, each once; rules without a name are called by their number in the
    /// scenario.
    var rules: [Rule] {
        var found: [[String]: (hits: UInt64?, hosts: Set<String>)] = [:]
        for sum in sums.values {
            var numbers: [Int: Int] = [:]
            for (index, rule) in sum.manifest.rules.enumerated() {
                let number = numbers[rule.scenario, default: 0] + 1
                numbers[rule.scenario] = number
                let key = [
                    sum.manifest.scenarios[rule.scenario].name,
                    rule.name.isEmpty ? "#\(number)" : rule.name,
                ]
                var one = found[key] ?? (nil, [])
                if let hits = sum.hits?[index] { one.hits = (one.hits ?? 0).addingClamped(hits) }
                one.hosts.insert(sum.host)
                found[key] = one
            }
        }
        return found.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map { key, one in
            Rule(scenario: key[0], name: key[1], hits: one.hits, hosts: one.hosts.sorted())
        }
    }
}

extension RepeatedCompletion {
    /// Whether its window's record, as its agent made it, counted it; `nil` where the bytes are no such record.
    var isCounted: Bool? {
        guard let counting else { return true }
        guard let header = try? RecordCodec.header(of: counting), header.kind == .window,
            header.run == run, header.sequence > sequence, header.window.start == start,
            header.window.end == end
        else { return nil }
        return !header.flags.contains(.agentStopped)
    }
}

extension FlowOccurrence {
    init(_ stored: RepeatedCompletion) {
        self.init(
            flow: Flow(
                secret: stored.secret, scenario: ScenarioID(stored.scenario),
                digest: stored.digest),
            host: stored.agent, run: stored.run, sequence: stored.sequence,
            position: stored.position, start: stored.start, end: stored.end, flows: stored.flows)
    }
}
