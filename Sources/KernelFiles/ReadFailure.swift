import Glibc

/// Why a file of sysfs or procfs could not be read.
package enum ReadFailure: Error, Sendable, Hashable, CustomStringConvertible {
    /// EACCES or EPERM.
    case permissionDenied
    /// The file, or the device or process behind it, is gone: ENOENT, ENODEV, ENXIO, ESRCH.
    case missing
    /// Any other error number.
    case failed(errno: Int32)
    /// A directory, FIFO, socket or device in place of a file.
    case notRegular
    /// The text fills the whole buffer: there may be more.
    case tooLong(limit: Int)

    /// The failure that the C library's `errno` names.
    package init(errno number: Int32) {
        switch number {
        case EACCES, EPERM: self = .permissionDenied
        case ENOENT, ENODEV, ENXIO, ESRCH, ENOTDIR: self = .missing
        default: self = .failed(errno: number)
        }
    }

    package var description: String {
        switch self {
        case .permissionDenied: "permission denied"
        case .missing: "no such file, device or process"
        case .failed(let number): "\(String(cString: strerror(number))) (errno \(number))"
        case .notRegular: "not a regular file"
        case .tooLong(let limit): "longer than \(limit) bytes"
        }
    }
}
