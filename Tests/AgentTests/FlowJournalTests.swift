import Foundation
import Glibc
import Metering
import Scenarios
import Testing

@testable import Agent

@Suite("Flows on disk")
struct FlowJournalTests {
    private let names = FlowNames(
        scenarios: ["credit", "repayment"], steps: [["apply", "notice"], []])

    /// Windows of 10 s with some changes each; the last one is told by `windows`.
    private func changes(_ windows: Int, from first: Int = 0, isSnapshot: Bool = false)
        -> [(end: Timestamp, changes: FlowChanges)]
    {
        (first..<(first + windows)).map { window in
            let states = (0..<(window % 4 + 1)).map { number in
                FlowState(
                    digest: UInt64(window * 10 + number) &* 0x9e37_79b9_7f4a_7c15,
                    steps: UInt64(number % 4), time: Timestamp(UInt64(window * 10 + number)),
                    scenario: UInt16(number % 2),
                    standing: [.open, .completed, .early, .forgotten][number % 4],
                    isIncomplete: number % 3 == 0,
                    early: number % 4 == 2
                        ? EarlyCompletion(time: Timestamp(7), flows: 5, missing: 1 << 63) : nil)
            }
            return (
                Timestamp(UInt64(window + 1) * 10),
                FlowChanges(names: names, states: states, isSnapshot: isSnapshot)
            )
        }
    }

    private func written(_ windows: [(end: Timestamp, changes: FlowChanges)], _ path: String) throws
    {
        var journal = FlowJournal(path: path, secret: 7)
        for window in windows { try journal.append(window.changes, end: window.end) }
    }

    private func stored(
        _ path: String, secret: UInt64, upTo end: Timestamp?
    ) throws -> StoredFlows {
        var journal = FlowJournal(path: path, secret: secret)
        return try journal.read(upTo: end)
    }

    @Test("come back as they were written, and as far as the latest record")
    func reading() throws {
        try withTemporaryFolder { folder in
            let path = folder + "/flows"
            #expect(try stored(path, secret: 7, upTo: nil).states == [])
            let windows = changes(9)
            try written(windows, path)
            let all = try stored(path, secret: 7, upTo: nil)
            #expect(all.states == windows.flatMap(\.changes.states))
            #expect(all.names == names)
            // What no record tells of is cut off, and does not come back.
            let part = try stored(path, secret: 7, upTo: Timestamp(50))
            #expect(part.states == windows[..<5].flatMap(\.changes.states))
            #expect(try stored(path, secret: 7, upTo: nil).states == part.states)
        }
    }

    @Test("say that some are missing where they end before the latest record")
    func missing() throws {
        try withTemporaryFolder { folder in
            let path = folder + "/flows"
            func isIncomplete(_ end: UInt64?) throws -> Bool {
                try stored(path, secret: 7, upTo: end.map(Timestamp.init))
                    .isIncomplete
            }
            #expect(try !isIncomplete(nil))
            #expect(try isIncomplete(10))
            try written(changes(3), path)
            #expect(try !isIncomplete(30))
            #expect(try isIncomplete(40))
            // A window in which nothing changed is told too.
            var journal = FlowJournal(path: path, secret: 7)
            try journal.append(FlowChanges(), end: Timestamp(40))
            #expect(try !isIncomplete(40))
            let all = try stored(path, secret: 7, upTo: nil)
            #expect(all.states == changes(3).flatMap(\.changes.states))
            #expect(all.names == names)
            #expect(truncate(path, 20) == 0)
            #expect(try isIncomplete(40))
        }
    }

    @Test("are not missing where they rest: windows of rules without keys have no entry")
    func resting() throws {
        try withTemporaryFolder { folder in
            let path = folder + "/flows"
            try written(changes(3), path)
            var journal = FlowJournal(path: path, secret: 7)
            _ = try journal.read(upTo: Timestamp(30))
            try journal.rest()
            let size = try bytes(of: path).count
            try journal.rest()
            #expect(try bytes(of: path).count == size)
            for _ in 0..<2 {
                let later = try stored(path, secret: 7, upTo: Timestamp(900))
                #expect(!later.isIncomplete)
                #expect(later.states == changes(3).flatMap(\.changes.states))
                #expect(later.names == names)
            }
            // Flows are kept again.
            _ = try journal.read(upTo: Timestamp(900))
            try journal.append(FlowChanges(), end: Timestamp(910))
            #expect(try !stored(path, secret: 7, upTo: Timestamp(910)).isIncomplete)
            #expect(try stored(path, secret: 7, upTo: Timestamp(920)).isIncomplete)
        }
    }

