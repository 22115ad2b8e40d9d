import Glibc

/// The host's network interfaces and addresses.
package enum Interfaces {
    /// The names of the interfaces that are up and carry an Internet address, each once.
    package static func addressed() -> [String] {
        var names: [String] = []
        forEachAddress { name, flags, _ in
            if flags & UInt32(IFF_UP) != 0, !names.contains(name) { names.append(name) }
        }
        return names
    }

    /// The interfaces that have these names now, taken to be up: for where they cannot be listed.
    package static func named(_ names: [String]) -> [Link] {
        names.compactMap { name in
            let index = if_nametoindex(name)
            return index == 0 ? nil : Link(index: index, name: name, isLoopback: name == "lo")
        }
    }

    /// The host's own addresses: 16 bytes each, IPv4 as ::ffff:a.b.c.d (RFC 4291, 2.5.5.2).
    package static func localAddresses() -> [[UInt8]] {
        var addresses: [[UInt8]] = []
        forEachAddress { _, _, address in addresses.append(address) }
        return addresses
    }

    private static func forEachAddress(_ body: (String, UInt32, [UInt8]) -> Void) {
        var first: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&first) == 0 else { return }
        defer { freeifaddrs(first) }
        var next = first
        while let entry = next?.pointee {
            next = entry.ifa_next
            guard let address = entry.ifa_addr, let bytes = bytes(of: address) else { continue }
            body(String(cString: entry.ifa_name), entry.ifa_flags, bytes)
        }
    }

    private static func bytes(of address: UnsafeMutablePointer<sockaddr>) -> [UInt8]? {
        let raw = UnsafeRawPointer(address)
        switch Int32(address.pointee.sa_family) {
        case AF_INET:
            let bytes = UnsafeRawBufferPointer(start: raw + 4, count: 4)
            return [UInt8](repeating: 0, count: 10) + [0xff, 0xff] + bytes
        case AF_INET6:
            return [UInt8](UnsafeRawBufferPointer(start: raw + 8, count: 16))
        default:
            return nil
        }
    }
}
