import Glibc
import KernelFiles
import NIOCore
import Processes
import Settings

/// Who listens at a TCP port of this host, as far as this process may see.
struct PortHolder: Hashable {
    /// The listening socket's user, by number.
    var user: uid_t?
    /// The process that has the socket.
    var pid: Int?
    /// Its command.
    var command: String?
    /// The cgroup in which the socket was made, from the root of the tree on.
    var cgroup: String?

    /// Bytes of a socket table that are read; listening sockets come first. Entries of procfs, and
    /// descriptors of a process.
    private static let (tableLimit, entryLimit) = (1 << 20, 1 << 16)

    init(user: uid_t? = nil, pid: Int? = nil, command: String? = nil, cgroup: String? = nil) {
        self.user = user
        self.pid = pid
        self.command = command
        self.cgroup = cgroup
    }

    init(of port: UInt16, procfs: String) {
        for table in ["tcp", "tcp6"] {
            let path = "\(procfs)/net/\(table)"
            guard let text = try? readText(of: path, limit: Self.tableLimit, cutting: true),
                let socket = Self.listener(at: port, in: text)
            else { continue }
            user = socket.user
            pid = Self.process(with: "socket:[\(socket.inode)]", procfs: procfs)
            command = pid.flatMap { try? readLine(of: "\(procfs)/\($0)/comm") }
            break
        }
        cgroup = listenerCgroup(of: port, procfs: procfs)
    }

    /// The first listening socket at the port.
    ///
    ///     sl  local_address rem_address   st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode
    ///      0: 0100007F:1D3A 00000000:0000 0A 00000000:00000000 00:00000000 00000000 998 0      4711
    ///
    /// Source: proc(5), /proc/net/tcp.
    static func listener(at port: UInt16, in table: String) -> (user: uid_t, inode: UInt64)? {
        for row in table.split(separator: "\n").dropFirst() {
            let fields = row.split(separator: " ", maxSplits: 10)
            guard fields.count > 9, fields[3] == "0A",
                let number = fields[1].split(separator: ":").last,
                UInt16(number, radix: 16) == port,
                let user = uid_t(fields[7]), let inode = UInt64(fields[9]), inode != 0
            else { continue }
            return (user, inode)
        }
        return nil
    }

    private static func process(with socket: String, procfs: String) -> Int? {
        let entries = (try? listFolder(procfs, limit: entryLimit)) ?? []
        return entries.lazy.compactMap { Int($0.name) }.first { process in
            let folder = "\(procfs)/\(process)/fd"
            let descriptors = (try? listFolder(folder, limit: entryLimit)) ?? []
            return descriptors.contains { (try? readLink("\(folder)/\($0.name)")) == socket }
        }
    }

    /// The error of taking an address as a server does, or 0: no listener is made, nobody can connect.
    static func probe(_ address: NetworkAddress) -> Int32 {
        guard
            let place = try? SocketAddress.makeAddressResolvingHost(
                address.host, port: Int(address.port))
        else { return EADDRNOTAVAIL }
        let descriptor = socket(
            place.protocol == .inet6 ? AF_INET6 : AF_INET,
            Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return errno }
        defer { close(descriptor) }
        var isOn: Int32 = 1
        setsockopt(
            descriptor, SOL_SOCKET, SO_REUSEADDR, &isOn, socklen_t(MemoryLayout<Int32>.size))
        return place.withSockAddr { bind(descriptor, $0, socklen_t($1)) } == 0 ? 0 : errno
    }

    /// `nginx (process 4711) of user www-data, in system.slice/nginx.service`
    func words(_ language: SentenceLanguage) -> String {
        var words = language.say("another program", "其他程序")
        if let pid, let command {
            let name = AdvisedName.quoted(command)
            words = language.say("\(name) (process \(pid))", "\(name)（进程 \(pid)）")
        }
        if let user {
            let name = ProcessIdentity.name(ofUser: user)
            words += language.say(" of user \(name)", "（用户 \(name)）")
        }
        if let cgroup, !cgroup.isEmpty {
            let name = AdvisedName.quoted(cgroup)
            words += language.say(", in \(name),", "（位于 \(name)）")
        }
        return words
    }
}