    @Test("rest from the beginning, but not where some are missing, which stays known")
    func restingFromBeginning() throws {
        try withTemporaryFolder { folder in
            let path = folder + "/flows"
            var journal = FlowJournal(path: path, secret: 7)
            _ = try journal.read(upTo: Timestamp(10))
            try journal.rest()
            #expect(try stored(path, secret: 7, upTo: Timestamp(20)).isIncomplete)
            _ = try journal.read(upTo: nil)
            try journal.rest()
            #expect(try !stored(path, secret: 7, upTo: Timestamp(20)).isIncomplete)
            #expect(try stored(path, secret: 8, upTo: Timestamp(20)).isOfOtherSecret)
            #expect(try stored(path, secret: 7, upTo: Timestamp(20)).isIncomplete)
        }
    }

    @Test("a window that is written again, as its record could not be, stands there once")
    func again() throws {
        try withTemporaryFolder { folder in
            var journal = FlowJournal(path: folder + "/flows", secret: 7)
            let windows = changes(3)
            for window in windows + windows.suffix(1) {
                try journal.append(window.changes, end: window.end)
            }
            let kept = try journal.read(upTo: nil).states
            #expect(kept == windows.flatMap(\.changes.states))
        }
    }

    @Test("a snapshot takes the place of all before it")
    func snapshot() throws {
        try withTemporaryFolder { folder in
            let path = folder + "/flows"
            let snapshot = changes(1, from: 7, isSnapshot: true)
            try written(changes(7) + snapshot + changes(2, from: 8), path)
            let read = try stored(path, secret: 7, upTo: Timestamp(90))
            #expect(
                read.states
                    == (snapshot + changes(1, from: 8)).flatMap(\.changes.states))
        }
    }

    @Test("digests of another secret are of no use, and make room")
    func otherSecret() throws {
        try withTemporaryFolder { folder in
            let path = folder + "/flows"
            try written(changes(3), path)
            let other = try stored(path, secret: 8, upTo: nil)
            #expect(other.isOfOtherSecret)
            #expect(other.states == [])
            #expect(try !stored(path, secret: 7, upTo: nil).isOfOtherSecret)
        }
    }

    @Test("a file cut anywhere gives its whole windows, and takes others behind them")
    func cuts() throws {
        try withTemporaryFolder { folder in
            let path = folder + "/flows"
            let windows = changes(4)
            try written(windows, path)
            let bytes = try bytes(of: path)
            for length in bytes.indices {
                try write(Array(bytes[..<length]), to: path)
                let kept = try stored(path, secret: 7, upTo: nil).states
                #expect(windows.flatMap(\.changes.states).starts(with: kept))
                let more = changes(1, from: 20)
                try written(more, path)
                #expect(
                    try stored(path, secret: 7, upTo: nil).states
                        == kept + more.flatMap(\.changes.states))
            }
        }
    }

    @Test("a changed byte ends the file there", arguments: 0..<200)
    func damage(seed: Int) throws {
        try withTemporaryFolder { folder in
            let path = folder + "/flows"
            let windows = changes(5)
            try written(windows, path)
            var bytes = try bytes(of: path)
            bytes[seed * 7919 % bytes.count] ^= 1 << UInt8(seed % 8)
            try write(bytes, to: path)
            let kept = try stored(path, secret: 7, upTo: nil).states
            let all = windows.flatMap(\.changes.states)
            #expect(all.starts(with: kept))
            #expect(kept.count < all.count)
        }
    }

    @Test("what is no file is an error, and nothing waits for it")
    func noFile() throws {
        try withTemporaryFolder { folder in
            let pipe = folder + "/flows"
            #expect(mkfifo(pipe, 0o600) == 0)
            #expect(throws: StateFileError.self) {
                try stored(pipe, secret: 7, upTo: nil)
            }
            #expect(throws: StateFileError.self) {
                try stored(folder, secret: 7, upTo: nil)
            }
        }
    }

    private func bytes(of path: String) throws -> [UInt8] {
        let file = open(path, O_RDONLY)
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        let count = read(file, &bytes, bytes.count)
        try #require(count > 0)
        return Array(bytes[..<count])
    }

    private func write(_ bytes: [UInt8], to path: String) throws {
        let file = open(path, O_WRONLY | O_TRUNC)
        defer { close(file) }
        try #require(Glibc.write(file, bytes, bytes.count) == bytes.count)
    }
}

