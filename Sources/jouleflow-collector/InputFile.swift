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
        guard let handle = FileHandle(forReadingAtPath: file) else {
            throw Failure(.unreadable, "cannot read \(file)")
        }
        do {
            var bytes: [UInt8] = []
            while bytes.count <= limit,
                let more = try handle.read(upToCount: min(1 << 20, limit + 1 - bytes.count)),
                !more.isEmpty
            { bytes += more }
            return bytes
        } catch { throw Failure(.unreadable, "cannot read \(file): \(error)") }
    }

    static func isFolder(_ path: String) -> Bool {
        var isFolder: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
            && isFolder.boolValue
    }
}
