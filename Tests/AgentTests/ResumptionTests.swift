import Glibc
import Metering
import Testing

@testable import Agent
@testable import EnergySources

private let second: UInt64 = 1_000_000_000

private func reading(_ seconds: UInt64, ahead: UInt64 = 0) -> ClockReading {
    ClockReading(
        realtime: Timestamp((1_800_000_000 + seconds + ahead) * second),
        boottime: .seconds(seconds), monotonic: .seconds(seconds))
}

private func baseline(_ seconds: UInt64) -> MeterBaseline {
    MeterBaseline(
        boundary: WindowBoundary(
            label: Timestamp((1_800_000_000 + seconds) * second), boottime: .seconds(seconds),
            clock: reading(seconds)),
        zones: [
            ZoneBaseline(
                control: "intel-rapl", name: "package-0", parent: "", ordinal: 0,
                value: seconds * 1_000_000, readAt: .seconds(seconds),
                awakeAt: .seconds(seconds), beyond: 5)
        ], pending: CarriedEnergy(energy: Microjoules(3), time: .seconds(10)))
}

@Suite("A run goes on from another")
struct ResumptionTests {
    private let stored = Baselines(
        bootID: "b1", sysfs: "/sys", boundaries: [baseline(110), baseline(100)])

    private func resumption(
        after seconds: UInt64?, _ stored: Baselines?, boot: String = "b1", sysfs: String = "/sys"
    ) -> Resumption {
        Resumption(
            after: seconds.map { Timestamp((1_800_000_000 + $0) * second) }, stored: stored,
            bootID: boot, sysfs: sysfs)
    }

    @Test("from the baseline of the record that was kept last, be it the newest or the one before")
    func matching() {
        for seconds in [110, 100] as [UInt64] {
            guard case .from(let found) = resumption(after: seconds, stored) else {
                Issue.record("no baseline for \(seconds)")
                continue
            }
            #expect(found == baseline(seconds))
        }
        // Without a record, as after the spool was lost, the newest is as good as any.
        guard case .from(baseline(110)) = resumption(after: nil, stored) else {
            Issue.record("no baseline without a record")
            return
        }
    }

    @Test("with the labels alone where the counters say nothing: another boot, root or record")
    func labelsAlone() {
        let end = Timestamp((1_800_000_000 + 110) * second)
        let cases = [
            resumption(after: 110, stored, boot: "b2"), resumption(after: 110, stored, boot: ""),
            resumption(after: 110, stored, sysfs: "/tmp/sys"), resumption(after: 110, nil),
        ]
        for found in cases {
            guard case .afterRecord(end) = found else {
                Issue.record("\(found)")
                continue
            }
        }
        guard case .afterRecord = resumption(after: 90, stored) else {
            Issue.record("a baseline that fits no record was taken")
            return
        }
        guard case .none = resumption(after: nil, nil) else {
            Issue.record("something was resumed from nothing")
            return
        }
    }

    @Test("missed windows tile the time between the runs and are flagged, whatever the clocks did")
    func tiling() {
        for ahead in [0, 3, 4000] as [UInt64] {
            let start = reading(147, ahead: ahead)
            let found = resumption(after: 110, stored).limited(to: start, length: .seconds(10))
            let (open, missed) = found.windows(from: start, length: .seconds(10))
            #expect(missed.first?.window.start == baseline(110).boundary.label)
            for (one, next) in zip(missed, missed.dropFirst()) {
                #expect(one.window.end == next.window.start)
            }
            #expect(missed.last?.window.end == start.realtime)
            #expect(open.start == start.realtime)
            #expect(missed.allSatisfy { $0.flags.contains(.agentStopped) })
            let total = missed.reduce(UInt64(0)) { $0 + $1.window.duration.rawValue }
            #expect(total == 37 * second)
        }
    }

