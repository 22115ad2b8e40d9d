import Glibc

/// Why no certificate was made.
package enum AuthorityError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Nothing is overwritten.
    case exists(path: String)
    case unwritable(path: String, errno: Int32)
    case unreadable(path: String, errno: Int32)
    /// Others than its owner may use the authority's key.
    case exposedKey(path: String)
    case notPEM(path: String, holds: String)
    /// The authority's certificate and key are not of one another.
    case keyMismatch(certificate: String, key: String)
    case expired(path: String)
    case badAgent(String)
    case badHost(String)
    /// The library refused, in its words.
    case refused(String)

    package var description: String {
        switch self {
        case .exists(let path):
            "\(path) exists and is never overwritten: move it away, or write to another folder "
                + "with --out"
        case .unwritable(let path, let code):
            "cannot write \(path): \(String(cString: strerror(code)))"
        case .unreadable(let path, ENOENT):
            "there is no \(path): make the authority with `jouleflow-collector ca init`, or name "
                + "its folder with --ca"
        case .unreadable(let path, let code):
            "cannot read \(path): \(String(cString: strerror(code)))"
        case .exposedKey(let path):
            "others than its owner may use the authority's key \(path): `chmod 600 \(path)`"
        case .notPEM(let path, let what): "\(path) holds no \(what) in PEM that can be read"
        case .keyMismatch(let certificate, let key):
            "the key \(key) does not belong to the certificate \(certificate)"
        case .expired(let path):
            "the authority's certificate \(path) has expired: make a new authority in another "
                + "folder, and give its ca.pem to all hosts first"
        case .badAgent(let id): "\"\(id)\" is no agent's id: 1 to 64 of A-Z a-z 0-9 . - _"
        case .badHost(let name):
            "\"\(name)\" is neither an IP address nor a host name of A-Z a-z 0-9 . -"
        case .refused(let reason): "the certificate cannot be made: \(reason)"
        }
    }

    /// Whether a right is missing.
    package var isPermission: Bool {
        switch self {
        case .unwritable(_, let code), .unreadable(_, let code): code == EACCES || code == EPERM
        default: false
        }
    }
}

/// Files of text that are made and never overwritten.
enum NewFile {
    /// Makes each file or none. Modes are those asked for, whatever the umask.
    static func write(
        _ files: [(path: String, text: String, mode: mode_t)]
    ) throws(AuthorityError) {
        var made: [String] = []
        do throws(AuthorityError) {
            for file in files {
                try write(file.text, to: file.path, mode: file.mode) { made.append(file.path) }
            }
        } catch {
            for path in made { unlink(path) }
            throw error
        }
    }

    private static func write(
        _ text: String, to path: String, mode: mode_t, made: () -> Void
    ) throws(AuthorityError) {
        let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard file >= 0 else {
            throw errno == EEXIST ? .exists(path: path) : .unwritable(path: path, errno: errno)
        }
        made()
        defer { close(file) }
        let bytes = Array(text.utf8)
        errno = ENOSPC  // A short write sets none.
        guard Glibc.write(file, bytes, bytes.count) == bytes.count, fchmod(file, mode) == 0,
            fsync(file) == 0
        else { throw .unwritable(path: path, errno: errno) }
    }

    /// The text of a file of at most 64 KiB; `isSecret` where others must have no right to it.
    static func read(_ path: String, isSecret: Bool) throws(AuthorityError) -> String {
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else { throw .unreadable(path: path, errno: errno) }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0 else { throw .unreadable(path: path, errno: errno) }
        guard !isSecret || status.st_mode & 0o077 == 0 else { throw .exposedKey(path: path) }
        var bytes = [UInt8](repeating: 0, count: 64 << 10)
        let count = Glibc.read(file, &bytes, bytes.count)
        guard count >= 0 else { throw .unreadable(path: path, errno: errno) }
        return String(decoding: bytes[..<count], as: UTF8.self)
    }
}
