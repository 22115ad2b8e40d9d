import Glibc
import Scenarios
package import Settings

/// Why there is no secret to hash the keys of flows with.
package enum FlowSecretError: Error, Hashable, CustomStringConvertible {
    case unreadable(path: String, errno: Int32)
    case notAFile(path: String)
    /// Others than its owner may read or change it.
    case exposed(path: String)
    /// Of longer ones, one byte above the limit is told.
    case badLength(path: String, bytes: Int)
    case unwritable(path: String, errno: Int32)

    package var description: String {
        let most = FlowSecret.lengths.upperBound
        return switch self {
        case .unreadable(let path, ENOENT):
            """
            there is no secret \(path): make it with `(umask 077; head -c 32 /dev/urandom > \(path))`, \
            and copy it to all hosts that share flows
            """
        case .unreadable(let path, let code):
            """
            cannot read the secret \(path): \(String(cString: strerror(code))). Give it to the \
            agent's user, with mode 0600
            """
        case .notAFile(let path): "\(path) is no file: name a file of random bytes in flow_secret"
        case .exposed(let path):
            "others than its owner may use the secret \(path): `chmod 600 \(path)`"
        case .badLength(let path, let bytes):
            """
            the secret \(path) has \(min(bytes, most))\(bytes > most ? " bytes and more" : " bytes"): \
            it takes \(FlowSecret.lengths.lowerBound) to \(most), such as `head -c 32 /dev/urandom > \(path)`
            """
        case .unwritable(let path, let code):
            """
            cannot make the secret \(path): \(String(cString: strerror(code))). Let the agent's user \
            write to the folder, or name another with agent.state
            """
        }
    }

    /// Whether a right is missing.
    var isPermission: Bool {
        switch self {
        case .unreadable(_, let code), .unwritable(_, let code): code == EACCES || code == EPERM
        case .notAFile, .exposed, .badLength: false
        }
    }
}

/// The file `flow_secret`, for people.
package enum FlowSecretSummary {
    /// Says that the file the settings name can be used; `nil` where they name none. Throws where
    /// the agent would not start with it.
    package static func line(
        _ settings: AgentSettings, in language: SentenceLanguage
    ) throws(FlowSecretError) -> String? {
        guard let path = settings.flowKeys.secret else { return nil }
        _ = try FlowSecretFile.secret(path, else: path)
        return language.say(
            "The secret in \(path) can be used: its length is right, and its owner alone may read it.",
            "\(path) 中的密钥可用：长度符合要求，且仅其所有者可读。")
    }
}

/// The secret that the keys of flows are hashed with, in a file.
enum FlowSecretFile {
    /// The secret in the file that the settings name, or else the host's own, which is made where
    /// it is missing.
    static func secret(
        _ named: String?, else own: String
    ) throws(FlowSecretError) -> FlowSecret {
        if let named { return try read(named) }
        do throws(FlowSecretError) { return try read(own) } catch {
            guard error == .unreadable(path: own, errno: ENOENT) else { throw error }
        }
        return try make(own)
    }

    private static func read(_ path: String) throws(FlowSecretError) -> FlowSecret {
        // Not blocking: it may be a FIFO.
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else { throw .unreadable(path: path, errno: errno) }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0 else { throw .unreadable(path: path, errno: errno) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .notAFile(path: path) }
        guard status.st_mode & 0o077 == 0 else { throw .exposed(path: path) }
        var bytes = [UInt8](repeating: 0, count: FlowSecret.lengths.upperBound + 1)
        let count = Glibc.read(file, &bytes, bytes.count)
        guard count >= 0 else { throw .unreadable(path: path, errno: errno) }
        guard let secret = FlowSecret(Array(bytes[..<count])) else {
            throw .badLength(path: path, bytes: count)
        }
        return secret
    }

    private static func make(_ path: String) throws(FlowSecretError) -> FlowSecret {
        let (secret, bytes) = FlowSecret.random()
        let new = path + ".new"
        let file = open(
            new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o600)
        guard file >= 0 else { throw .unwritable(path: path, errno: errno) }
        let isWritten = write(file, bytes, bytes.count) == bytes.count && fsync(file) == 0
        let code = errno
        close(file)
        guard isWritten, rename(new, path) == 0 else {
            throw .unwritable(path: path, errno: isWritten ? errno : code)
        }
        return secret
    }
}
