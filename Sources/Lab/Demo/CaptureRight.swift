import CLab
import Glibc

/// Whether a program started from here may open a packet socket.
package enum CaptureRight {
    /// Source: Linux include/uapi/linux/capability.h, `CAP_NET_RAW`.
    private static let netRaw: UInt64 = 1 << 13

    /// Reads this process's rights and the program file's capabilities.
    package static func holds(program: String) -> Bool {
        let status = (try? SmallFile.text("/proc/self/status")) ?? ""
        return holds(
            status: status, isRoot: geteuid() == 0, fileCapability: fileCapability(program))
    }

    /// A root process passes on its effective rights, another one only its ambient ones; the
    /// rights of a file are added as far as the bounding set allows.
    ///
    /// Source: capabilities(7), "Transformation of capabilities during execve()".
    package static func holds(status: String, isRoot: Bool, fileCapability: [UInt8]?) -> Bool {
        let own = mask(isRoot ? "CapEff:" : "CapAmb:", in: status)
        if own & netRaw != 0 { return true }
        guard let fileCapability, grants(fileCapability) else { return false }
        return mask("CapBnd:", in: status) & netRaw != 0
    }

    private static func mask(_ name: String, in status: String) -> UInt64 {
        for line in status.split(separator: "\n") where line.hasPrefix(name) {
            let digits = line.dropFirst(name.count).filter { !$0.isWhitespace }
            return UInt64(digits, radix: 16) ?? 0
        }
        return 0
    }

    private static func fileCapability(_ path: String) -> [UInt8]? {
        var value = [UInt8](repeating: 0, count: 64)
        let count = clab_file_capability(path, &value, UInt(value.count))
        return count > 0 ? Array(value.prefix(count)) : nil
    }

    /// Whether the bytes permit CAP_NET_RAW and make it effective.
    ///
    /// Source: Linux include/uapi/linux/capability.h, `struct vfs_cap_data`: a word with the
    /// revision in its top byte and the effective flag in bit 0, then the permitted set's low
    /// word; little-endian.
    private static func grants(_ bytes: [UInt8]) -> Bool {
        guard bytes.count >= 20, bytes[3] == 2 || bytes[3] == 3 else { return false }
        return bytes[0] & 1 == 1 && bytes[5] & UInt8(netRaw >> 8) != 0
    }
}
