import CommandLines
import Glibc

/// An export while it is written: beside its name until it is whole, and for its owner alone.
final class ExportFile {
    private let path: String
    private let part: String
    private let descriptor: Int32
    private var buffer: [UInt8] = []

    /// Bytes that are written at a time.
    private static let chunk = 1 << 20

    /// Throws where `path` exists or its folder takes no file.
    init(_ path: String) throws(Failure) {
        self.path = path
        part = path + ".part"
        var status = stat()
        guard lstat(path, &status) != 0 else {
            throw Failure(.usage, "\(path) exists already: name another file")
        }
        // What an export that was ended left.
        unlink(part)
        descriptor = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Failure(cannot: "write", part, errno) }
    }

    deinit { close(descriptor) }

    func write(_ bytes: [UInt8]) throws(Failure) {
        buffer += bytes
        if buffer.count >= Self.chunk { try flush() }
    }

    /// Gives the whole export its name.
    func finish() throws(Failure) {
        try flush()
        guard fsync(descriptor) == 0 else { throw Failure(cannot: "write", part, errno) }
        guard rename(part, path) == 0 else { throw Failure(cannot: "write", path, errno) }
    }

    /// Removes what was written.
    func abandon() { unlink(part) }

    private func flush() throws(Failure) {
        var rest = buffer
        while !rest.isEmpty {
            let count = Glibc.write(descriptor, rest, rest.count)
            guard count >= 0 || errno == EINTR else { throw Failure(cannot: "write", part, errno) }
            rest.removeFirst(max(0, count))
        }
        buffer.removeAll(keepingCapacity: true)
    }
}

/// An export while it is read; also from a pipe.
final class ImportFile {
    private let path: String
    private let descriptor: Int32

    init(_ path: String) throws(Failure) {
        self.path = path
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Failure(cannot: "read", path, errno) }
    }

    deinit { close(descriptor) }

    /// Whether it is a database of SQLite, as a store is. Source: SQLite's file format, the header string.
    var isStore: Bool {
        var bytes = [UInt8](repeating: 0, count: 16)
        return pread(descriptor, &bytes, bytes.count, 0) == bytes.count
            && bytes == Array("SQLite format 3\0".utf8)
    }

    /// At most `count` bytes; none at the end.
    func read(_ count: Int) throws(Failure) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        while true {
            let got = Glibc.read(descriptor, &bytes, count)
            if got < 0 && errno == EINTR { continue }
            guard got >= 0 else { throw Failure(cannot: "read", path, errno) }
            return Array(bytes.prefix(got))
        }
    }
}

extension Failure {
    /// The system's reason why a file cannot be read or written.
    fileprivate init(cannot verb: String, _ path: String, _ code: Int32) {
        self.init(
            code == EACCES || code == EPERM ? .permission : .unreadable,
            "cannot \(verb) \(path): \(String(cString: strerror(code)))")
    }
}
