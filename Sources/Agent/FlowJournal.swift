import CRC32C
import Glibc
import Metering
import Scenarios
import SwiftProtobuf

/// What became of flows in a window.
struct FlowChanges: Sendable {
    var names = FlowNames()
    var states: [FlowState] = []
    /// These are all flows that are known, not only those that changed.
    var isSnapshot = false
}

/// The flows that were on disk.
struct StoredFlows: Sendable {
    var names = FlowNames()
    var states: [FlowState] = []
    /// There were others, whose digests were made with another secret.
    var isOfOtherSecret = false
    /// They end before the latest record: the file was damaged, taken away or not written.
    var isIncomplete = false
}

/// The flows that an agent goes on with.
struct RestoredFlows: Sendable {
    let secret: FlowSecret
    let limits: FlowBookLimits
    let stored: StoredFlows

    var book: FlowBook {
        FlowBook(
            secret: secret, limits: limits, names: stored.names, states: stored.states,
            isIncomplete: stored.isIncomplete || stored.isOfOtherSecret)
    }
}

/// The flows that were kept cannot be read.
struct FlowJournalError: Error, CustomStringConvertible {
    let cause: StateFileError

    var description: String {
        """
        cannot read the flows that were kept, \(cause). Give the file to the agent's user, with mode \
        0600; without it, flows that were completed before may count once more
        """
    }
}

/// Flows on disk, so that a restart counts none of them twice. See proto/state.proto.
///
/// The file is a row of entries, one or more for each window: the flows that changed in it, or all
/// of them, which begins the file anew. A window's entries are written before its record, so that a
/// file that ends before the latest record has lost some. What is behind the latest record was
/// counted by nobody and is cut off at the next start, as is what is damaged and what follows it. It
/// holds digests alone.
struct FlowJournal {
    /// A larger file is not read: it is none of ours.
    private static let limit = 1 << 30
    private static let statesPerEntry = 4096
    /// In the place of a window's end: no flows are kept from here to the next entry.
    private static let resting = UInt64.max

    let path: String
    /// Of the digests in it: those of another secret say nothing.
    let secret: UInt64
    /// The end of the window whose changes were added last.
    private var latest: Timestamp?
    /// Whether the last entry says that none follows, and whether one may: not where some are missing.
    private var isResting = false
    private var mayRest = false

    /// - Parameter secret: `FlowSecret.identity`.
    init(path: String, secret: UInt64) {
        self.path = path
        self.secret = secret
    }

    /// What was kept up to the end of the latest record.
    ///
    /// - Parameter end: of the latest record's window; `nil` without one, which keeps all.
    mutating func read(upTo end: Timestamp?) throws(StateFileError) -> StoredFlows {
        var stored = StoredFlows()
        (isResting, mayRest) = (false, end == nil)
        let file = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        guard file >= 0 else {
            guard errno == ENOENT else { throw StateFileError(path: path, errno: errno) }
            stored.isIncomplete = end != nil
            return stored
        }
        defer { close(file) }
        var latest: UInt64 = 0
        var whole = 0
        var reader = EntryReader(file: file)
        while let payload = reader.next(), reader.offset <= Self.limit,
            let entry = try? Jouleflow_State_V1_FlowEntry(serializedBytes: payload),
            let change = FlowChanges(entry)
        {
            let rests = entry.windowEnd == Self.resting
            if let end, entry.windowEnd > end.rawValue, !entry.isSnapshot, !rests { break }
            guard entry.secret == secret else {
                stored = StoredFlows(isOfOtherSecret: true)
                (latest, whole, isResting) = (0, 0, false)
                break
            }
            isResting = rests
            // An entry without flows needs no names.
            if !change.states.isEmpty { stored.names = change.names }
            stored.states += change.states
            if !rests { latest = max(latest, entry.windowEnd) }
            whole = reader.offset
        }
        stored.isIncomplete = !isResting && latest < end?.rawValue ?? 0
        mayRest = !stored.isIncomplete && !stored.isOfOtherSecret
        guard ftruncate(file, off_t(whole)) == 0 else {
            throw StateFileError(path: path, errno: errno)
        }
        return stored
    }

    /// Adds a window's changes, and sees that they outlive a loss of power.
    mutating func append(_ changes: FlowChanges, end: Timestamp) throws(StateFileError) {
        // A window whose record cannot be stored comes again.
        guard end != latest else { return }
        let bytes: [UInt8]
        do { bytes = try changes.entries(end: end, secret: secret, by: Self.statesPerEntry) } catch
        {
            throw StateFileError(path: path, errno: EINVAL)
        }
        if changes.isSnapshot {
            try put(bytes, path + ".new", O_TRUNC)
            guard rename(path + ".new", path) == 0 else {
                throw StateFileError(path: path, errno: errno)
            }
        } else {
            try put(bytes, path, O_APPEND)
        }
        latest = end
        isResting = false
    }

