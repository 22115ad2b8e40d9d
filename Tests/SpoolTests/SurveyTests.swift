import Glibc
import Metering
import Testing

@testable import Spool

@Suite("A survey of the spool")
struct SurveyTests {
    private func survey(_ bench: Workbench, of names: [String] = ["c"]) throws -> SpoolSurvey {
        try SpoolSurvey(directory: bench.spool, identity: bench.identity, destinations: names)
    }

    private func filled(_ bench: Workbench, records: Int) throws -> Spool {
        let spool = try Spool(
            directory: bench.spool, identity: bench.identity, destinations: ["c"],
            limits: SpoolLimits(segmentBytes: 4096, synchronizes: false))
        try spool.use(manifest: [1, 2, 3])
        for number in 0..<records {
            _ = try spool.append([UInt8](repeating: UInt8(number % 251), count: 100))
        }
        return spool
    }

    @Test("tells what an open spool holds and that it is open, and changes nothing")
    func open() throws {
        let bench = try Workbench()
        let spool = try filled(bench, records: 100)
        try spool.acknowledge(through: 40, by: "c")
        let before = try bench.snapshot()
        let survey = try survey(bench, of: ["c", "new"])
        #expect(survey.exists && survey.isInUse)
        #expect(survey.bytes == spool.bytes)
        #expect(survey.unreadable.isEmpty)
        #expect(survey.waiting == [60, nil])
        #expect(survey.parts.allSatisfy { $0.manifest == [1, 2, 3] })
        let records = survey.parts.flatMap(\.records)
        #expect(records.last == [UInt8](repeating: 99, count: 100))
        #expect(records.count <= 100 && records.count > 40)
        #expect(try bench.snapshot() == before)
        // It does not keep the lock.
        #expect(try self.survey(bench).isInUse)
    }

    @Test("tells that a closed spool is closed, and lets it be opened")
    func closed() throws {
        let bench = try Workbench()
        do { _ = try filled(bench, records: 5) }
        #expect(try survey(bench).isInUse == false)
        _ = try filled(bench, records: 1)
    }

    @Test("names files that the next start would move aside, and leaves them")
    func damaged() throws {
        let bench = try Workbench()
        do { _ = try filled(bench, records: 100) }
        let names = try bench.segments
        #expect(names.count > 2)
        try bench.write(names[1], Array("no spool at all".utf8))
        let survey = try survey(bench)
        #expect(survey.unreadable == [names[1]])
        #expect(try bench.segments == names)
        #expect(try bench.damaged.isEmpty)
    }

    @Test("leaves out a damaged record, and tells the bytes of a last one", arguments: [1, 3, 5])
    func damagedRecord(number: Int) throws {
        let bench = try Workbench()
        do { _ = try filled(bench, records: 5) }
        #expect(try survey(bench).parts.map(\.unreadBytes) == [0])
        let name = try #require(try bench.segments.first)
        var bytes = try bench.read(name)
        let record = [UInt8](repeating: UInt8(number - 1), count: 100)
        bytes[try #require(bytes.firstRange(of: record)).lowerBound + 50] ^= 0x80
        try bench.write(name, bytes)
        let part = try #require(try survey(bench).parts.first)
        #expect(part.records.compactMap(\.first) == (0..<5).filter { $0 != number - 1 })
        #expect((part.unreadBytes >= 100) == (number == 5))
    }

    @Test("refuses what a newer version wrote")
    func newer() throws {
        let bench = try Workbench()
        do { _ = try filled(bench, records: 5) }
        let name = try #require(try bench.segments.first)
        var bytes = try bench.read(name)
        bytes[8] = 77
        let end = Int(bytes.littleEndian(at: 12) as UInt32) - 4
        let sum = bytes.checksum(from: 0, to: end)
        bytes.replaceSubrange(
            end..<end + 4, with: (0..<4).map { UInt8(truncatingIfNeeded: sum >> (8 * $0)) })
        try bench.write(name, bytes)
        #expect(throws: SpoolError.unknownFormat(path: bench.spool + "/" + name, version: 77)) {
            try survey(bench)
        }
    }

    @Test("of nothing is empty")
    func nothing() throws {
        let bench = try Workbench()
        let survey = try survey(bench)
        #expect(!survey.exists && !survey.isInUse && survey.parts.isEmpty && survey.bytes == 0)
        #expect(survey.waiting == [nil])
    }
}
