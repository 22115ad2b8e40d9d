import Metering
import Store

/// What the hosts of a ``PlanFleet`` send, in batches of a round each, with the time at which each comes.
struct Deliveries {
    struct Delivery {
        let host: String
        let first: UInt64
        let records: [[UInt8]]
        let at: Timestamp
    }

    private let sent: [String: PlanFleet.HostRecords]
    let all: [Delivery]

    static func end(_ round: Int) -> UInt64 {
        PlanFleet.start + UInt64(round + 1) * PlanFleet.length
    }

    /// Batches come within the grace of 10 s after their round's end, in any order.
    init(seed: UInt64) throws {
        var random = SeededNumbers(seed)
        var sent: [String: PlanFleet.HostRecords] = [:]
        var all: [Delivery] = []
        for host in PlanFleet.hosts {
            let records = try PlanFleet.records(of: host)
            // Makes the chain known, in whatever order its parts are sent.
            _ = try records.signer.batch(records.records, from: 1)
            sent[host] = records
            var at = 0
            while at < records.records.count {
                let round = records.windows[at] / PlanFleet.windows
                let inRound = records.windows[at...].prefix { $0 / PlanFleet.windows == round }
                let count = min(inRound.count, Int.random(in: 1...30, using: &random))
                let late = UInt64.random(in: 0...10_000_000_000, using: &random)
                all.append(
                    Delivery(
                        host: host, first: UInt64(at + 1),
                        records: Array(records.records[at..<at + count]),
                        at: Timestamp(Self.end(round) + late)))
                at += count
            }
        }
        self.sent = sent
        self.all = all.shuffled(using: &random).sorted { $0.at < $1.at }
    }

    func deliver(_ one: Delivery, to store: SQLiteRecordStore) throws {
        guard let host = sent[one.host] else { return }
        try host.signer.keep(
            one.records, from: one.first, under: host.manifest, in: store, at: one.at)
    }

    /// All but a window of a host, which comes alone, at a time of its own.
    func hold(_ window: Int, of host: String, until late: Timestamp) -> [Delivery] {
        guard let sent = sent[host], let at = sent.windows.firstIndex(of: window) else {
            return all
        }
        let sequence = UInt64(at + 1)
        return all.flatMap { one -> [Delivery] in
            let last = one.first + UInt64(one.records.count) - 1
            guard one.host == host, (one.first...last).contains(sequence) else { return [one] }
            let before = Int(sequence - one.first)
            let parts = [
                Delivery(
                    host: host, first: one.first, records: Array(one.records.prefix(before)),
                    at: one.at),
                Delivery(
                    host: host, first: sequence + 1,
                    records: Array(one.records.dropFirst(before + 1)), at: one.at),
                Delivery(host: host, first: sequence, records: [one.records[before]], at: late),
            ]
            return parts.filter { !$0.records.isEmpty }
        }
    }
}
