import Assessment
import Bundle
import Chain
import Crypto
import Metering
import Rounds
import Store

/// Which entries of a host lie in each round, and the root over their bytes.
///
/// An entry, a window's record or completions, lies in the round of its last nanosecond. Entries must
/// come host by host, as the store hands them out; in memory is one hash for each entry of one host.
struct RecordRoots {
    /// The entries of a run in a round.
    struct RunSpan: Hashable {
        let run: RunID
        private(set) var first: UInt64
        private(set) var last: UInt64
        private(set) var received: UInt64 = 0
        /// Sequences without a hole; the last of very many has all that follow, with their holes.
        private(set) var stretches: [RoundDocument.Stretch] = []
        private static let most = 64

        init(_ run: RunID, _ sequence: UInt64) {
            self.run = run
            first = sequence
            last = sequence
        }

        /// In the order of sequences.
        mutating func add(_ sequence: UInt64) {
            first = min(first, sequence)
            last = max(last, sequence)
            received += 1
            if let end = stretches.last?.last,
                end &+ 1 == sequence || stretches.count >= Self.most
            {
                stretches[stretches.count - 1].last = sequence
                stretches[stretches.count - 1].received += 1
            } else {
                stretches.append(.init(first: sequence, last: sequence, received: 1))
            }
        }

        /// As many as the sequences from the first to the last are.
        var expected: UInt64 { last - first + 1 }
    }

    /// A host's entries in a round.
    struct HostEntries: Hashable {
        /// In the order of the runs' numbers.
        let runs: [RunSpan]
        /// The root over the entries' bytes by run and sequence.
        let root: [UInt8]
    }

    private struct Leaf {
        let run: RunID
        let sequence: UInt64
        let hash: SHA256.Digest
    }

    private let period: Period
    /// The host whose entries come.
    private var host: String?
    private var leaves: [Int: [Leaf]] = [:]
    private var entries: [String: [Int: HostEntries]] = [:]

    init(_ period: Period) { self.period = period }

    mutating func add(_ stored: StoredRecord) {
        let end = max(stored.end.rawValue, stored.start.rawValue.addingClamped(1))
        let last = Timestamp(end - 1)
        guard last >= period.whole.start, last < period.whole.end else { return }
        if host != stored.agent { close() }
        host = stored.agent
        let round = Int(last.since(period.whole.start).rawValue / period.roundLength.rawValue)
        leaves[round, default: []].append(
            Leaf(
                run: stored.run, sequence: stored.sequence,
                hash: MerkleTree.leaf(stored.bytes)))
    }

    /// Takes what was added of the last host into the roots.
    mutating func close() {
        guard let host else { return }
        for (round, leaves) in leaves {
            var tree = MerkleTree()
            var runs: [RunSpan] = []
            for leaf in leaves.sorted(by: {
                ($0.run.rawValue, $0.sequence) < ($1.run.rawValue, $1.sequence)
            }) {
                tree.append(leaf: leaf.hash)
                if runs.last?.run != leaf.run { runs.append(RunSpan(leaf.run, leaf.sequence)) }
                runs[runs.count - 1].add(leaf.sequence)
            }
            entries[host, default: [:]][round] = HostEntries(runs: runs, root: tree.root)
        }
        self.host = nil
        leaves = [:]
    }

    /// `nil` where the host has none in the round.
    subscript(host: String, round: Int) -> HostEntries? { entries[host]?[round] }

    /// The root over a round: a leaf for each of these hosts with an entry in it, in this order, of its
    /// name in UTF-8, a zero byte and its root. `nil` where none has one.
    func root(of hosts: [String], in round: Int) -> [UInt8]? {
        var tree = MerkleTree()
        for host in hosts {
            guard let entries = self[host, round] else { continue }
            tree.append(Array(host.utf8) + [0] + entries.root)
        }
        return tree.count > 0 ? tree.root : nil
    }
}
