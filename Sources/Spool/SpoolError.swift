import Glibc

/// Why the spool cannot do what was asked, by what the caller must do about it.
package enum SpoolError: Error, Hashable, Sendable {
    /// Another process uses the directory.
    case locked(path: String)
    /// The process may not use the file or directory (EACCES, EPERM).
    case permission(path: String, call: String)
    /// The disk or the quota is full (ENOSPC, EDQUOT). The same append may be tried again.
    case noSpace(path: String)
    /// The file system is mounted read-only (EROFS). The same append may be tried again.
    case readOnly(path: String)
    /// A FIFO, a socket, a device or a directory has the name of a file.
    case notAFile(path: String)
    /// The spool's folder is a file or the like.
    case notAFolder(path: String)
    /// Any other error of the system.
    case io(path: String, call: String, errno: Int32)
    /// A newer version of this program wrote the file.
    case unknownFormat(path: String, version: UInt32)
    /// A record is empty or longer than `SpoolLimits.record`.
    case recordLength(Int, limit: Int)
    /// A manifest is empty or longer than `SpoolLimits.manifest`.
    case manifestLength(Int, limit: Int)
    /// `use(manifest:)` comes before the first append.
    case noManifest
    /// Somebody acknowledged who was not named at opening.
    case unknownDestination(String)
    /// A record was acknowledged that was never made.
    case acknowledgedUnmade(through: UInt64, next: UInt64)

    init(_ errno: Int32, _ call: String, _ path: String) {
        self =
            switch errno {
            case EACCES, EPERM: .permission(path: path, call: call)
            case ENOSPC, EDQUOT: .noSpace(path: path)
            case EROFS: .readOnly(path: path)
            default: .io(path: path, call: call, errno: errno)
            }
    }

    /// Whether there is nothing of that name.
    var isGone: Bool {
        if case .io(_, _, ENOENT) = self { true } else { false }
    }

    /// The same, of something in `directory` or of that itself, where `directory` is no folder.
    func ofFolder(_ directory: String) -> SpoolError {
        guard case .io(_, _, ENOTDIR) = self else { return self }
        var status = stat()
        let isThere = stat(directory, &status) == 0
        return isThere && status.st_mode & S_IFMT != S_IFDIR ? .notAFolder(path: directory) : self
    }

    /// Whether one file is at fault, and not the directory, the process or the system: it is gone,
    /// cannot be read, or is no plain file.
    var isOfFile: Bool {
        if case .notAFile = self { return true }
        guard case .io(_, _, let errno) = self else { return false }
        return [ENOENT, EIO, ELOOP, EISDIR, ENXIO, ENODEV].contains(errno)
    }
}

extension SpoolError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .locked(let path):
            "\(path) is used by another agent: stop it, or give this one its own state directory"
        case .permission(let path, let call):
            "no permission to \(call) \(path): give it to the agent's user with mode 0700"
        case .noSpace(let path): "no space left for \(path): free some or move the state directory"
        case .readOnly(let path): "\(path) lies on a read-only file system: remount it writable"
        case .notAFile(let path): "\(path) is no file: move it away"
        case .notAFolder(let path):
            """
            \(path) is no folder: move it away (`mv -nT \(path) \(path).aside`), and the agent makes \
            the folder at its start
            """
        case .io(let path, let call, let errno):
            "cannot \(call) \(path): \(String(cString: strerror(errno)))"
        case .unknownFormat(let path, let version):
            "\(path) has format \(version), written by a newer version: run that version"
        case .recordLength(let length, let limit):
            "a record of \(length) bytes, allowed are 1 to \(limit)"
        case .manifestLength(let length, let limit):
            "a manifest of \(length) bytes, allowed are 1 to \(limit)"
        case .noManifest: "a record came before the first manifest"
        case .unknownDestination(let name): "\(name) is no destination of the spool"
        case .acknowledgedUnmade(let through, let next):
            "record \(through) was acknowledged, but the next to be made is \(next)"
        }
    }
}
