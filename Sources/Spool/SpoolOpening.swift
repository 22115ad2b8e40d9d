import Glibc

/// What a directory holds, found and mended before the spool goes on.
struct SpoolOpening {
    static let temporaryName = "new"
    private static let lockName = "lock"

    private(set) var run: UInt64 = 0
    private(set) var nextSequence: UInt64 = 1
    private(set) var acknowledged: UInt64 = 0
    private(set) var recovery = SpoolRecovery()
    private(set) var segments: [Segment] = []
    private(set) var lost: UInt64 = 0
    private(set) var droppedThrough: UInt64 = 0

    /// Makes the directory where it is missing, and locks it until the descriptor is closed.
    static func lock(_ directory: String) throws(SpoolError) -> Descriptor {
        do { _ = try retrying("create", directory) { mkdir(directory, 0o700) } } catch {
            guard case .io(_, _, EEXIST) = error else { throw error }
        }
        let path = directory + "/" + lockName
        let file = try Descriptor(path, O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600)
        do {
            _ = try retrying("lock", path) { flock(file.number, LOCK_EX | LOCK_NB) }
        } catch {
            if case .io(_, _, EWOULDBLOCK) = error { throw .locked(path: directory) }
            throw error
        }
        return file
    }

    init(_ directory: String, position: Position?, disk: any Disk) throws(SpoolError) {
        try disk.remove(directory + "/" + Self.temporaryName)
        let firsts = try names(in: directory).compactMap(Segment.first(ofName:)).sorted()
        var rest = 0
        for first in firsts {
            let path = directory + "/" + Segment.name(first: first)
            let (segment, bytes) = try Segment.load(path, first: first)
            segments.append(segment)
            rest = bytes
        }
        guard let newest = segments.last else {
            run = UInt64.random(in: 1 ... .max)
            return
        }
        try identify(directory, position)
        try finishDropping(disk, directory)
        try cutTornTail(newest, rest, disk)
        findMissing()
        nextSequence = max(newest.next, acknowledged + 1)
    }

    /// Takes run and counts from the newest whole header and the position.
    private mutating func identify(
        _ directory: String, _ position: Position?
    ) throws(SpoolError) {
        let headers = segments.compactMap(\.header)
        guard let known = headers.last?.run ?? position?.run, known != 0 else {
            throw .corrupt(path: directory, reason: "has no readable segment")
        }
        run = known
        for segment in segments {
            guard segment.header.map({ $0.run == known }) ?? true else {
                throw .corrupt(path: segment.path, reason: "is of another run than the newest")
            }
        }
        lost = headers.last?.dropped ?? 0
        droppedThrough = headers.last?.droppedThrough ?? 0
        if let position, position.run == known {
            acknowledged = position.acknowledged
            lost = max(lost, position.dropped)
        }
    }

    private mutating func finishDropping(
        _ disk: any Disk, _ directory: String
    ) throws(SpoolError) {
        var isChanged = false
        while segments.count > 1, segments[0].next <= droppedThrough + 1 {
            try disk.remove(segments[0].path)
            segments.removeFirst()
            isChanged = true
        }
        if isChanged { try disk.synchronizeDirectory(directory) }
    }

    private mutating func cutTornTail(
        _ newest: Segment, _ rest: Int, _ disk: any Disk
    ) throws(SpoolError) {
        guard rest > 0, newest.header != nil else { return }
        let file = try Descriptor(newest.path, O_RDWR | O_NOFOLLOW)
        try disk.truncate(file, to: newest.size)
        try disk.synchronize(file)
        recovery.tornBytes = rest
    }

    /// Counts the unacknowledged records between the first and the last that cannot be read.
    private mutating func findMissing() {
        for index in segments.indices {
            if segments[index].header == nil {
                let (first, next) = (segments[index].first, segments[index].next)
                segments[index].missing = next > first ? [first...next - 1] : []
            }
            if index > 0, segments[index - 1].next < segments[index].first {
                let gap = segments[index - 1].next...segments[index].first - 1
                segments[index].missing.insert(gap, at: 0)
            }
            _ = segments[index].forgetMissing(through: max(acknowledged, droppedThrough))
            recovery.corruptEntries += segments[index].missingCount
        }
    }
}
