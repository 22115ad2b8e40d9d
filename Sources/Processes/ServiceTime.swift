// Hot path: `read` runs every second and does not allocate. `look` may.
internal import KernelFiles
internal import Metering

/// Where a service's CPU time is read.
package enum ServiceSource: Sendable, Hashable {
    /// A cgroup's folder, version 2 or 1 (cpuacct), by its absolute path.
    case cgroupPath(String)
    /// The cgroup (version 2) of the sockets that listen on these ports.
    case cgroupOfPorts([UInt16])
    /// The processes that hold the sockets which listen on these ports. Not those of their children
    /// that do not hold them.
    case processOfPorts([UInt16])
    /// No CPU time of its own: calls to it are the work of others.
    case callers

    /// The ports whose sockets say where it runs; `nil` where that was told.
    var ports: [UInt16]? {
        switch self {
        case .cgroupOfPorts(let ports), .processOfPorts(let ports): ports
        case .cgroupPath, .callers: nil
        }
    }
}

/// A service's CPU time, accumulated over cgroups or processes that come and go.
///
/// What they used up to the last reading is kept when they end. What a cgroup or process used
/// between its last reading and its end is not known, nor what one used before it was found,
/// unless it began after the last look: such windows are unknown.
struct ServiceTime: Sendable {
    private struct Unit: Sendable {
        let source: CPUTimeFile
        let file: FileTable.Handle
        /// Of a listener's cgroup: says whether processes are in it.
        let events: FileTable.Handle?
        /// `nil` before the first reading.
        var used: Nanoseconds?
        /// The look before the one that found it: a process that began later counts from zero.
        let absentAt: Nanoseconds?
    }

    /// How often the service is looked for, and again after something of it was lost.
    static let lookInterval = Nanoseconds.seconds(10)
    /// Cgroups or processes of a service that are read; the rest is not, and the time is unknown.
    static let unitLimit = 4096

    let source: ServiceSource
    private var units: [Unit] = []
    private var accumulated: UInt64 = 0
    private var timeline: Timeline<ProcessorUnknown>
    private var lookedAt: Nanoseconds?
    /// The sockets on its ports at the latest look; `nil` where they could not be asked for.
    private var seen: Set<Listener>?
    /// Whether a cgroup was found since the latest boundary: what it used before nobody read.
    private var hasNewCgroup = false
    private var mustLook = true
    private var absence: ProcessorUnknown = .notFound
    private var lost: ProcessorUnknown?
    private var failed: ProcessorUnknown?
    /// Whether some of its time is another service's as well: whose it is cannot be told.
    var isShared = false

    init(_ source: ServiceSource, from start: Nanoseconds) {
        self.source = source
        timeline = Timeline(from: start, unread: .firstReading)
    }

    /// The files that are read, for people.
    var paths: [String] { units.map(\.source.path) }

    /// What is read.
    var files: [CPUTimeFile] { units.map(\.source) }

    /// What is shared at the end, or ran in another cgroup by then, may have done so in the window.
    mutating func close(at end: Nanoseconds) -> Known<Nanoseconds, ProcessorUnknown> {
        defer { hasNewCgroup = false }
        let time = timeline.closeOwn(at: end)
        guard time.value != nil else { return time }
        if isShared { return .unknown(.shared) }
        return hasNewCgroup ? .unknown(.firstReading) : time
    }

    /// Reads every unit once.
    mutating func read(_ files: inout FileTable, ticksPerSecond: UInt64, now: Nanoseconds) {
        guard source != .callers else { return timeline.append(0, at: now) }
        if isShared { lost = .shared }
        var failure: ProcessorUnknown?
        var index = 0
        while index < units.count {
            do {
                try read(index, &files, ticksPerSecond)
                index += 1
            } catch .processEnded {
                remove(index, &files)
                lost = .processEnded
                absence = .notFound
                mustLook = true
            } catch {
                failure = error
                index += 1
            }
        }
        if units.isEmpty { failure = absence }
        if let failure {
            timeline.fail(failure)
            failed = failure
            return
        }
        timeline.append(accumulated, at: now, bridged: failed, lost: lost)
        failed = nil
        lost = nil
    }

    private mutating func remove(_ index: Int, _ files: inout FileTable) {
        let unit = units.remove(at: index)
        files.remove(unit.file)
        if let events = unit.events { files.remove(events) }
    }

