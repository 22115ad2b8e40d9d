import Foundation

/// What the records of a store say of each window, read by Python from their bytes.
struct StoredWindow: Decodable, CustomStringConvertible {
    /// Seconds since 1970.
    let start: Double
    let end: Double
    let flags: Int
    let packets: Int
    let servicePackets: Int
    let exchanges: Int
    let kernelDrops: Int
    let undatedDrops: Int
    let shed: Int
    /// Nanoseconds.
    let uncaptured: Int
    let late: Int
    let gaps: Int
    let notCaptured: Bool

    var isDoubtful: Bool { flags & 1 << 6 != 0 }
    var isDegraded: Bool { flags & 1 << 8 != 0 }

    var description: String {
        """
        \(start)…\(end) flags \(flags) packets \(packets) parsed \(servicePackets) exchanges \
        \(exchanges) drops \(kernelDrops) undated \(undatedDrops) away \(uncaptured) late \(late) \
        gaps \(gaps)\(notCaptured ? " not captured" : "")
        """
    }

    /// The windows in their order.
    static func all(in store: String) throws -> [StoredWindow] {
        let outcome = try Host.run(
            ["python3", "-c", script, "\(Host.sources)/scripts", store], within: 20)
        guard outcome.status == 0 else { throw Trouble("reading \(store): \(outcome.said)") }
        return try JSONDecoder().decode([StoredWindow].self, from: Data(outcome.printed.utf8))
    }

    private static let script = """
        import json, sqlite3, sys
        sys.path.insert(0, sys.argv[1])
        sys.dont_write_bytecode = True
        from recompute import column, fields, number
        store = sqlite3.connect(f"file:{sys.argv[2]}?mode=ro", uri=True)
        windows = []
        for frame, in store.execute("SELECT bytes FROM records ORDER BY start_ns"):
            record = fields(frame[8:])
            losses = fields(record[35][-1]) if 35 in record else {}
            start = number(record, 4) + number(record, 19) / 1e9
            packets = number(record, 15)
            windows.append({
                "start": start, "end": start + number(record, 5) + number(record, 20) / 1e9,
                "flags": number(record, 21), "packets": packets,
                "servicePackets": sum(column(record, 32, 1, packets)),
                "exchanges": number(record, 16), "kernelDrops": number(losses, 1),
                "undatedDrops": number(losses, 12), "shed": number(losses, 14),
                "uncaptured": number(losses, 11),
                "late": number(losses, 10), "gaps": number(losses, 3),
                "notCaptured": 4 in column(record, 29, number(record, 11), 1),
            })
        print(json.dumps(windows))
        """
}
