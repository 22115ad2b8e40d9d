import Foundation
import Glibc
internal import Metering

/// What the demonstration is asked to do.
package struct DemoOptions: Sendable {
    /// The folder of the programs.
    package var programs: String
    /// Seconds of load.
    package var seconds: Int
    /// The folder to work in: new or empty; `nil` for a temporary one.
    package var work: String?

    package init(programs: String, seconds: Int, work: String?) {
        self.programs = programs
        self.seconds = seconds
        self.work = work
    }
}

/// The whole job on real traffic: application, load, counters, agent, collector and report.
package final class Demo {
    private let options: DemoOptions
    private let signals: StopSignals
    /// Whether the energy comes from a simulated tree, as this host shows no counters.
    package let simulated: Bool
    /// The folder with settings, logs and the store.
    package let work: String
    private let guardian: ChildGuard
    private var children: [ChildProcess] = []

    /// How long a program may take to get ready, and the last window to be stored.
    private static let patience = Nanoseconds.seconds(20)
    /// The counter whose readability decides between real and simulated energy.
    private static let realCounter = "/sys/class/powercap/intel-rapl:0/energy_uj"

    /// Checks programs and rights and makes the work folder. Starts nothing but the guard.
    package init(_ options: DemoOptions, signals: StopSignals) throws {
        for name in ["jouleflow-agent", "jouleflow-collector", "jouleflow-lab"] {
            let path = "\(options.programs)/\(name)"
            if access(path, X_OK) != 0 { throw DemoFailure.missingProgram(path: path) }
        }
        let agent = "\(options.programs)/jouleflow-agent"
        guard CaptureRight.holds(program: agent) else {
            throw DemoFailure.noCaptureRight(agent: agent)
        }
        self.options = options
        self.signals = signals
        simulated = (try? SmallFile.text(Self.realCounter)) == nil
        work = try Self.makeWork(options.work)
        guardian = try ChildGuard()
    }

    /// Runs it all. Nothing it started is left, however it ends.
    package func run() throws -> DemoOutcome {
        defer { for child in children.reversed() { child.finish() } }
        let ports = try LoopbackPort.free(2)
        let settings = DemoSettings(
            work: work, appPort: ports[0], collectorPort: ports[1], simulated: simulated)
        try SmallFile.write(settings.agent, to: work + "/agent.yaml", mode: 0o600)
        try SmallFile.write(settings.collector, to: work + "/collector.yaml", mode: 0o600)
        let agent = try startAll(settings)

        let grid = Nanoseconds.seconds(DemoSettings.windowSeconds)
        let from = LabClock.wall.roundedUp(to: grid)
        try pause(for: from.since(LabClock.wall), "waiting for the next window")
        let load = try runLoad(port: settings.appPort)
        let to = LabClock.wall.roundedUp(to: grid)
        // One window more: the last one of the period is then closed and on its way.
        try pause(for: (to + grid).since(LabClock.wall), "waiting for the last window")
        let stored = try waitUntilStored(from: from, to: to)
        let peak = agent.peakMemory
        let stopped = LabClock.boot
        agent.terminate()
        try wait(for: agent, to: "end", limit: .seconds(10))
        let stopSeconds = LabClock.boot.subtractingClamped(stopped).seconds
        guard let end = agent.end, end.status == 0 else {
            throw failure(agent, "ended with status \(agent.end?.status ?? -1)")
        }
        return DemoOutcome(
            simulated: simulated,
            period: DemoOutcome.Period(
                from: from.utc, to: to.utc, round: "\(Int(to.since(from).seconds))s"), load: load,
            report: stored,
            agent: DemoOutcome.Agent(
                cpuSeconds: end.cpuSeconds, peakBytes: peak, stopSeconds: stopSeconds))
    }

    /// Copies the collector's store, whose programs have ended, in place of what `path` held.
    package func copyStore(to path: String) throws {
        let files = FileManager.default
        // SQLite would take an old log beside the new file for its own.
        for name in [path, path + "-wal", path + "-shm"] where files.fileExists(atPath: name) {
            try files.removeItem(atPath: name)
        }
        try files.copyItem(atPath: work + "/collector.db", toPath: path)
    }

    /// Removes the work folder.
    package func removeWork() throws(SystemFailure) { try SmallFile.remove(work) }

    private func startAll(_ settings: DemoSettings) throws -> ChildProcess {
        let run = ["run", "--config"]
        try start("collector", "jouleflow-collector", run + [work + "/collector.yaml"])
        let bound = "\(options.seconds + 300)s"
        try start("app", "jouleflow-lab", ["app", "--port", "\(settings.appPort)", "--for", bound])
        if simulated {
            try start(
                "powercap", "jouleflow-lab",
                [
                    "powercap", "--root", work + "/sys", "--idle-watts",
                    "\(DemoSettings.idleWatts)", "--truth", work + "/powercap.json", "--for", bound,
                ])
        }
        return try start("agent", "jouleflow-agent", run + [work + "/agent.yaml"])
    }

    /// Starts a program and waits until its log says that it is ready.
    @discardableResult
    private func start(
        _ name: String, _ program: String, _ arguments: [String]
    ) throws -> ChildProcess {
        let child = try launch(name, program, arguments)
        let limit = LabClock.boot + Self.patience
        while (try? SmallFile.text(child.log))?.contains("ready") != true {
            guard child.isRunning else { throw failure(child, "ended before it was ready") }
            if LabClock.boot >= limit {
                throw failure(child, "was not ready after \(Self.patience.seconds) s")
            }
            try pause(for: .milliseconds(50))
        }
        say("  \(name) ready")
        return child
    }

    private func launch(
        _ name: String, _ program: String, _ arguments: [String]
    ) throws -> ChildProcess {
        let child = try ChildProcess(
            name: name, program: "\(options.programs)/\(program)", arguments: arguments,
            folder: work, guardian: guardian)
        children.append(child)
        return child
    }

    private func runLoad(port: UInt16) throws -> LoadResult {
        let load = try launch(
            "load", "jouleflow-lab",
            [
                "load", "--port", "\(port)", "--seconds", "\(options.seconds)", "--format", "json",
                "--progress",
            ])
        let end = LabClock.boot + .seconds(UInt64(options.seconds))
        while load.isRunning {
            let left = Int(end.subtractingClamped(LabClock.boot).seconds.rounded(.up))
            show("load: \(left) s left, \(Self.flows(load.log)) flows")
            try checkOthers(than: load)
            if LabClock.boot > end + Self.patience { throw failure(load, "did not end") }
            try pause(for: .milliseconds(Console.output.isTerminal ? 500 : 100))
        }
        guard load.end?.status == 0 else {
            throw failure(load, "ended with status \(load.end?.status ?? -1)")
        }
        show("load: \(Self.flows(load.log)) flows sent", last: true)
        let bytes = try SmallFile.bytes(load.output)
        do {
            return try JSONDecoder().decode(LoadResult.self, from: Data(bytes))
        } catch {
            throw DemoFailure.unreadable(name: load.output, what: "\(error)")
        }
    }

    /// Asks for the report until it covers the whole period, or patience ends: then what there is
    /// counts, with its coverage.
    private func waitUntilStored(from: Timestamp, to: Timestamp) throws -> DemoReport {
        let limit = LabClock.boot + Self.patience
        while true {
            let report = try askReport(from: from, to: to)
            if report.isComplete || LabClock.boot >= limit { return report }
            try pause(for: .milliseconds(1000), "waiting for the last window to be stored")
        }
    }

    private func askReport(from: Timestamp, to: Timestamp) throws -> DemoReport {
        let seconds = Int(to.since(from).seconds)
        let report = try launch(
            "report", "jouleflow-collector",
            [
                "report", "--store", work + "/collector.db", "--from", from.utc, "--to", to.utc,
                "--round", "\(seconds)s", "--factor", "全国-2023-average", "--format", "json",
            ])
        try wait(for: report, to: "end", limit: Self.patience)
        children.removeLast()
        guard report.end?.status == 0 else {
            throw failure(report, "ended with status \(report.end?.status ?? -1)")
        }
        return try DemoReport(path: report.output)
    }

    private func wait(for child: ChildProcess, to what: String, limit: Nanoseconds) throws {
        let end = LabClock.boot + limit
        while child.isRunning {
            if LabClock.boot >= end {
                throw failure(child, "did not \(what) within \(limit.seconds) s")
            }
            try pause(for: .milliseconds(20))
        }
    }

    private func checkOthers(than child: ChildProcess) throws {
        for other in children where other !== child && !other.isRunning {
            throw failure(other, "ended with status \(other.end?.status ?? -1) during the load")
        }
    }

    private func failure(_ child: ChildProcess, _ what: String) -> DemoFailure {
        .program(name: child.name, what: what, tail: child.tail)
    }

    private func pause(for length: Nanoseconds, _ what: String? = nil) throws(DemoFailure) {
        if let what { say("  \(what)") }
        if let signal = signals.wait(for: length) { throw .interrupted(signal: signal) }
    }

    private var lastShown = Nanoseconds.zero

    /// A line of progress: drawn over on a terminal, every five seconds elsewhere.
    private func show(_ line: String, last: Bool = false) {
        if Console.output.isTerminal {
            Console.output.write("\r  \(line)\u{1B}[K" + (last ? "\n" : ""))
        } else if last || LabClock.boot.subtractingClamped(lastShown) >= .seconds(5) {
            lastShown = LabClock.boot
            say("  \(line)")
        }
    }

    /// The flows of the load's last progress line.
    private static func flows(_ log: String) -> Substring {
        let lines = (try? SmallFile.text(log))?.split(separator: "\n") ?? []
        let last = lines.last { $0.hasPrefix("progress ") }
        return last?.split(separator: "flows=").last ?? "0"
    }

    private static func makeWork(_ wanted: String?) throws -> String {
        guard let wanted else {
            var path = Array("/tmp/jouleflow-demo.XXXXXX\0".utf8CString)
            guard mkdtemp(&path) != nil else {
                throw DemoFailure.system(SystemFailure("mkdtemp", "/tmp", errno: errno))
            }
            return path.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } } ?? ""
        }
        try SmallFile.makeFolder(wanted)
        guard try SmallFile.names(in: wanted).isEmpty else { throw DemoFailure.workInUse(wanted) }
        guard let path = realpath(wanted, nil) else {
            throw DemoFailure.system(SystemFailure("realpath", wanted, errno: errno))
        }
        defer { free(path) }
        return String(cString: path)
    }
}

extension Timestamp {
    /// The next multiple of `grid` since 1970, or this time where it is one.
    fileprivate func roundedUp(to grid: Nanoseconds) -> Timestamp {
        let rest = rawValue % grid.rawValue
        return rest == 0 ? self : self + Nanoseconds(grid.rawValue - rest)
    }

    /// The whole second in ISO 8601.
    fileprivate var utc: String {
        Date(timeIntervalSince1970: Double(rawValue / 1_000_000_000))
            .formatted(.iso8601)
    }
}
