import Glibc

/// The system calls that change the disk. Tests put one in between that fails or dies.
protocol Disk: AnyObject {
    /// Creates or empties a file of mode 0600 for reading and writing, in the place of what is no file.
    func create(_ path: String) throws(SpoolError) -> Descriptor
    func write(_ bytes: [UInt8], to file: Descriptor, at offset: Int) throws(SpoolError)
    func truncate(_ file: Descriptor, to size: Int) throws(SpoolError)
    /// Makes a file's bytes and length durable.
    func synchronize(_ file: Descriptor) throws(SpoolError)
    /// Makes creations, renames and removals durable.
    func synchronizeDirectory(_ path: String) throws(SpoolError)
    func rename(_ path: String, to new: String) throws(SpoolError)
    /// Removes a file; one that is gone already is no error.
    func remove(_ path: String) throws(SpoolError)
}

/// An open file, closed with its last reference.
final class Descriptor {
    let number: Int32
    let path: String

    /// Opens a plain file, or with `O_DIRECTORY` a directory. Waits for nobody: what is there may be a
    /// FIFO. Throws `.notAFile` where it is, and where it is a socket, a device or a directory.
    init(_ path: String, _ flags: Int32, mode: mode_t = 0) throws(SpoolError) {
        self.path = path
        let opened = try retrying("open", path) {
            open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, mode)
        }
        var status = stat()
        let kind = flags & O_DIRECTORY == 0 ? S_IFREG : S_IFDIR
        guard fstat(opened, &status) == 0, status.st_mode & S_IFMT == kind else {
            close(opened)
            throw .notAFile(path: path)
        }
        number = opened
    }

    /// A file of mode 0600 that is made where it is missing, and where what has its name is no file: an
    /// empty folder too. Throws `.notAFile` where it is a folder with something in it.
    static func made(_ path: String, _ flags: Int32) throws(SpoolError) -> Descriptor {
        let flags = flags | O_CREAT | O_NOFOLLOW
        do throws(SpoolError) { return try Descriptor(path, flags, mode: 0o600) } catch {
            guard error.isOfFile else { throw error }
            guard unlink(path) == 0 || rmdir(path) == 0 else {
                guard case .io(_, _, EISDIR) = error else { throw error }
                throw .notAFile(path: path)
            }
            return try Descriptor(path, flags, mode: 0o600)
        }
    }

    deinit { close(number) }

    func size() throws(SpoolError) -> Int {
        var status = stat()
        _ = try retrying("stat", path) { fstat(number, &status) }
        return Int(status.st_size)
    }

    /// Whether the path still leads to this file.
    func isStill(at path: String) throws(SpoolError) -> Bool {
        var (own, named) = (stat(), stat())
        _ = try retrying("stat", path) { fstat(number, &own) }
        do { _ = try retrying("stat", path) { lstat(path, &named) } } catch {
            if error.isGone { return false }
            throw error
        }
        return own.st_ino == named.st_ino && own.st_dev == named.st_dev
    }

    /// Up to `count` bytes from `offset`; fewer at the file's end.
    func read(from offset: Int, count: Int) throws(SpoolError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: max(0, count))
        var done = 0
        while done < bytes.count {
            let got = try retrying("read", path) {
                bytes.withUnsafeMutableBytes {
                    pread(
                        number, $0.baseAddress?.advanced(by: done), $0.count - done, offset + done)
                }
            }
            if got == 0 { break }
            done += got
        }
        bytes.removeLast(bytes.count - done)
        return bytes
    }
}

/// A system call, made again on EINTR; its error by name and path.
func retrying<Number: SignedInteger>(
    _ call: String, _ path: String, _ body: () -> Number
) throws(SpoolError) -> Number {
    while true {
        let result = body()
        if result >= 0 { return result }
        let code = errno
        if code != EINTR { throw SpoolError(code, call, path) }
    }
}

/// The disk itself.
final class SystemDisk: Disk {
    func create(_ path: String) throws(SpoolError) -> Descriptor {
        try Descriptor.made(path, O_RDWR | O_TRUNC)
    }

    func write(_ bytes: [UInt8], to file: Descriptor, at offset: Int) throws(SpoolError) {
        var done = 0
        while done < bytes.count {
            let count = try retrying("write", file.path) {
                bytes.withUnsafeBytes {
                    pwrite(
                        file.number, $0.baseAddress?.advanced(by: done), $0.count - done,
                        offset + done)
                }
            }
            done += count
        }
    }

    func truncate(_ file: Descriptor, to size: Int) throws(SpoolError) {
        _ = try retrying("truncate", file.path) { ftruncate(file.number, size) }
    }

    func synchronize(_ file: Descriptor) throws(SpoolError) {
        _ = try retrying("synchronize", file.path) { fdatasync(file.number) }
    }

    func synchronizeDirectory(_ path: String) throws(SpoolError) {
        let directory = try Descriptor(path, O_RDONLY | O_DIRECTORY)
        _ = try retrying("synchronize", path) { fsync(directory.number) }
    }

    func rename(_ path: String, to new: String) throws(SpoolError) {
        _ = try retrying("rename", path) { Glibc.rename(path, new) }
    }

    func remove(_ path: String) throws(SpoolError) {
        do { _ = try retrying("remove", path) { unlink(path) } } catch {
            guard error.isGone else { throw error }
        }
    }
}

/// The names in a directory.
func names(in directory: String) throws(SpoolError) -> [String] {
    guard let stream = opendir(directory) else { throw SpoolError(errno, "list", directory) }
    defer { closedir(stream) }
    var names: [String] = []
    while true {
        errno = 0
        guard let entry = readdir(stream) else {
            if errno != 0 { throw SpoolError(errno, "list", directory) }
            return names
        }
        names.append(
            withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            })
    }
}
