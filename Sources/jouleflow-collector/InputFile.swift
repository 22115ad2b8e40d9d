import CommandLines
import Foundation

/// A file that a user names.
enum InputFile {
    /// Its bytes: at most one more than the limit, which whoever reads them refuses.
    ///
    /// Throws ``Failure`` where it cannot be read.
    static func bytes(_ file: String, limit: Int) throws -> [UInt8] {
        guard !isFolder(file) else {
            throw Failure(.unreadable, "cannot read \(file): it is a folder")
        }
        let descriptor = open(file, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw Failure(.unreadable, "cannot read \(file): \(String(cString: strerror(errno)))")
        }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        do {
            var bytes: [UInt8] = []
            while bytes.count <= limit,
                let more = try handle.read(upToCount: min(1 << 20, limit + 1 - bytes.count)),
                !more.isEmpty
            { bytes += more }
            return bytes
        } catch { throw Failure(.unreadable, "cannot read \(file): \(error)") }
    }

    /// Whether it is there and neither a file nor a folder: a FIFO would be waited for.
    static func isNoFile(_ path: String) -> Bool {
        var status = stat()
        guard stat(path, &status) == 0 else { return false }
        return ![S_IFREG, S_IFDIR].contains(status.st_mode & S_IFMT)
    }

    static func isFolder(_ path: String) -> Bool {
        var isFolder: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
            && isFolder.boolValue
    }
}