@Suite("The secret of flow keys")
struct FlowSecretFileTests {
    @Test("is made once, for its owner alone, and stays")
    func own() throws {
        try withTemporaryFolder { folder in
            let path = folder + "/flow-secret"
            let first = try FlowSecretFile.secret(nil, else: path).identity
            #expect(try FlowSecretFile.secret(nil, else: path).identity == first)
            var status = stat()
            #expect(stat(path, &status) == 0)
            #expect(status.st_mode & 0o777 == 0o600)
            #expect(try FlowSecretFile.secret(nil, else: folder + "/other").identity != first)
        }
    }

    @Test("that others may read, or that has too few bytes, is refused with the remedy")
    func refused() throws {
        try withTemporaryFolder { folder in
            let path = folder + "/plan.secret"
            func put(_ count: Int, _ mode: mode_t) {
                let file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
                _ = Glibc.write(file, Array(repeating: UInt8(7), count: count), count)
                close(file)
                chmod(path, mode)
            }
            func failure() -> SecretFileError? {
                do throws(SecretFileError) {
                    _ = try FlowSecretFile.secret(path, else: folder + "/unused")
                    return nil
                } catch { return error }
            }
            #expect(failure()?.cause == .unreadable(ENOENT))
            #expect(failure()?.description.contains("head -c 32 /dev/urandom > \(path)") == true)
            put(32, 0o640)
            #expect(failure()?.cause == .exposed)
            #expect(failure()?.description.contains("chmod 600 \(path)") == true)
            put(15, 0o600)
            #expect(failure()?.cause == .badLength(15))
            for count in [4097, 5000] {
                put(count, 0o600)
                #expect(failure()?.cause == .badLength(count))
                #expect(
                    failure()?.description
                        == "the secret \(path) has \(count) bytes: it takes 16 to 4096. Make another "
                        + "with `(umask 077; head -c 32 /dev/urandom > \(path))`, and copy it to all "
                        + "hosts that share flows")
            }
            put(4096, 0o600)
            #expect(failure() == nil)
            put(16, 0o400)
            #expect(failure() == nil)
            #expect(access(folder + "/unused", F_OK) != 0)
        }
    }

    @Test("of this host alone that is damaged is restored, or removed for another")
    func damaged() throws {
        try withTemporaryFolder { folder in
            let path = folder + "/flow-secret"
            let file = open(path, O_WRONLY | O_CREAT, 0o600)
            _ = Glibc.write(file, [7], 1)
            close(file)
            do throws(SecretFileError) {
                _ = try FlowSecretFile.secret(nil, else: path)
                Issue.record("accepted")
            } catch {
                #expect(
                    error.description
                        == "the secret \(path) has 1 byte: it takes 16 to 4096. Restore it, or "
                        + "remove it: the agent makes another at its next start, and no flow is "
                        + "known again: an open one is incomplete where earlier steps are "
                        + "required, and a completed one may count once more")
            }
            unlink(path)
            _ = try FlowSecretFile.secret(nil, else: path)
        }
    }

    private func wanting(_ cause: SecretFileError.Cause) -> SecretFileError {
        SecretFileError(path: "s", purpose: .sharedFlowKeys, cause: cause)
    }

    @Test("is wanting for lack of a right, or else of what the settings should say")
    func kinds() {
        let denied: [any Error] = [
            wanting(.unreadable(EACCES)),
            wanting(.unwritable(EPERM)),
            FlowJournalError(cause: StateFileError(path: "f", errno: EACCES)),
        ]
        for error in denied {
            #expect(isPermission(error), "\(error)")
            #expect("\(error)".contains("user"), "\(error)")
        }
        let wrong: [any Error] = [
            wanting(.unreadable(ENOENT)),
            wanting(.exposed), wanting(.badLength(3)),
            wanting(.notAFile),
            wanting(.unwritable(ENOSPC)),
            FlowJournalError(cause: StateFileError(path: "f", errno: EISDIR)),
        ]
        for error in wrong { #expect(!isPermission(error), "\(error)") }
    }
}

private func withTemporaryFolder(_ body: (String) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try body(folder.path)
}
