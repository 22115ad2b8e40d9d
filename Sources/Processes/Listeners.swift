import CLinux
import Glibc
package import Metering

/// A listening TCP socket of this network namespace.
package struct Listener: Sendable, Hashable {
    package let port: UInt16
    /// The id of the cgroup (version 2) whose process made the socket, or `nil` where the kernel
    /// does not tell (before Linux 5.8).
    package let cgroup: UInt64?
    /// Its inode, by which one that took another's place is known.
    package let inode: UInt32

    package init(port: UInt16, cgroup: UInt64?, inode: UInt32 = 0) {
        self.port = port
        self.cgroup = cgroup
        self.inode = inode
    }
}

/// Lists the listening TCP sockets.
package typealias ListenerQuery = @Sendable () throws(ProcessorUnknown) -> [Listener]

/// The listening TCP sockets over IPv4 and IPv6, asked of the kernel. Needs no privilege.
///
/// Source: sock_diag(7); linux/inet_diag.h, `INET_DIAG_CGROUP_ID`.
package func kernelListeners() throws(ProcessorUnknown) -> [Listener] {
    let descriptor = socket(
        AF_NETLINK, Int32(SOCK_RAW.rawValue) | Int32(SOCK_CLOEXEC.rawValue),
        NETLINK_SOCK_DIAG)
    guard descriptor >= 0 else {
        throw errno == EPERM || errno == EACCES ? .permissionDenied : .notFound
    }
    defer { close(descriptor) }
    // The kernel answers at once; the limit is for a kernel that never ends its list.
    var limit = timeval(tv_sec: 1, tv_usec: 0)
    setsockopt(
        descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    return try listeners(AF_INET, descriptor) + listeners(AF_INET6, descriptor)
}

private func listeners(_ family: Int32, _ descriptor: Int32) throws(ProcessorUnknown) -> [Listener]
{
    var header = nlmsghdr()
    var request = inet_diag_req_v2()
    let length = MemoryLayout<nlmsghdr>.size + MemoryLayout<inet_diag_req_v2>.size
    header.nlmsg_len = UInt32(length)
    header.nlmsg_type = UInt16(SOCK_DIAG_BY_FAMILY)
    header.nlmsg_flags = UInt16(NLM_F_REQUEST | NLM_F_ROOT | NLM_F_MATCH)
    request.sdiag_family = UInt8(family)
    request.sdiag_protocol = UInt8(IPPROTO_TCP)
    request.idiag_states = 1 << 10  // TCP_LISTEN
    let bytes =
        withUnsafeBytes(of: header) { Array($0) } + withUnsafeBytes(of: request) { Array($0) }
    guard send(descriptor, bytes, bytes.count, 0) == bytes.count else { throw .readFailed }
    var found: [Listener] = []
    // The kernel cuts its list into messages of at most 32 KiB.
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
        let count = recv(descriptor, &buffer, buffer.count, 0)
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { throw .readFailed }
        if try DiagnosticMessages(buffer, count: count).collect(into: &found) { return found }
    }
}

/// The messages of one answer of sock_diag.
struct DiagnosticMessages {
    private let bytes: [UInt8]
    private let end: Int

    /// The first `count` bytes of `bytes`.
    init(_ bytes: [UInt8], count: Int) {
        self.bytes = bytes
        end = max(0, min(count, bytes.count))
    }

    /// Adds the listeners to `found`; `true` at the end of the list.
    func collect(into found: inout [Listener]) throws(ProcessorUnknown) -> Bool {
        var position = 0
        let headerLength = MemoryLayout<nlmsghdr>.size
        while position + headerLength <= end {
            let length = Int(integer(UInt32.self, at: position))
            guard length >= headerLength, length <= end - position else { throw .malformed }
            let type = Int32(integer(UInt16.self, at: position + 4))
            if type == NLMSG_DONE { return true }
            // A kernel without inet_diag answers ENOENT.
            if type == NLMSG_ERROR { throw .notFound }
            if let listener = listener(position + headerLength, position + length) {
                found.append(listener)
            }
            position += (length + 3) & ~3
        }
        return false
    }

    /// A struct inet_diag_msg and its attributes.
    private func listener(_ start: Int, _ end: Int) -> Listener? {
        let length = MemoryLayout<inet_diag_msg>.size
        guard end - start >= length else { return nil }
        let port = UInt16(bigEndian: integer(UInt16.self, at: start + 4))
        // idiag_inode is the last field.
        let inode = integer(UInt32.self, at: start + length - 4)
        var attribute = start + length
        var cgroup: UInt64?
        while attribute + 4 <= end {
            let size = Int(integer(UInt16.self, at: attribute))
            guard size >= 4, size <= end - attribute else { break }
            let type = integer(UInt16.self, at: attribute + 2)
            if Int(type) == Int(INET_DIAG_CGROUP_ID), size >= 12 {
                cgroup = integer(UInt64.self, at: attribute + 4)
            }
            attribute += (size + 3) & ~3
        }
        return Listener(port: port, cgroup: cgroup, inode: inode)
    }

    /// The integer in the machine's byte order; the caller has checked the bounds.
    private func integer<T: FixedWidthInteger>(_ type: T.Type, at position: Int) -> T {
        bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: position, as: type) }
    }
}
