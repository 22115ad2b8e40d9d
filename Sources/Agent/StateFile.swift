import CRC32C
import Glibc
import SwiftProtobuf

/// A small file of the state directory that is replaced as a whole. See proto/state.proto.
///
/// It is written under another name and renamed, so that no reader and no end of the process finds
/// half of it. Only what must outlive a loss of power is synchronised to the disk.
struct StateFile: Sendable {
    /// A larger file is none of ours.
    static let limit = 65_536

    let path: String
    /// Whether the content must outlive a loss of power.
    let synchronizes: Bool

    /// The message in the file; `nil` where there is no file or it is damaged.
    func read<Message: SwiftProtobuf.Message>(as type: Message.Type = Message.self) -> Message? {
        do throws(StateFileError) { return try readOrFail(as: type) } catch { return nil }
    }

    /// The message in the file; `nil` where there is no file. Throws where it cannot be read or is
    /// damaged.
    func readOrFail<Message: SwiftProtobuf.Message>(
        as type: Message.Type = Message.self
    ) throws(StateFileError) -> Message? {
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        guard file >= 0 else {
            guard errno != ENOENT else { return nil }
            throw StateFileError(path: path, errno: errno)
        }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: Self.limit + 5)
        let count = Glibc.read(file, &bytes, bytes.count)
        guard count >= 0 else { throw StateFileError(path: path, errno: errno) }
        let damaged = StateFileError(path: path, errno: EBADMSG)
        guard count >= 4, count <= Self.limit + 4 else { throw damaged }
        let payload = Array(bytes[4..<count])
        let checksum = bytes[..<4].reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        guard CRC32C.checksum(payload) == checksum else { throw damaged }
        do { return try Message(serializedBytes: payload) } catch { throw damaged }
    }

    /// Replaces the content.
    func write(_ message: some SwiftProtobuf.Message) throws(StateFileError) {
        let payload: [UInt8]
        do { payload = try message.serializedBytes() } catch {
            throw StateFileError(path: path, errno: EINVAL)
        }
        let checksum = CRC32C.checksum(payload)
        let bytes = (0..<4).map { UInt8(truncatingIfNeeded: checksum >> (8 * $0)) } + payload
        let new = path + ".new"
        // Not blocking: somebody may have put a FIFO there.
        let file = open(
            new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o600)
        guard file >= 0 else { throw StateFileError(path: new, errno: errno) }
        let put = Glibc.write(file, bytes, bytes.count)
        let isWritten = put == bytes.count && (!synchronizes || fsync(file) == 0)
        let code = put >= 0 && put < bytes.count ? ENOSPC : errno
        close(file)
        guard isWritten else { throw StateFileError(path: new, errno: code) }
        guard rename(new, path) == 0 else { throw StateFileError(path: path, errno: errno) }
    }
}

/// A state file cannot be written, or read.
struct StateFileError: Error, Hashable, CustomStringConvertible {
    let path: String
    /// `EBADMSG` of one that is damaged.
    let errno: Int32

    var description: String {
        "\(path): \(errno == EBADMSG ? "it is damaged" : String(cString: strerror(errno)))"
    }
}
