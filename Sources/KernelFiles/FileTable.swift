// Hot path: `read` runs every second for every counter and does not allocate.
import Glibc

/// Files of sysfs and procfs that are read again and again through held descriptors.
///
/// A descriptor names the object it was opened on: after a process has ended or a device was
/// unplugged, reading fails and never reaches another one that took over the name. Descriptors
/// are closed when the table goes away.
package struct FileTable: ~Copyable, Sendable {
    /// A file of this table, valid until it is removed.
    package struct Handle: Sendable, Hashable {
        fileprivate let index: Int
    }

    private struct Slot: Sendable {
        var descriptor: Int32
        /// Why the file could not be opened, where `descriptor` is −1.
        var failure: ReadFailure?
        var used = true
    }

    private var slots: [Slot] = []

    /// The bytes of the latest read, in front.
    package private(set) var buffer: [UInt8]

    /// A table whose reads take at most `limit` − 1 bytes.
    package init(limit: Int) { buffer = Array(repeating: 0, count: max(2, limit)) }

    deinit {
        for slot in slots where slot.descriptor >= 0 { close(slot.descriptor) }
    }

    /// Opens `path` and holds it. A file that cannot be opened has a handle too: its reads say why.
    package mutating func add(_ path: String) -> Handle {
        var slot = Slot(descriptor: -1)
        do {
            slot.descriptor = try openRegular(path)
        } catch {
            slot.failure = error
        }
        if let index = slots.firstIndex(where: { !$0.used }) {
            slots[index] = slot
            return Handle(index: index)
        }
        slots.append(slot)
        return Handle(index: slots.count - 1)
    }

    /// Closes a file. Its handle must not be used again.
    package mutating func remove(_ handle: Handle) {
        if slots[handle.index].descriptor >= 0 { close(slots[handle.index].descriptor) }
        slots[handle.index] = Slot(descriptor: -1, failure: .missing, used: false)
    }

    /// Reads the file from its beginning into `buffer` and returns the number of bytes.
    ///
    /// One `pread`: the kernel writes a sysfs or procfs text anew for each read at offset 0.
    package mutating func read(_ handle: Handle) throws(ReadFailure) -> Int {
        let count = try readPrefix(handle)
        if count == buffer.count { throw .tooLong(limit: buffer.count - 1) }
        return count
    }

    /// Like `read`, for a text whose first `buffer.count` bytes are enough.
    package mutating func readPrefix(_ handle: Handle) throws(ReadFailure) -> Int {
        let slot = slots[handle.index]
        if let failure = slot.failure { throw failure }
        while true {
            let count = pread(slot.descriptor, &buffer, buffer.count, 0)
            if count >= 0 { return count }
            if errno != EINTR { throw ReadFailure(errno: errno) }
        }
    }

    /// Doubles the buffer up to `limit` bytes; `false` where it has that size already.
    package mutating func growBuffer(limit: Int) -> Bool {
        guard buffer.count < limit else { return false }
        buffer = Array(repeating: 0, count: min(limit, buffer.count * 2))
        return true
    }
}

/// Opens a regular file for reading. A FIFO neither blocks nor is accepted.
func openRegular(_ path: String) throws(ReadFailure) -> Int32 {
    var descriptor: Int32
    repeat {
        descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)
    } while descriptor < 0 && errno == EINTR
    if descriptor < 0 { throw ReadFailure(errno: errno) }
    var status = stat()
    let failed = fstat(descriptor, &status) != 0
    if failed || status.st_mode & S_IFMT != S_IFREG {
        let failure = failed ? ReadFailure(errno: errno) : .notRegular
        close(descriptor)
        throw failure
    }
    return descriptor
}

/// The first line of a small file without white space at its ends; invalid UTF-8 is repaired.
///
/// `limit` bounds the length; longer is an error.
package func readLine(of path: String, limit: Int = 4096) throws(ReadFailure) -> String {
    let text = try readText(of: path, limit: limit)
    // By bytes: as a Character, "\r\n" is no line feed.
    let line = text.utf8.prefix { $0 != 0x0A }
    let isBlank: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }
    let front = line.drop(while: isBlank)
    guard let end = front.lastIndex(where: { !isBlank($0) }) else { return "" }
    return String(decoding: front[...end], as: UTF8.self)
}

/// A whole file of at most `limit` bytes as text; invalid UTF-8 is repaired.
///
/// A longer file is an error, or with `cutting` is read up to the limit.
package func readText(
    of path: String, limit: Int, cutting: Bool = false
) throws(ReadFailure) -> String {
    let descriptor = try openRegular(path)
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var block = [UInt8](repeating: 0, count: min(65_536, limit + 1))
    while true {
        let count = read(descriptor, &block, block.count)
        if count < 0 {
            if errno == EINTR { continue }
            throw ReadFailure(errno: errno)
        }
        if count == 0 { break }
        bytes.append(contentsOf: block[..<count])
        if bytes.count > limit {
            if cutting { break }
            throw .tooLong(limit: limit)
        }
    }
    return String(decoding: bytes, as: UTF8.self)
}
