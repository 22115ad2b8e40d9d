internal import KernelFiles
internal import Metering

/// The processes that hold the listening TCP sockets of `ports`, by their descriptors.
///
/// Prefork workers hold the socket of their parent and are found too. Looks at the descriptors of
/// every process this one may see; those of other users need CAP_SYS_PTRACE.
///
/// Throws `notFound` where nothing listens, and `permissionDenied` where something does and no
/// process that could be looked at holds it.
func owners(of ports: [UInt16], procfs: String) throws(ProcessorUnknown) -> [UInt64] {
    let sockets = try listeningSockets(on: ports, procfs: procfs)
    guard !sockets.isEmpty else { throw .notFound }
    let links = Set(sockets.map { "socket:[\($0)]" })
    guard let entries = try? listFolder(procfs, limit: processLimit) else { throw .readFailed }
    var found: [UInt64] = []
    var denied = false
    for process in entries.compactMap({ UInt64($0.name) }) {
        do {
            if try holds(links, process, procfs: procfs) { found.append(process) }
        } catch {
            denied = denied || error == .permissionDenied
        }
    }
    guard !found.isEmpty else { throw denied ? .permissionDenied : .notFound }
    return found
}

/// Entries of the procfs root that are looked at, and descriptors of a process.
private let processLimit = 1 << 20
private let descriptorLimit = 1 << 20
/// Bytes of a socket table that are read. Listening sockets come first.
private let tableLimit = 1 << 20

private func holds(
    _ links: Set<String>, _ process: UInt64, procfs: String
) throws(ReadFailure) -> Bool {
    let folder = "\(procfs)/\(process)/fd"
    for entry in try listFolder(folder, limit: descriptorLimit) {
        // A descriptor that was closed meanwhile is none of ours.
        if let target = try? readLink(folder + "/" + entry.name), links.contains(target) {
            return true
        }
    }
    return false
}

/// The inodes of the sockets that listen on one of `ports`, from `<procfs>/net/tcp` and `tcp6`.
///
///     sl  local_address rem_address   st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode
///      0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0   0       4711
///
/// The kernel lists all listening sockets (state 0A) before any other, so that the first other
/// one ends the search.
private func listeningSockets(
    on ports: [UInt16], procfs: String
) throws(ProcessorUnknown) -> Set<UInt64> {
    let tables = ["tcp", "tcp6"].compactMap {
        try? readText(of: "\(procfs)/net/\($0)", limit: tableLimit, cutting: true)
    }
    guard !tables.isEmpty else { throw .readFailed }
    var sockets: Set<UInt64> = []
    for table in tables {
        for row in table.split(separator: "\n").dropFirst() {
            let fields = row.split(separator: " ", maxSplits: 10)
            guard fields.count > 9 else { continue }
            guard fields[3] == "0A" else { break }
            guard let port = fields[1].split(separator: ":").last,
                let port = UInt16(port, radix: 16), ports.contains(port),
                let socket = UInt64(fields[9]), socket != 0
            else { continue }
            sockets.insert(socket)
        }
    }
    return sockets
}
