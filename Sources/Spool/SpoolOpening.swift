import Chain
import Glibc

/// What a directory and an identity hold, found and mended before the spool goes on.
struct SpoolOpening {
    static let temporaryName = "new"
    static let lockName = "lock"

    /// The run, and how far it came.
    private(set) var identity: Identity
    /// Whether the identity's file is not this run's and must be made anew.
    let isUnwritten: Bool
    /// Whether the run begins now, and must be in the identity's file before its first record.
    let isNewRun: Bool
    private(set) var segments: [Segment] = []
    /// How far each destination came, in their order.
    private(set) var acknowledged: [UInt64] = []
    private(set) var recovery = SpoolRecovery()

    private let directory: String
    private let disk: any Disk
    /// Whether names in the directory changed.
    private var isChanged = false

    init(
        _ directory: String, identity path: String, destinations: [String], disk: any Disk
    ) throws(SpoolError) {
        self.directory = directory
        self.disk = disk
        try mend { () throws(SpoolError) in
            try disk.remove(directory + "/" + Self.temporaryName)
        }
        let known = try Identity(path)
        let names = try names(in: directory)
        var files: [SegmentFile] = []
        for first in names.compactMap(Segment.first(ofName:)).sorted() {
            files.append(
                try SegmentFile(directory + "/" + Segment.name(first: first), first: first))
        }
        let found = Self.continued(files, known)
        var positions: [Position?] = []
        for name in destinations {
            let position = try Position(of: name, in: directory)
            positions.append(position?.run == (found ?? known)?.run ? position : nil)
        }
        let farthest = positions.compactMap { $0?.acknowledged }.max() ?? 0
        if let found, farthest <= found.last, found.last <= SpoolLimits.sequence / 2 {
            identity = found
            isNewRun = false
            isUnwritten = known?.run != found.run
            try keepSegments(files, known)
        } else {
            identity = Self.following(found ?? known, known, farthest: farthest)
            (isNewRun, isUnwritten) = (true, true)
            recovery.isRunLost = identity.predecessor != .none || !files.isEmpty
            for file in files { try setAside(file.path) }
            positions = positions.map { _ in nil }
        }
        let oldest = segments.first?.oldest ?? 1
        let start = isUnwritten ? oldest - 1 : min(identity.counts.released, oldest - 1)
        acknowledged = positions.map { $0?.acknowledged ?? start }
        countMissing()
        try removePositions(names, of: destinations, found: positions)
        if isChanged {
            try mend { () throws(SpoolError) in try disk.synchronizeDirectory(directory) }
        }
    }

    // MARK: Which run

    /// The run that can be gone on with, as far as identity and files tell; `nil` where no segment of
    /// it can be read.
    private static func continued(_ files: [SegmentFile], _ known: Identity?) -> Identity? {
        let whole = files.filter { $0.header != nil }
        let run = known?.run ?? whole.last?.header?.run
        let own = whole.filter { $0.header?.run == run }
        guard let run, let newest = own.last, let header = newest.header, let head = newest.head
        else { return nil }
        var counts = own.compactMap(\.header?.counts).reduce(into: header.counts) { $0.merge($1) }
        if let known { counts.merge(known.counts) }
        var found = Identity(
            run: run, last: newest.next - 1, counts: counts, predecessor: header.predecessor,
            untold: known?.untold ?? 0, head: head)
        // Where entries were lost at the end, their numbers were used all the same.
        if let known, known.last > found.last {
            (found.last, found.head) = (known.last, known.head)
        }
        let end = files.last { $0.header == nil && $0.first >= newest.next && $0.next > $0.first }
        if let end, let head = end.head, end.next - 1 > found.last {
            (found.last, found.head) = (end.next - 1, head)
        }
        found.counts.released = min(found.counts.released, found.last)
        return found
    }

    /// The run that begins after `last`, which cannot be gone on with. A run without a record is not
    /// named: the one before it is.
    private static func following(
        _ last: Identity?, _ known: Identity?, farthest: UInt64
    ) -> Identity {
        var predecessor = last?.predecessor ?? .none
        if let last, max(last.last, farthest) > 0 {
            predecessor = Predecessor(run: last.run, last: max(last.last, farthest))
        }
        return Identity(
            run: UInt64.random(in: 1 ... .max), predecessor: predecessor,
            untold: known?.untold ?? 0)
    }

    // MARK: Which segments

