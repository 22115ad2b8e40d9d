import Glibc
import Settings

/// A secret in a file that its owner alone may use.
struct SecretFile {
    let path: String
    let purpose: SecretPurpose

    init(_ path: String, of purpose: SecretPurpose) {
        self.path = path
        self.purpose = purpose
    }

    func error(_ cause: SecretFileError.Cause) -> SecretFileError {
        SecretFileError(path: path, purpose: purpose, cause: cause)
    }

    /// The bytes in the file.
    ///
    /// - Parameter isLinkFollowed: whether the path may be a link to the file.
    func read(isLinkFollowed: Bool = true) throws(SecretFileError) -> [UInt8] {
        // Not blocking: it may be a FIFO.
        let flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | (isLinkFollowed ? 0 : O_NOFOLLOW)
        let file = open(path, flags)
        guard file >= 0 else { throw error(.unreadable(errno)) }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0 else { throw error(.unreadable(errno)) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw error(.notAFile) }
        guard status.st_mode & 0o077 == 0 else { throw error(.exposed) }
        var bytes = [UInt8](repeating: 0, count: purpose.lengths.upperBound + 1)
        let count = Glibc.read(file, &bytes, bytes.count)
        guard count >= 0 else { throw error(.unreadable(errno)) }
        guard purpose.lengths.contains(count) else {
            throw error(.badLength(max(count, Int(clamping: status.st_size))))
        }
        return Array(bytes[..<count])
    }

    /// The bytes in the file, which gets those of `random` where it is missing.
    func readOrMake(_ random: () -> [UInt8]) throws(SecretFileError) -> [UInt8] {
        if let bytes = try readIfThere() { return bytes }
        let bytes = random()
        try make(bytes)
        return bytes
    }

    /// The bytes in the file; `nil` where it is missing.
    func readIfThere() throws(SecretFileError) -> [UInt8]? {
        do throws(SecretFileError) { return try read() } catch {
            guard error.cause == .unreadable(ENOENT) else { throw error }
            return nil
        }
    }

    /// Puts the bytes into a file that takes the place of the one before.
    func make(_ bytes: [UInt8]) throws(SecretFileError) {
        let new = path + ".new"
        let file = open(
            new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o600)
        guard file >= 0 else { throw error(.unwritable(errno)) }
        let isWritten = write(file, bytes, bytes.count) == bytes.count && fsync(file) == 0
        let code = errno
        close(file)
        guard isWritten, rename(new, path) == 0 else {
            throw error(.unwritable(isWritten ? errno : code))
        }
    }
}

/// What a secret is for.
package enum SecretPurpose: Sendable, Hashable {
    /// The keys of flows are hashed with it, on all hosts that share flows.
    case sharedFlowKeys
    /// The keys of flows are hashed with it, on this host alone.
    case ownFlowKeys
    /// Batches are signed with it.
    case signing

    /// Whether the agent makes it where it is missing.
    var isMadeByAgent: Bool { self != .sharedFlowKeys }

    /// How many bytes it may have.
    var lengths: ClosedRange<Int> {
        self == .signing ? SigningKeyFile.lengths : FlowSecretFile.lengths
    }

    /// What it means that the agent makes another.
    func loss(in language: SentenceLanguage) -> String {
        switch self {
        case .sharedFlowKeys, .ownFlowKeys:
            language.say(
                "and no flow is known again: an open one is incomplete where earlier steps are "
                    + "required, and a completed one may count once more",
                "此前的流程均不再识别：进行中的流程若须先经过其他步骤，将记为未完成；已完成的流程可能再计一次")
        case .signing:
            language.say(
                "records that were not sent are lost, and the collector names the change",
                "尚未发送的记录将丢失，采集端会提示变更")
        }
    }
}

/// Why there is no secret.
package struct SecretFileError: Error, Hashable {
    /// What is wrong with the file.
    package enum Cause: Hashable, Sendable {
        /// With the system's error.
        case unreadable(Int32)
        case notAFile
        /// Others than its owner may read or change it.
        case exposed
        /// With the bytes that it has.
        case badLength(Int)
        /// With the system's error.
        case unwritable(Int32)
    }

    package let path: String
    package let purpose: SecretPurpose
    package let cause: Cause

    /// Whether a right is missing.
    var isPermission: Bool {
        switch cause {
        case .unreadable(let code), .unwritable(let code): code == EACCES || code == EPERM
        case .notAFile, .exposed, .badLength: false
        }
    }
}

extension SecretFileError: CustomStringConvertible {
    package var description: String {
        switch (cause, purpose) {
        case (.unreadable(ENOENT), .sharedFlowKeys):
            """
            there is no secret \(path): make it with `(umask 077; head -c 32 /dev/urandom > \(path))`, \
            and copy it to all hosts that share flows
            """
        case (.unreadable(let code), _):
            """
            cannot read the secret \(path): \(String(cString: strerror(code))). Give it to the \
            agent's user, with mode 0600
            """
        case (.notAFile, .sharedFlowKeys):
            "\(path) is no file: name a file of random bytes in flow_secret"
        case (.notAFile, _): "\(path) is no file: move it away, and the agent makes one"
        case (.exposed, _):
            "others than its owner may use the secret \(path): `chmod 600 \(path)`"
        case (.badLength(let bytes), _): badLength(bytes)
        case (.unwritable(let code), _):
            """
            cannot make the secret \(path): \(String(cString: strerror(code))). Let the agent's user \
            write to the folder, or name another with agent.state
            """
        }
    }

    private func badLength(_ bytes: Int) -> String {
        let (least, most) = (purpose.lengths.lowerBound, purpose.lengths.upperBound)
        let remedy =
            purpose.isMadeByAgent
            ? "Restore it, or remove it: the agent makes another at its next start, "
                + purpose.loss(in: .english)
            : "Make another with `(umask 077; head -c 32 /dev/urandom > \(path))`, and copy it to "
                + "all hosts that share flows"
        return "the \(purpose == .signing ? "key" : "secret") \(path) has \(bytes) "
            + "byte\(bytes == 1 ? "" : "s"): it takes "
            + (least == most ? "\(least)" : "\(least) to \(most)") + ". " + remedy
    }
}
