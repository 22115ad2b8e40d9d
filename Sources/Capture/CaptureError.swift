/// Why an interface cannot be captured, named by what a person must do.
package enum CaptureError: Error, Equatable, CustomStringConvertible {
    case noPermission(interface: String)
    case noSuchInterface(String)
    /// The interface is there and down.
    case interfaceDown(String)
    /// While it was opened, another interface took its name.
    case replaced(String)
    /// The kind of header of its frames is not one this program decodes.
    case unknownLinkType(interface: String, number: Int32)
    case filter(String)
    /// libpcap's own words.
    case failed(interface: String, String)

    package var description: String {
        switch self {
        case .noPermission(let interface):
            """
            no right to capture on \(interface): the process needs CAP_NET_RAW. Grant it with \
            `setcap cap_net_raw+ep $(command -v jouleflow-agent)`, with \
            `AmbientCapabilities=CAP_NET_RAW` in a systemd unit, or run as root
            """
        case .noSuchInterface(let interface):
            """
            there is no interface \(interface): correct capture.interfaces in the configuration \
            (`ip link` lists them) or create it
            """
        case .interfaceDown(let interface):
            "interface \(interface) is down: `ip link set \(interface) up` brings it up"
        case .replaced(let interface):
            "another interface took the name \(interface) while it was opened"
        case .unknownLinkType(let interface, let number):
            """
            frames of \(interface) have link type \(number), which this version cannot decode: \
            name another interface in capture.interfaces
            """
        case .filter(let words):
            "the kernel filter was refused: \(words)"
        case .failed(let interface, let words):
            "cannot capture on \(interface): \(words)"
        }
    }
}
