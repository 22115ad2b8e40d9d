import Glibc

/// Ports of the loopback address that were free a moment ago.
enum LoopbackPort {
    /// `count` different free ports.
    static func free(_ count: Int) throws(SystemFailure) -> [UInt16] {
        var sockets: [Int32] = []
        defer { for socket in sockets { close(socket) } }
        var ports: [UInt16] = []
        for _ in 0..<count {
            let file = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            guard file >= 0 else { throw SystemFailure("socket", "127.0.0.1", errno: errno) }
            sockets.append(file)
            ports.append(try bindAny(file))
        }
        return ports
    }

    private static func bindAny(_ file: Int32) throws(SystemFailure) -> UInt16 {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                let bound = bind(file, $0, length)
                return bound == 0 ? getsockname(file, $0, &length) : bound
            }
        }
        guard status == 0 else { throw SystemFailure("bind", "127.0.0.1", errno: errno) }
        return UInt16(bigEndian: address.sin_port)
    }
}