    /// Throws `.processEnded` where the processes of a listener's cgroup have left it: their time is
    /// elsewhere, and the socket stays with the cgroup.
    private mutating func read(
        _ index: Int, _ files: inout FileTable, _ ticksPerSecond: UInt64
    ) throws(ProcessorUnknown) {
        let count: Int
        do { count = try files.read(units[index].file) } catch { throw ProcessorUnknown(error) }
        guard
            let reading = units[index].source.parse(
                files.buffer, count: count, ticksPerSecond: ticksPerSecond)
        else { throw .malformed }
        if let events = units[index].events, let count = try? files.read(events),
            CPUTimeFile.isUnpopulated(files.buffer, count: count)
        {
            throw .processEnded
        }
        let before = units[index].used ?? baseline(reading, absentAt: units[index].absentAt)
        // A counter that falls began anew; it cannot be told what was used in between.
        if reading.used < before { lost = .processEnded }
        accumulated = accumulated.addingClamped(reading.used.subtractingClamped(before).rawValue)
        units[index].used = reading.used
    }

    /// What a unit that was just found had used when it became part of the service.
    private mutating func baseline(
        _ reading: CPUTimeFile.Reading, absentAt: Nanoseconds?
    ) -> Nanoseconds {
        if let absentAt, let startedAt = reading.startedAt, startedAt > absentAt { return .zero }
        if absentAt != nil { lost = lost ?? .firstReading }
        return reading.used
    }

    /// Whether the service has to be looked for.
    func isLookDue(_ now: Nanoseconds) -> Bool {
        guard source != .callers else { return false }
        guard let lookedAt else { return true }
        if mustLook { return true }
        if case .cgroupPath = source, !units.isEmpty { return false }
        return now.subtractingClamped(lookedAt) >= Self.lookInterval
    }

    /// Whether it has to be looked for at a window's end: other sockets listen on its ports than at the
    /// latest look, or, of processes, which may have been given a socket that was there, a look is not too
    /// much for a window of that length.
    func isLookDue(
        _ now: Nanoseconds, atEndOf length: Nanoseconds, _ listeners: [Listener]?
    ) -> Bool {
        guard let lookedAt, let ports = source.ports else { return false }
        if let listeners, let seen, Set(listeners.filter { ports.contains($0.port) }) != seen {
            return true
        }
        guard case .processOfPorts = source else { return false }
        return now.subtractingClamped(lookedAt) >= Self.patience(length)
    }

    /// How old a look may be at the end of a window before there is another one.
    static func patience(_ length: Nanoseconds) -> Nanoseconds {
        let half = Nanoseconds(lookInterval.rawValue / 2)
        return length > half ? half : lookInterval
    }

    /// Looks for the service's cgroups or processes. This may take a while: nothing may be read under a
    /// time from before it.
    ///
    /// - Parameter now: a time before the look.
    mutating func look(_ files: inout FileTable, _ finder: ServiceFinder, _ now: Nanoseconds) {
        let absentAt = lookedAt
        lookedAt = now
        mustLook = false
        if let ports = source.ports {
            let listeners = try? finder.listeners()
            seen = listeners.map { Set($0.filter { ports.contains($0.port) }) }
        }
        let found: [CPUTimeFile]
        do { found = try finder.find(source) } catch {
            // What was found before is read on: its listener may be gone, not its work.
            absence = error
            return
        }
        if case .cgroupOfPorts = source {
            for index in units.indices.reversed() where !found.contains(units[index].source) {
                remove(index, &files)
            }
        }
        if found.isEmpty { absence = .notFound }
        for source in found where !units.contains(where: { $0.source == source }) {
            guard units.count < Self.unitLimit else {
                lost = .notFound
                break
            }
            let file = files.add(source.path)
            var events: FileTable.Handle?
            if case .cgroupOfPorts = self.source {
                events = source.events.map { files.add($0) }
                hasNewCgroup = hasNewCgroup || absentAt != nil
            }
            units.append(Unit(source: source, file: file, events: events, absentAt: absentAt))
        }
    }
}

extension ProcessorUnknown {
    /// The reason why a counter's file gave nothing. One that is gone has ended.
    init(_ failure: ReadFailure) {
        switch failure {
        case .permissionDenied: self = .permissionDenied
        case .missing: self = .processEnded
        case .failed, .notRegular: self = .readFailed
        case .tooLong: self = .malformed
        }
    }
}
