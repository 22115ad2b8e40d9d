import Glibc
import NIOCore
import Settings

/// Looks at what the unit keeps from the agent and not from this program: files of homes, folders
/// that are read-only for it or cannot be made ready, and addresses that it may not send to.
struct UnitViewCheck {
    /// Source: systemd.exec(5), ProtectHome=, ReadWritePaths=, StateDirectory=;
    /// systemd.resource-control(5), IPAddressDeny=.
    static let shown = [
        "ProtectHome", "ProtectSystem", "StateDirectory", "ReadWritePaths", "ReadOnlyPaths",
        "BindPaths", "BindReadOnlyPaths", "InaccessiblePaths", "TemporaryFileSystem",
        "IPAddressAllow", "IPAddressDeny",
    ]

    let settings: AgentSettings
    /// What `systemctl show` says of the unit.
    let unit: [String: String]
    let unitName: String
    /// The addresses of a host.
    let resolve: (String) -> [String]
    /// The addresses of the name servers that this host asks.
    let nameServers: [String]
    /// Where a link leads.
    let target: (String) -> String?
    let language: SentenceLanguage

    func findings() -> [DoctorFinding] {
        guard unit["LoadState"] == "loaded" else { return [] }
        return homes + links + closed + addresses + resolvers
    }

    func edit(_ line: String) -> String {
        language.say(
            "`systemctl edit \(unitName)`, there under [Service] \(line), then "
                + "`systemctl restart \(unitName)`",
            "`systemctl edit \(unitName)`，在 [Service] 下写 \(line)，然后 "
                + "`systemctl restart \(unitName)`")
    }

    func fault(_ subject: String, _ found: String, _ fix: String) -> DoctorFinding {
        DoctorFinding(.sandbox, subject, .fault, found, fix: fix)
    }

    // MARK: Files

    /// The files that the settings name.
    var named: [String] {
        [settings.flowKeys.secret].compactMap { $0 }
            + settings.collectors.flatMap { collector -> [String] in
                guard case .tls(let tls) = collector.transport else { return [] }
                return [tls.ca, tls.certificate, tls.key]
            }
    }

    private var homes: [DoctorFinding] {
        guard unit["ProtectHome"] == "yes" else { return [] }
        let hidden = ([settings.state] + named).filter { path in
            ["/home/", "/root/", "/run/user/"].contains { path.hasPrefix($0) }
        }
        return Set(hidden).sorted().map { path in
            fault(
                path,
                language.say(
                    "the unit hides homes from the agent (ProtectHome=yes)",
                    "单元对代理隐藏用户主目录（ProtectHome=yes）"),
                language.say(
                    "move it below /etc/jouleflow or /var/lib/jouleflow, and correct its path",
                    "移到 /etc/jouleflow 或 /var/lib/jouleflow 下，并改正路径"))
        }
    }

    /// The folders that the unit makes when it starts.
    static func made(_ unit: [String: String]) -> [String] {
        (unit["StateDirectory"] ?? "").split(separator: " ").map { "/var/lib/\($0)" }
    }

    /// systemd makes a folder ready for its unit, and refuses a link in the folder's place.
    private var links: [DoctorFinding] {
        Self.made(unit).compactMap { path in
            // Where another owner once was, systemd itself made the link, and takes it away.
            target(path).flatMap { $0.hasPrefix("/var/lib/private/") ? nil : $0 }.map { target in
                let (from, to) = (shellWord(target), shellWord(path))
                return fault(
                    path,
                    language.say(
                        "is a link to \(target): systemd refuses to start the unit on it "
                            + "(238/STATE_DIRECTORY)",
                        "是指向 \(target) 的链接：systemd 拒绝以此启动单元（238/STATE_DIRECTORY）"),
                    language.say(
                        "`systemctl stop \(unitName); rm \(to) && mkdir -m 700 \(to) && "
                            + "mount --bind \(from) \(to)`, in /etc/fstab the line "
                            + "`\(target) \(path) none bind 0 0`, then `systemctl start \(unitName)`",
                        "`systemctl stop \(unitName); rm \(to) && mkdir -m 700 \(to) && "
                            + "mount --bind \(from) \(to)`，在 /etc/fstab 中写 "
                            + "`\(target) \(path) none bind 0 0`，然后 `systemctl start \(unitName)`"))
            }
        }
    }

