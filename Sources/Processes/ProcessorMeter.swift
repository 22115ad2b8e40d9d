// Hot path: `read` runs every second. `look` alone allocates.
import Glibc
internal import KernelFiles
package import Metering

/// Reads the host's busy time and the services' CPU time, and cuts them at window boundaries.
///
/// Consecutive windows add up to the counters' differences exactly; see `Timeline`.
package struct ProcessorMeter: ~Copyable, Sendable {
    /// The `cpu` lines of `/proc/stat` that are read, at first and at most: some 40,000 CPUs.
    private static let hostTextLimit = (first: 16_384, most: 4 << 20)
    /// `cpu.stat` and `/proc/PID/stat` have some hundred bytes.
    private static let serviceTextLimit = 4096

    private let finder: ServiceFinder
    private let ticksPerSecond: UInt64
    private var hostFiles = FileTable(limit: hostTextLimit.first)
    private var serviceFiles = FileTable(limit: serviceTextLimit)
    private var hostFile: FileTable.Handle
    private var host: HostBusy
    private var services: [ServiceTime]
    private var hasLooked = false
    /// When services were compared, of which processes may move.
    private var comparedAt: Nanoseconds?
    private var boundary: Nanoseconds
    /// Whether there was a reading since the latest boundary.
    private var hasRead = false

    /// Processes that are asked for their cgroups at the end of each window, however short it is.
    private static let comparisonLimit = 256

    /// A meter whose first window begins at `start`: the time of the first reading, or that
    /// window is unknown.
    ///
    /// - Parameters:
    ///   - procfs: the root that plays `/proc`.
    ///   - ticksPerSecond: USER_HZ.
    package init(
        procfs: String, services: [ServiceSource], from start: Nanoseconds,
        ticksPerSecond: UInt64 = systemTicksPerSecond(),
        listeners: @escaping ListenerQuery = kernelListeners
    ) {
        finder = ServiceFinder(procfs: procfs, listeners: listeners)
        self.ticksPerSecond = ticksPerSecond
        hostFile = hostFiles.add(procfs + "/stat")
        host = HostBusy(from: start)
        boundary = start
        self.services = services.map { ServiceTime($0, from: start) }
    }

    /// Reads every counter once. The first time, services are looked for.
    ///
    /// - Parameters:
    ///   - now: CLOCK_BOOTTIME.
    ///   - awake: CLOCK_MONOTONIC; `now` where the host was never suspended.
    package mutating func read(now: Nanoseconds, awake: Nanoseconds? = nil) {
        if !hasLooked { look(now: now) }
        hasRead = true
        readHost(now, awake: awake ?? now)
        for index in services.indices {
            services[index].read(&serviceFiles, ticksPerSecond: ticksPerSecond, now: now)
        }
    }

    /// Looks for those services that are due: every ten seconds, and where something of one was lost.
    ///
    /// On a busy host with many processes this may take long. It comes behind the readings of a
    /// tick, which belong to the time that was read before them.
    ///
    /// - Parameter now: CLOCK_BOOTTIME, from before the look.
    package mutating func look(now: Nanoseconds) {
        hasLooked = true
        var hasNews =
            comparedAt.map { now.subtractingClamped($0) >= ServiceTime.lookInterval } ?? true
        let due = services.indices.filter { services[$0].isLookDue(now) }
        if !due.isEmpty {
            let finder = finder.asked()
            for index in due { services[index].look(&serviceFiles, finder, now) }
            hasNews = true
        }
        guard hasNews else { return }
        comparedAt = now
        if services.count > 1 { noteShared() }
    }

    /// Finds the services that read what another does: their times would count twice.
    private mutating func noteShared() {
        var owner: [CPUTimeFile: Int] = [:]
        var shared = Set<Int>()
        func note(_ file: CPUTimeFile, _ index: Int) {
            guard let other = owner[file], other != index else { return }
            shared.formUnion([index, other])
        }
        for index in services.indices {
            for file in services[index].files {
                note(file, index)
                owner[file] = index
            }
        }
        // Cgroups of version 2 tell what they are inside of by their names.
        let isByName = services.allSatisfy { $0.files.allSatisfy(\.isOfVersion2) }
        let mounts = isByName ? nil : CgroupMounts(procfs: finder.procfs)
        for index in services.indices {
            for file in services[index].files { around(file, mounts).forEach { note($0, index) } }
        }
        for index in services.indices { services[index].isShared = shared.contains(index) }
    }

    /// The cgroups whose time has that of `file`, or of a part of it.
    private func around(_ file: CPUTimeFile, _ mounts: CgroupMounts?) -> [CPUTimeFile] {
        let processes: [UInt64]
        switch file {
        case .cgroup2: return file.above
        case .cgroup1(let folder): processes = processesOfCgroup(folder)
        case .process(let process, _): processes = [process]
        }
        let own = processes.flatMap { mounts?.cgroups(of: $0, procfs: finder.procfs) ?? [] }
        return file.above + Set(own).flatMap { [$0] + $0.above }.filter { $0 != file }
    }

    /// Looks again at a window's end for what may have changed in it, before its record tells a time: a
    /// record that was sent cannot be taken back. One question to the kernel, and of processes one file
    /// each; all of `/proc` no more often than without it.
    private mutating func lookAtEnd(_ end: Nanoseconds) {
        let length = end.subtractingClamped(boundary)
        let asking = services.contains { $0.source.ports != nil }
        let finder = asking ? finder.asked() : finder
        let listeners = asking ? try? finder.listeners() : nil
        let due = services.indices.filter {
            services[$0].isLookDue(end, atEndOf: length, listeners)
        }
        for index in due { services[index].look(&serviceFiles, finder, end) }
        let age = comparedAt.map { end.subtractingClamped($0) } ?? ServiceTime.lookInterval
        guard services.count > 1,
            !due.isEmpty || isComparedAtOnce || age >= ServiceTime.patience(length)
        else { return }
        comparedAt = end
        noteShared()
    }

    /// Whether few processes have to be asked in order to compare services.
    private var isComparedAtOnce: Bool {
        var processes = 0
        for service in services {
            for file in service.files {
                switch file {
                case .cgroup2: break
                case .cgroup1: return false
                case .process: processes += 1
                }
            }
        }
        return processes <= Self.comparisonLimit
    }

    /// The CPU time from the last boundary to this one. Of services that are shared at this one, or run in
    /// another cgroup by then, it is unknown.
    package mutating func close(at end: Nanoseconds) -> ProcessorTime {
        if hasRead { lookAtEnd(end) }
        hasRead = false
        boundary = end
        let busy = host.close(at: end)
        return ProcessorTime(
            hostBusy: busy, services: services.indices.map { services[$0].close(at: end) })
    }

    /// What the host did since the first reading, as of the latest.
    package var load: Known<HostLoad, ProcessorUnknown> {
        host.failure.map { .unknown($0) } ?? .known(host.load)
    }

    /// The files that a service's CPU time is read from at the moment.
    package func paths(ofService index: Int) -> [String] { services[index].paths }

    private mutating func readHost(_ now: Nanoseconds, awake: Nanoseconds) {
        do {
            var count = try hostFiles.readPrefix(hostFile)
            while count == hostFiles.buffer.count,
                !HostBusy.Reading.isComplete(hostFiles.buffer, count: count),
                hostFiles.growBuffer(limit: Self.hostTextLimit.most)
            {
                count = try hostFiles.readPrefix(hostFile)
            }
            let reading = HostBusy.Reading(
                hostFiles.buffer, count: count, ticksPerSecond: ticksPerSecond)
            if let reading {
                host.note(reading, at: now, awake: awake)
            } else {
                host.fail(.malformed)
            }
        } catch {
            host.fail(error == .missing ? .notFound : ProcessorUnknown(error))
            hostFiles.remove(hostFile)
            hostFile = hostFiles.add(finder.procfs + "/stat")
        }
    }
}

/// USER_HZ of this system: 100 on all that run Linux on servers.
package func systemTicksPerSecond() -> UInt64 {
    UInt64(exactly: sysconf(Int32(_SC_CLK_TCK))) ?? 100
}
