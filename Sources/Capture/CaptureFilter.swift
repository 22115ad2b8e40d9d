/// The kernel filter that lets the services' packets pass.
package enum CaptureFilter {
    /// The most ports one filter may name; the kernel's limit is 4,096 instructions.
    package static let maximumPorts = 128

    /// A pcap-filter(7) expression for TCP on `ports`, behind zero to two VLAN tags.
    ///
    /// Each `vlan` shifts the offsets of what follows it, so the expressions nest.
    package static func expression(ports: [UInt16]) -> String {
        let plain = ports.prefix(maximumPorts).map { "port \($0)" }.joined(separator: " or ")
        let tcp = "(tcp and (\(plain)))"
        return "\(tcp) or (vlan and (\(tcp) or (vlan and \(tcp))))"
    }
}
