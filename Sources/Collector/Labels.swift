import Metering
import NIOCore

extension EnergySourceKind {
    var label: String {
        switch self {
        case .none: "none"
        case .rapl: "rapl"
        case .wall: "wall"
        case .model: "model"
        }
    }
}

extension EnergyScope {
    var label: String {
        switch self {
        case .none: "none"
        case .host: "host"
        case .processorAndMemory: "cpu+dram"
        }
    }
}

extension EnergyUnknown {
    var label: String {
        switch self {
        case .firstReading: "first_reading"
        case .permissionDenied: "permission_denied"
        case .missing: "missing"
        case .readFailed: "read_failed"
        case .malformed: "malformed"
        case .discontinuity: "discontinuity"
        case .noSource: "no_source"
        }
    }
}

extension SocketAddress {
    /// `host:port`, an IPv6 address in brackets.
    var label: String {
        guard let address = ipAddress, let port else { return "\(self)" }
        return address.contains(":") ? "[\(address)]:\(port)" : "\(address):\(port)"
    }
}
