import Capture
package import Settings
import Traffic

/// The kernel filter that settings ask for, for people.
package enum FilterSummary {
    /// What the filter passes, and its program for an Ethernet interface as
    /// `tcpdump -d` has programs; interfaces without Ethernet headers get its like.
    package static func lines(
        _ settings: AgentSettings, in language: SentenceLanguage = .english
    ) -> [String] {
        let filter = CaptureFilter(settings)
        let program = filter.program(for: .ethernet) ?? []
        let passes = language.say(
            "Passes, behind zero to two VLAN tags and one that the interface strips besides:",
            "通过以下流量（可带零至两个 VLAN 标签，以及接口已剥去的一个）：")
        let rest = language.say(
            "Nothing else. On Ethernet, \(program.count) instructions:",
            "其他一概不通过。以太网上共 \(program.count) 条指令：")
        let kinds = language == .chinese ? chinese(filter) : filter.sentences
        return [passes] + kinds.map { "  " + $0 } + [rest]
            + program.enumerated().map { $1.image(at: $0) }
    }

    private static func chinese(_ filter: CaptureFilter) -> [String] {
        let ports = filter.ports.map { range in
            range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound)-\(range.upperBound)"
        }
        return [
            "IPv4 和 IPv6 上源端口或目的端口为 \(ports.joined(separator: "、")) 的 TCP",
            "TCP 的后续分片（其中没有端口）",
        ] + filter.tunnels.map(chinese).sorted()
    }

    private static func chinese(_ tunnel: Tunnel) -> String {
        switch tunnel {
        case .vxlan(let port): "VXLAN：目的端口为 \(port) 的 UDP，以及 UDP 的后续分片"
        case .geneve(let port): "Geneve：目的端口为 \(port) 的 UDP，以及 UDP 的后续分片"
        case .gre: "GRE：IP 协议 47"
        case .ipip: "IPv4 或 IPv6 中的 IPv4：IP 协议 4"
        case .sixInFour: "IPv4 或 IPv6 中的 IPv6：IP 协议 41"
        case .pppoe: "PPPoE 会话：以太类型 0x8864"
        case .mpls: "MPLS：以太类型 0x8847 和 0x8848"
        }
    }
}
