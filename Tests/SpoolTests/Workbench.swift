import Chain
import Glibc
import Testing

@testable import Spool

/// A directory of its own for one test, removed with it.
final class Workbench {
    let root: String
    var spool: String { root + "/spool" }
    var identity: String { root + "/identity" }
    /// What the spool takes for the time that it was open.
    var uptime: UInt64 = 0

    init() throws {
        var template = Array("/tmp/jouleflow-spool-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SpoolError(errno, "create", "/tmp") }
        root = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    deinit {
        Self.empty(spool)
        rmdir(spool)
        Self.empty(root)
        rmdir(root)
    }

    private static func empty(_ directory: String) {
        chmod(directory, 0o700)
        for name in (try? names(in: directory)) ?? [] { unlink(directory + "/" + name) }
    }

    var files: [String] {
        get throws { try names(in: spool).filter { !$0.hasPrefix(".") }.sorted() }
    }

    var segments: [String] {
        get throws { try files.filter { $0.hasPrefix("segment-") } }
    }

    func read(_ name: String) throws -> [UInt8] {
        let file = try Descriptor(spool + "/" + name, O_RDONLY)
        return try file.read(from: 0, count: try file.size())
    }

    func write(_ name: String, _ bytes: [UInt8]) throws {
        let disk = SystemDisk()
        mkdir(spool, 0o700)
        try disk.write(bytes, to: try disk.create(spool + "/" + name), at: 0)
    }

    /// What is moved aside.
    var damaged: [String] {
        get throws { try files.filter { $0.hasPrefix("damaged-") } }
    }

    /// Deletes the spool's directory, as somebody might.
    func removeSpool() {
        Self.empty(spool)
        rmdir(spool)
    }

    /// The spool's files by name, without the lock; the identity as `../identity`.
    func snapshot() throws -> [String: [UInt8]] {
        var files: [String: [UInt8]] = [:]
        for name in try self.files where name != "lock" { files[name] = try read(name) }
        if access(identity, F_OK) == 0 { files["../identity"] = try read("../identity") }
        return files
    }

    /// Puts back what `snapshot` took.
    func restore(_ snapshot: [String: [UInt8]]) throws {
        Self.empty(spool)
        unlink(identity)
        for (name, bytes) in snapshot { try write(name, bytes) }
    }

    /// Whether a file is there with these bytes.
    func has(_ name: String, _ bytes: [UInt8]) throws -> Bool {
        access(spool + "/" + name, F_OK) == 0 ? try read(name) == bytes : false
    }

    /// Opens the spool, on a disk that synchronises nothing where no other is given.
    func open(
        _ limits: SpoolLimits = SpoolLimits(synchronizes: false),
        destinations: [String] = ["a"],
        disk: any Disk = FailingDisk(budget: .max, failure: .noSpace)
    ) throws -> Spool {
        try Spool(
            directory: spool, identity: identity, destinations: destinations, limits: limits,
            disk: disk, clock: { [self] in uptime })
    }
}

extension Workbench {
    /// Appends `count` records, each told by its number, and returns the run.
    @discardableResult
    func fill(
        _ count: UInt64, _ limits: SpoolLimits, acknowledge: UInt64 = 0,
        manifest: [UInt8] = Array("manifest".utf8)
    ) throws -> UInt64 {
        let spool = try open(limits)
        try spool.use(manifest: manifest)
        for _ in 0..<count { _ = try spool.append(record(spool.nextSequence)) }
        if acknowledge > 0 { try spool.acknowledge(through: acknowledge) }
        return spool.run.rawValue
    }
}

extension [UInt8] {
    /// Makes the checksum of a segment's header or an identity right again.
    mutating func sign(isIdentity: Bool = false) {
        let end = isIdentity ? 8 : Int(littleEndian(at: 12) as UInt32) - 4
        let checksum = isIdentity ? checksum(from: 12, to: count) : checksum(from: 0, to: end)
        for index in 0..<4 {
            self[end + index] = UInt8(truncatingIfNeeded: checksum >> (8 * index))
        }
    }
}

/// Does `budget` operations and fails the next: half done where it is a write.
final class FailingDisk: Disk {
    /// What the disk does from the failure on.
    enum Failure {
        /// Nothing any more: the process was killed.
        case death
        /// Everything again: the disk was full for a moment.
        case noSpace
    }

    private let disk = SystemDisk()
    private let failure: Failure
    private let kept: Double
    private(set) var budget: Int
    private(set) var hasFailed = false

    /// - Parameter kept: the share of a failing write that reaches the disk.
    init(budget: Int, kept: Double = 0.5, failure: Failure) {
        self.budget = budget
        self.kept = kept
        self.failure = failure
    }

    private func spend(_ path: String, _ last: () throws -> Void = {}) throws(SpoolError) {
        if hasFailed, failure == .noSpace { return }
        if budget > 0 {
            budget -= 1
            return
        }
        if !hasFailed { try? last() }
        hasFailed = true
        throw .noSpace(path: path)
    }

    func create(_ path: String) throws(SpoolError) -> Descriptor {
        try spend(path)
        return try disk.create(path)
    }

    func write(_ bytes: [UInt8], to file: Descriptor, at offset: Int) throws(SpoolError) {
        let part = Array(bytes[..<Int(Double(bytes.count) * kept)])
        try spend(file.path) { try disk.write(part, to: file, at: offset) }
        try disk.write(bytes, to: file, at: offset)
    }

    func truncate(_ file: Descriptor, to size: Int) throws(SpoolError) {
        try spend(file.path)
        try disk.truncate(file, to: size)
    }

    func synchronize(_ file: Descriptor) throws(SpoolError) { try spend(file.path) }

    func synchronizeDirectory(_ path: String) throws(SpoolError) { try spend(path) }

    func rename(_ path: String, to new: String) throws(SpoolError) {
        try spend(path)
        try disk.rename(path, to: new)
    }

    func remove(_ path: String) throws(SpoolError) {
        try spend(path)
        try disk.remove(path)
    }
}

extension Spool {
    /// The oldest record that the only destination of most tests gets.
    var firstSequence: UInt64 { firstSequence(for: "a") }

    func acknowledge(through: UInt64) throws { try acknowledge(through: through, by: "a") }

    /// Every record held from `sequence` on, by sequence number. The heads before them must be those
    /// that the records give.
    func contents(from sequence: UInt64 = 1) throws -> [UInt64: [UInt8]] {
        var contents: [UInt64: [UInt8]] = [:]
        var (next, head) = (sequence, ChainHead?.none)
        if sequence == 1 { head = ChainHead(startOf: run.rawValue, after: predecessor) }
        while let batch = try batch(from: next, maximumRecords: 7, maximumBytes: 500) {
            if let head, batch.first == next { #expect(batch.previous == head) }
            for (offset, record) in batch.records.enumerated() {
                contents[batch.first + UInt64(offset)] = record
            }
            next = batch.first + UInt64(batch.records.count)
            head = batch.previous.appending(batch.records)
        }
        return contents
    }
}

/// A record that tells its own number, of a length that varies with it.
func record(_ number: UInt64) -> [UInt8] {
    Array("record \(number) ".utf8)
        + Array(repeating: UInt8(number & 0x7F), count: Int(number % 23))
}

/// A generator whose seed makes a failure repeatable (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
