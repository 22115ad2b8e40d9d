import Glibc

/// A network interface as the kernel tells of it.
package struct Link: Sendable, Hashable {
    /// The kernel's number of it; another interface of the same name has another.
    package let index: UInt32
    package let name: String
    /// Other names that lead to it (`ip link property add dev eth0 altname lan`).
    package let alternativeNames: [String]
    package let isUp: Bool
    package let isLoopback: Bool
    /// Packets it could not take in since it was made, of whatever traffic.
    ///
    /// Source: Linux linux/if_link.h, `rx_missed_errors` + `rx_fifo_errors`: what libpcap gives as
    /// `ps_ifdrop`, though only in promiscuous mode.
    package let drops: UInt64

    package init(
        index: UInt32, name: String, alternativeNames: [String] = [], isUp: Bool = true,
        isLoopback: Bool = false, drops: UInt64 = 0
    ) {
        self.index = index
        self.name = name
        self.alternativeNames = alternativeNames
        self.isUp = isUp
        self.isLoopback = isLoopback
        self.drops = drops
    }

    /// Whether one of its names is `wanted`.
    package func isCalled(_ wanted: String) -> Bool {
        name == wanted || alternativeNames.contains(wanted)
    }
}

/// Why the host's interfaces cannot be listed or watched.
package enum LinkError: Error, Equatable, CustomStringConvertible {
    case system(errno: Int32)
    /// More interfaces than `LinkMonitor.maximumLinks`.
    case tooMany(limit: Int)

    package var description: String {
        switch self {
        case .system(let code): "rtnetlink: \(String(cString: strerror(code)))"
        case .tooMany(let limit): "the host has more than \(limit) network interfaces"
        }
    }
}
