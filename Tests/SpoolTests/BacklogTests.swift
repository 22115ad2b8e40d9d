import Chain
import Metering
import Testing

@testable import Spool

@Suite("Thirty days without network")
struct BacklogTests {
    // A build without optimisation does a tenth of it, in a tenth of the bytes.
    #if DEBUG
        private static let part = 10
    #else
        private static let part = 1
    #endif
    /// 10 s windows of 30 days.
    private static let windows = UInt64(259_200 / part)

    /// Bytes of a typical record, each different.
    private func typicalRecord(_ number: UInt64) -> [UInt8] {
        var record = [UInt8](repeating: 0xA5, count: 170)
        for index in 0..<8 { record[index * 20] = UInt8(truncatingIfNeeded: number >> (8 * index)) }
        return record
    }

    @Test("are kept whole within 64 MiB, and read back in order with a chain that holds")
    func wholeMonth() throws {
        let bench = try Workbench()
        let whole = SpoolLimits()
        #expect(whole.totalBytes == 64 << 20)
        let limits = SpoolLimits(
            segmentBytes: whole.segmentBytes / Self.part, totalBytes: whole.totalBytes / Self.part,
            maximumAge: whole.maximumAge, synchronizes: false)
        let manifest = [UInt8](repeating: 1, count: 900)
        let spool = try bench.open(limits)
        try spool.use(manifest: manifest)
        for number in 1...Self.windows {
            bench.uptime += 10_000_000_000 * UInt64(Self.part)
            _ = try spool.append(typicalRecord(number))
        }
        #expect(spool.dropped == 0)
        let disk = try bench.segments.map { try bench.read($0).count }.reduce(0, +)
        #expect(disk <= limits.totalBytes)
        var head = ChainHead(startOf: spool.run.rawValue, after: nil)
        var next: UInt64 = 1
        while let batch = try spool.batch(from: next, maximumRecords: 500, maximumBytes: 256 << 10)
        {
            try #require(batch.first == next && batch.previous == head)
            for record in batch.records {
                guard record == typicalRecord(next) else {
                    Issue.record("record \(next) is another")
                    return
                }
                next += 1
            }
            head = head.appending(batch.records)
        }
        #expect(next == Self.windows + 1)
    }
}