    /// Takes the run's readable segments, and moves the other files aside.
    private mutating func keepSegments(
        _ files: [SegmentFile], _ known: Identity?
    ) throws(SpoolError) {
        var (rest, oldestAside) = (0, UInt64.max)
        for file in files {
            guard let header = file.header, header.run == identity.run,
                file.first >= segments.last?.next ?? 1
            else {
                if file.header == nil { oldestAside = min(oldestAside, file.first) }
                try setAside(file.path)
                continue
            }
            var segment = Segment(file, header)
            if let before = segments.last, before.next < segment.first {
                segment.miss(before: before.next...segment.first - 1)
            }
            segments.append(segment)
            rest = file.rest
        }
        // The identity tells what is gone before the first; without it, a file in its place does.
        let start =
            known?.run == identity.run
            ? identity.counts.released + 1 : max(oldestAside, identity.counts.released + 1)
        if let first = segments.first?.first, start < first {
            segments[0].miss(before: start...first - 1)
        }
        try finishRemoving()
        try cutTornTail(rest)
    }

    private mutating func setAside(_ path: String) throws(SpoolError) {
        recovery.damagedFiles += 1
        isChanged = true
        let (directory, disk) = (directory, disk)
        try mend { () throws(SpoolError) in
            try DamagedFiles.setAside(path, in: directory, on: disk)
        }
    }

    /// Removes the segments that were on their way out.
    private mutating func finishRemoving() throws(SpoolError) {
        while segments.count > 1, segments[0].next <= identity.counts.released + 1 {
            let path = segments.removeFirst().path
            let disk = disk
            try mend { () throws(SpoolError) in try disk.remove(path) }
            isChanged = true
        }
    }

    private mutating func cutTornTail(_ rest: Int) throws(SpoolError) {
        guard rest > 0, let newest = segments.last else { return }
        recovery.tornBytes = rest
        let disk = disk
        try mend { () throws(SpoolError) in
            let file = try Descriptor(newest.path, O_RDWR | O_NOFOLLOW)
            try disk.truncate(file, to: newest.size)
            try disk.synchronize(file)
        }
    }

    /// Forgets what is missing and all have, and counts the rest.
    private mutating func countMissing() {
        let released = max(identity.counts.released, acknowledged.min() ?? 0)
        for index in segments.indices {
            _ = segments[index].forgetMissing(through: released)
            recovery.corruptEntries += segments[index].missingCount
        }
        if let last = segments.last {
            let start = max(last.next, released + 1)
            recovery.corruptEntries += start <= identity.last ? identity.last + 1 - start : 0
        }
    }

    /// Removes the positions of those that are no destinations any more, and those that are of no use.
    private mutating func removePositions(
        _ names: [String], of destinations: [String], found: [Position?]
    ) throws(SpoolError) {
        let useful = Set(found.compactMap { $0.map { Position.name(of: $0.destination) } })
        for name in names where name.hasPrefix(Position.prefix) && !useful.contains(name) {
            let (path, disk) = (directory + "/" + name, disk)
            try mend { () throws(SpoolError) in try disk.remove(path) }
            isChanged = true
        }
    }
}

/// Does what may as well be done later: only a missing right keeps the spool from opening.
private func mend(_ body: () throws(SpoolError) -> Void) throws(SpoolError) {
    do throws(SpoolError) { try body() } catch {
        if case .permission = error { throw error }
    }
}

// MARK: The lock

extension SpoolOpening {
    /// Makes the directory where it is missing, and locks it until the descriptor is closed.
    static func lock(_ directory: String) throws(SpoolError) -> Descriptor {
        do { _ = try retrying("create", directory) { mkdir(directory, 0o700) } } catch {
            guard case .io(_, _, EEXIST) = error else { throw error }
        }
        let path = directory + "/" + lockName
        let file: Descriptor
        do throws(SpoolError) { file = try Descriptor.made(path, O_RDONLY) } catch {
            throw error.ofFolder(directory)
        }
        for attempt in 1...lockAttempts {
            do {
                _ = try retrying("lock", path) { flock(file.number, LOCK_EX | LOCK_NB) }
                return file
            } catch {
                guard case .io(_, _, EWOULDBLOCK) = error else { throw error }
                if attempt < lockAttempts { usleep(lockPause) }
            }
        }
        throw .locked(path: directory)
    }

    /// An agent that is killed, or a child that it was about to start, may hold the lock for a moment
    /// longer: three seconds in all, in pauses of so many microseconds.
    private static let lockPause: UInt32 = 20_000
    private static let lockAttempts = 150
}
