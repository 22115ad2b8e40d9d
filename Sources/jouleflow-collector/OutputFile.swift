import CommandLines
import Foundation
import Glibc

/// Files that a command writes: each is there as a whole or not at all.
enum OutputFile {
    /// Writes a file beside its name and moves it there, in the place of one that is there.
    static func write(_ text: String, to path: String) throws(Failure) {
        do {
            try Data(text.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
        } catch let error as CocoaError where error.code == .fileWriteNoPermission {
            throw Failure(.permission, "cannot write \(path): permission denied")
        } catch {
            throw Failure(.unreadable, "cannot write \(path): \(error.localizedDescription)")
        }
    }

    /// Writes several files into a folder, which is made where it is not there.
    static func write(_ files: [(name: String, text: String)], into folder: String) throws(Failure)
    {
        do {
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true)
        } catch let error as CocoaError where error.code == .fileWriteNoPermission {
            throw Failure(.permission, "cannot make \(folder): permission denied")
        } catch {
            throw Failure(.unreadable, "cannot make \(folder): \(error.localizedDescription)")
        }
        for file in files { try write(file.text, to: "\(folder)/\(file.name)") }
    }

    /// Whether the path names a folder: one that is there, or a name that ends so.
    static func isFolder(_ path: String) -> Bool {
        var isFolder: ObjCBool = false
        let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
        return exists ? isFolder.boolValue : path.hasSuffix("/")
    }
}