    @Test("after another boot durations are the labels', and a stop of years is cut to a bound")
    func otherBoot() {
        let start = reading(5, ahead: 400)
        let (open, missed) = resumption(after: 110, stored, boot: "b2")
            .windows(from: start, length: .seconds(10))
        #expect(missed.first?.window.start == baseline(110).boundary.label)
        #expect(missed.last?.window.end == start.realtime)
        #expect(open.start == start.realtime)
        #expect(
            missed.allSatisfy { $0.window.duration == $0.window.end.since($0.window.start) })
        let years = reading(5, ahead: 200_000_000)
        let late = resumption(after: 110, stored, boot: "b2")
            .windows(from: years, length: .seconds(10)).missed
        #expect(late.count <= WindowSequence.maximumMissed + 1)
        #expect(late.last?.window.end == years.realtime)
        let same = resumption(after: 110, stored).limited(
            to: reading(300_000), length: .seconds(10))
        guard case .afterRecord = same else {
            Issue.record("a baseline of days ago was taken")
            return
        }
    }

    @Test("a clock that was set back before the latest record gives no window twice")
    func setBack() {
        let start = ClockReading(
            realtime: Timestamp((1_800_000_000 + 50) * second), boottime: .seconds(5),
            monotonic: .seconds(5))
        let (open, missed) = resumption(after: 110, stored, boot: "b2")
            .windows(from: start, length: .seconds(10))
        #expect(missed.isEmpty)
        #expect(open.start == start.realtime)
    }

    @Test("a clock that was set back a little keeps the labels in order, and the window says so")
    func setBackALittle() {
        let start = ClockReading(
            realtime: Timestamp((1_800_000_000 + 108) * second), boottime: .seconds(114),
            monotonic: .seconds(114))
        let found = resumption(after: 110, stored).limited(to: start, length: .seconds(10))
        var (open, missed) = found.windows(from: start, length: .seconds(10))
        #expect(missed.last?.window.end == open.start)
        let later = ClockReading(
            realtime: Timestamp((1_800_000_000 + 121) * second), boottime: .seconds(127),
            monotonic: .seconds(127))
        let first = open.advance(to: later).first
        // All of the time without an agent lies in the windows before.
        #expect(missed.reduce(UInt64(0)) { $0 + $1.window.duration.rawValue } == 4 * second)
        #expect(first?.flags.contains(.agentStopped) == false)
        #expect(first?.flags.contains(.clockStepped) == true)
    }

    @Test("what is stored comes back, and a damaged or hostile file counts as missing")
    func storing() throws {
        var template = Array("/tmp/jouleflow-state-XXXXXX".utf8CString)
        let folder = try #require(mkdtemp(&template).map { String(cString: $0) })
        defer {
            unlink(folder + "/baselines")
            rmdir(folder)
        }
        let file = StateFile(path: folder + "/baselines", synchronizes: false)
        func found() -> Baselines? {
            file.read(as: Jouleflow_State_V1_Baselines.self).map(Baselines.init)
        }
        #expect(found() == nil)
        try file.write(stored.message)
        #expect(found() == stored)
        var status = stat()
        #expect(stat(file.path, &status) == 0 && status.st_mode & 0o777 == 0o600)
        let size = Int(status.st_size)
        for cut in 0..<size {
            truncate(file.path, off_t(cut))
            #expect(found() == nil)
            try file.write(stored.message)
        }
        let descriptor = open(file.path, O_WRONLY)
        pwrite(descriptor, [UInt8(0xFF)], 1, off_t(size / 2))
        close(descriptor)
        #expect(found() == nil)
        // A checksum is no proof against malice: any numbers must do no harm.
        var message = stored.message
        message.boundaries[0].label = .max
        message.boundaries[0].boottime = .max
        message.boundaries[0].clockBoottime = 0
        message.boundaries[0].zones[0].value = .max
        message.boundaries[0].zones[0].beyond = .max
        message.boundaries[0].pendingEnergy = .max
        try file.write(message)
        let hostile = Resumption(after: nil, stored: found(), bootID: "b1", sysfs: "/sys")
            .limited(to: reading(200), length: .seconds(10))
        #expect(hostile.windows(from: reading(200), length: .seconds(10)).missed.isEmpty)
    }

    @Test("a FIFO in the way of a state file is an error, and nothing waits for its reader")
    func fifo() throws {
        var template = Array("/tmp/jouleflow-state-XXXXXX".utf8CString)
        let folder = try #require(mkdtemp(&template).map { String(cString: $0) })
        let file = StateFile(path: folder + "/baselines", synchronizes: false)
        defer {
            unlink(file.path + ".new")
            rmdir(folder)
        }
        #expect(mkfifo(file.path + ".new", 0o600) == 0)
        #expect(throws: StateFileError.self) { try file.write(stored.message) }
    }
}
