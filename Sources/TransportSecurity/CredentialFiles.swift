import Glibc

/// Which side of a connection this is.
package enum TransportSide: Sendable, Hashable {
    /// Connects, and verifies the collector's name.
    case agent
    /// Accepts, and asks every peer for a certificate.
    case collector
}

/// The files that make one side's identity and say whom it trusts.
package struct CredentialFiles: Sendable, Hashable {
    /// The path of the certificates of the trusted authorities, in PEM.
    package let authorities: String
    /// The path of this side's certificate and those between it and its authority, in PEM.
    package let certificate: String
    /// The path of the private key of `certificate`, in PEM.
    package let key: String

    package init(authorities: String, certificate: String, key: String) {
        self.authorities = authorities
        self.certificate = certificate
        self.key = key
    }

    var paths: [String] { [authorities, certificate, key] }
}

/// Why the files cannot be used.
package enum CredentialProblem: Error, Sendable, Hashable, CustomStringConvertible {
    case unreadable(path: String, errno: Int32)
    case notAFile(path: String)
    case tooLarge(path: String, limitBytes: Int)
    /// Others than its owner may read or change the private key.
    case exposedKey(path: String)
    /// The file has no certificate in PEM, or one that is damaged.
    case noCertificate(path: String)
    /// The file has no private key in PEM, or one under a password.
    case noKey(path: String)
    /// The key does not belong to the certificate.
    case keyMismatch(certificate: String, key: String)
    case unusable(certificate: String, reason: String)

    package var description: String {
        switch self {
        case .unreadable(let path, ENOENT):
            "there is no \(path): put the file there, or correct the path under tls"
        case .unreadable(let path, let code):
            "cannot read \(path): \(String(cString: strerror(code))); give it to the account that "
                + "runs this program"
        case .notAFile(let path): "\(path) is no file: name a PEM file under tls"
        case .tooLarge(let path, let limit):
            "\(path) is larger than \(limit) bytes: name a PEM file under tls"
        case .exposedKey(let path):
            "others than its owner may use the private key \(path): `chmod 600 \(path)`"
        case .noCertificate(let path):
            "\(path) holds no certificate that can be read: it takes PEM, from -----BEGIN "
                + "CERTIFICATE----- on"
        case .noKey(let path):
            "\(path) holds no private key that can be read: it takes PEM without a password, from "
                + "-----BEGIN PRIVATE KEY----- on"
        case .keyMismatch(let certificate, let key):
            "the key \(key) does not belong to the first certificate in \(certificate): put both "
                + "files from one issue there"
        case .unusable(let certificate, let reason):
            "the certificate in \(certificate) cannot be used: \(reason)"
        }
    }

    /// Whether a right is missing.
    package var isPermission: Bool {
        if case .unreadable(_, let code) = self { code == EACCES || code == EPERM } else { false }
    }
}

/// What tells two states of a file apart.
struct FileMark: Hashable, Sendable {
    private let device: UInt64
    private let inode: UInt64
    private let size: Int64
    private let changes: [Int]
    /// 0 where the file could be looked at.
    private let errno: Int32

    init(_ path: String) {
        var status = stat()
        let isThere = stat(path, &status) == 0
        self.init(status, errno: isThere ? 0 : Glibc.errno)
    }

    init(_ status: stat, errno: Int32 = 0) {
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        size = Int64(status.st_size)
        // A new mode, and a copy that keeps its time of change, show in st_ctim alone.
        changes = [
            status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_ctim.tv_sec,
            status.st_ctim.tv_nsec,
        ]
        self.errno = errno
    }
}

/// A file read whole, with what tells it apart from a later one.
struct CredentialFile {
    /// Bytes; a longer file is refused.
    static let maximumBytes = 1 << 20

    let bytes: [UInt8]
    let mark: FileMark

    init(_ path: String, isSecret: Bool) throws(CredentialProblem) {
        // Not blocking: it may be a FIFO.
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard file >= 0 else { throw .unreadable(path: path, errno: errno) }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0 else { throw .unreadable(path: path, errno: errno) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .notAFile(path: path) }
        guard !isSecret || status.st_mode & 0o077 == 0 else { throw .exposedKey(path: path) }
        var bytes: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 16 << 10)
        while true {
            let count = Glibc.read(file, &block, block.count)
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw .unreadable(path: path, errno: errno) }
            if count == 0 { break }
            bytes += block.prefix(count)
            guard bytes.count <= Self.maximumBytes else {
                throw .tooLarge(path: path, limitBytes: Self.maximumBytes)
            }
        }
        self.bytes = bytes
        mark = FileMark(status)
    }
}