    /// Where a link leads; `nil` for what is no link.
    static func linked(_ path: String) -> String? {
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFLNK else { return nil }
        var bytes = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink(path, &bytes, bytes.count)
        let text = String(
            decoding: bytes.prefix(max(0, count)).map(UInt8.init(bitPattern:)), as: UTF8.self)
        return text.hasPrefix("/") ? text : StateCheck.folder(above: path) + "/" + text
    }

    // MARK: Addresses

    private var addresses: [DoctorFinding] {
        settings.collectors.compactMap { collector in
            guard let first = resolve(collector.address.host).first(where: isDenied) else {
                return nil
            }
            return fault(
                "\(collector.address)",
                language.say(
                    "the unit may not send to \(first) (IPAddressDeny)",
                    "单元不得向 \(first) 发送（IPAddressDeny）"), edit("IPAddressAllow=\(first)"))
        }
    }

    /// No fault: a name may be in /etc/hosts, or be asked of systemd-resolved over its own socket.
    private var resolvers: [DoctorFinding] {
        let named = settings.collectors.map(\.address.host).first {
            $0 != "localhost" && AddressRange.bytes(of: $0) == nil
        }
        let kept = nameServers.filter(isDenied).joined(separator: " ")
        guard let named, !kept.isEmpty else { return [] }
        return [
            DoctorFinding(
                .sandbox, "resolver", .warning,
                language.say(
                    "the unit may not ask the name server \(kept) for \(named) (IPAddressDeny); this "
                        + "program may",
                    "单元不得向域名服务器 \(kept) 查询 \(named)（IPAddressDeny）；本程序可以"),
                fix: language.say(
                    "where \(named) is not in /etc/hosts: ", "若 \(named) 不在 /etc/hosts 中：")
                    + edit("IPAddressAllow=\(kept)"))
        ]
    }

    /// An address that is in both is allowed.
    private func isDenied(_ text: String) -> Bool {
        guard let address = AddressRange.bytes(of: text) else { return false }
        return ranges("IPAddressDeny").contains { $0.contains(address) }
            && !ranges("IPAddressAllow").contains { $0.contains(address) }
    }

    /// The name servers that are asked, as the text of /etc/resolv.conf names them.
    ///
    /// Source: resolv.conf(5): "If no nameserver entries are present, the default is to use the name
    /// server on the local machine"; of more than MAXNS (3) the first are taken.
    static func nameServers(_ text: String) -> [String] {
        let named = text.split(separator: "\n").compactMap { line -> String? in
            let words = line.split { $0 == " " || $0 == "\t" }
            guard words.count > 1, words[0] == "nameserver" else { return nil }
            return String(words[1].prefix { $0 != "%" })
        }
        return named.isEmpty ? ["127.0.0.1"] : Array(named.prefix(3))
    }

    private func ranges(_ property: String) -> [AddressRange] {
        (unit[property] ?? "").split(separator: " ").compactMap { AddressRange(String($0)) }
    }

    /// The addresses of a name, as the system resolves it.
    static func resolved(_ host: String) -> [String] {
        let address = try? SocketAddress.makeAddressResolvingHost(host, port: 0)
        return [address?.ipAddress].compactMap { $0 }
    }
}

/// Addresses with a common beginning, as `10.0.0.0/8`.
struct AddressRange: Hashable {
    private let bytes: [UInt8]
    private let bits: Int

    /// `nil` for what is no address with a length.
    init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard let first = parts.first, let bytes = Self.bytes(of: String(first)) else {
            return nil
        }
        let all = bytes.count * 8
        let bits = parts.count == 2 ? Int(parts[1]) : all
        guard parts.count <= 2, let bits, 0...all ~= bits else { return nil }
        self.bytes = bytes
        self.bits = bits
    }

    /// The 4 or 16 bytes of an address.
    static func bytes(of text: String) -> [UInt8]? {
        for (family, count) in [(AF_INET, 4), (AF_INET6, 16)] {
            var bytes = [UInt8](repeating: 0, count: count)
            if inet_pton(family, text, &bytes) == 1 { return bytes }
        }
        return nil
    }

    /// Whether it is no larger than one network of hosts: /24, in IPv6 /64.
    var isSmall: Bool { bits >= (bytes.count == 4 ? 24 : 64) }

    /// Whether all of another range is in this one.
    func contains(_ other: AddressRange) -> Bool { bits <= other.bits && contains(other.bytes) }

    func contains(_ address: [UInt8]) -> Bool {
        guard address.count == bytes.count else { return false }
        return (0..<bits).allSatisfy { bit in
            let mask = UInt8(0x80) >> UInt8(bit % 8)
            return address[bit / 8] & mask == bytes[bit / 8] & mask
        }
    }
}