    /// Says, once, that windows without an entry follow, because no scenario has keys: so that they are
    /// not taken for lost. Where flows are missing already it says nothing, so that this stays known.
    mutating func rest() throws(StateFileError) {
        guard mayRest, !isResting else { return }
        var entry = Jouleflow_State_V1_FlowEntry()
        entry.windowEnd = Self.resting
        entry.secret = secret
        do { try put(Self.framed(entry), path, O_APPEND) } catch let error as StateFileError {
            throw error
        } catch { throw StateFileError(path: path, errno: EINVAL) }
        isResting = true
    }

    /// The entry's bytes: length, checksum, payload.
    fileprivate static func framed(_ entry: Jouleflow_State_V1_FlowEntry) throws -> [UInt8] {
        let payload: [UInt8] = try entry.serializedBytes()
        let head = [UInt32(payload.count), CRC32C.checksum(payload)].flatMap { number in
            (0..<4).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
        }
        return head + payload
    }

    private func put(_ bytes: [UInt8], _ path: String, _ mode: Int32) throws(StateFileError) {
        let flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | mode
        let file = open(path, flags, 0o600)
        guard file >= 0 else { throw StateFileError(path: path, errno: errno) }
        defer { close(file) }
        let before = lseek(file, 0, SEEK_END)
        let written = write(file, bytes, bytes.count)
        let code = written >= 0 && written < bytes.count ? ENOSPC : errno
        guard written == bytes.count, fdatasync(file) == 0 else {
            // Half an entry would hide those behind it.
            if before >= 0 { _ = ftruncate(file, before) }
            throw StateFileError(path: path, errno: code)
        }
    }
}

/// Reads entries one after another: length, checksum, payload.
private struct EntryReader {
    private static let maximumPayload = 1 << 20

    let file: Int32
    /// Behind the entry that was read last.
    private(set) var offset = 0

    init(file: Int32) { self.file = file }

    mutating func next() -> [UInt8]? {
        guard let head = read(8, at: offset) else { return nil }
        let length = Int(Self.number(head[..<4]))
        guard (1...Self.maximumPayload).contains(length),
            let payload = read(length, at: offset + 8),
            CRC32C.checksum(payload) == Self.number(head[4...])
        else { return nil }
        offset += 8 + length
        return payload
    }

    private func read(_ count: Int, at place: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        return pread(file, &bytes, count, off_t(place)) == count ? bytes : nil
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        bytes.reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }
}

extension FlowChanges {
    /// The changes as entries of the file.
    fileprivate func entries(end: Timestamp, secret: UInt64, by count: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = states[...]
        var isFirst = true
        repeat {
            var entry = Jouleflow_State_V1_FlowEntry()
            entry.windowEnd = end.rawValue
            entry.isSnapshot = isSnapshot
            entry.secret = secret
            entry.scenarios = (states.isEmpty ? [] : Array(zip(names.scenarios, names.steps))).map {
                name, steps in
                var scenario = Jouleflow_State_V1_FlowScenario()
                scenario.name = name
                scenario.steps = steps
                return scenario
            }
            for state in rest.prefix(count) { entry.add(state) }
            bytes += try FlowJournal.framed(entry)
            rest = rest.dropFirst(count)
            isFirst = false
        } while !rest.isEmpty || isFirst
        return bytes
    }

    /// What an entry says; `nil` where it cannot be so.
    fileprivate init?(_ entry: Jouleflow_State_V1_FlowEntry) {
        names = FlowNames(
            scenarios: entry.scenarios.map(\.name), steps: entry.scenarios.map(\.steps))
        isSnapshot = entry.isSnapshot
        let counts = [
            entry.times.count, entry.scenario.count, entry.steps.count, entry.standing.count,
        ]
        guard counts.allSatisfy({ $0 == entry.digests.count }),
            names.steps.allSatisfy({ $0.count <= FlowBook.maximumSteps })
        else { return nil }
        for index in entry.digests.indices {
            guard
                let standing = FlowStanding(
                    rawValue: UInt8(truncatingIfNeeded: entry.standing[index] >> 1)),
                Int(entry.scenario[index]) < names.scenarios.count
            else { return nil }
            states.append(
                FlowState(
                    digest: entry.digests[index], steps: entry.steps[index],
                    time: Timestamp(entry.times[index]),
                    scenario: UInt16(truncatingIfNeeded: entry.scenario[index]),
                    standing: standing, isIncomplete: entry.standing[index] & 1 == 1))
        }
        for early in entry.early {
            guard states.indices.contains(Int(early.index)) else { return nil }
            states[Int(early.index)].early = EarlyCompletion(
                time: Timestamp(early.time), flows: early.flows, missing: early.missing)
        }
    }
}

extension Jouleflow_State_V1_FlowEntry {
    fileprivate mutating func add(_ state: FlowState) {
        if let completion = state.early {
            var entry = Jouleflow_State_V1_EarlyCompletion()
            entry.index = UInt32(digests.count)
            entry.time = completion.time.rawValue
            entry.flows = completion.flows
            entry.missing = completion.missing
            early.append(entry)
        }
        digests.append(state.digest)
        times.append(state.time.rawValue)
        scenario.append(UInt32(state.scenario))
        steps.append(state.steps)
        standing.append(UInt32(state.standing.rawValue) << 1 | (state.isIncomplete ? 1 : 0))
    }
}
