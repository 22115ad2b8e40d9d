import Glibc
internal import KernelFiles
internal import Metering

/// Finds the files that hold a service's CPU time.
struct ServiceFinder: Sendable {
    let procfs: String
    let listeners: ListenerQuery

    /// The same, with what listens at the moment, asked once.
    func asked() -> ServiceFinder {
        let answer: Result<[Listener], ProcessorUnknown>
        do { answer = .success(try listeners()) } catch { answer = .failure(error) }
        return ServiceFinder(procfs: procfs) { () throws(ProcessorUnknown) in try answer.get() }
    }

    /// The files, or the reason why there are none. Empty where a socket listens whose processes have left its
    /// cgroup.
    func find(_ source: ServiceSource) throws(ProcessorUnknown) -> [CPUTimeFile] {
        switch source {
        case .callers: throw .notFound
        case .cgroupPath(let folder): [try cgroup(folder)]
        case .cgroupOfPorts(let ports): try cgroups(of: ports)
        case .processOfPorts(let ports):
            try owners(of: ports, procfs: procfs).map { .process($0, procfs: procfs) }
        }
    }

    /// Version 1's folder may hold a `cpu.stat` of another meaning, so cpuacct is looked for first. By the
    /// folder's one name without links, so that it is known again.
    private func cgroup(_ path: String) throws(ProcessorUnknown) -> CPUTimeFile {
        guard let folder = realPath(path) else { throw .notFound }
        for file in [CPUTimeFile.cgroup1(folder: folder), .cgroup2(folder: folder)] {
            do {
                _ = try readText(of: file.path, limit: 4096)
                return file
            } catch .permissionDenied {
                throw .permissionDenied
            } catch .missing {
                continue
            } catch {
                throw .readFailed
            }
        }
        throw .notFound
    }

    /// The cgroups of the sockets that listen on `ports`, none inside another. One that is shared
    /// with the whole system makes the service's time unknown.
    private func cgroups(of ports: [UInt16]) throws(ProcessorUnknown) -> [CPUTimeFile] {
        let ids = Set(try listeners().filter { ports.contains($0.port) }.compactMap(\.cgroup))
        guard !ids.isEmpty, let tree = CgroupTree(procfs: procfs) else { throw .notFound }
        var folders: [String] = []
        for id in ids.sorted() {
            guard let folder = tree.folder(of: id) else { continue }
            guard !tree.isShared(folder) else { throw .shared }
            folders.append(folder)
        }
        guard !folders.isEmpty else { throw .notFound }
        // A socket stays with the cgroup in which it was made, whatever becomes of its processes.
        return folders.filter { folder in
            !folders.contains { folder.hasPrefix($0 + "/") }
        }.map { CPUTimeFile.cgroup2(folder: $0) }.filter(Self.isPopulated)
    }

    private static func isPopulated(_ file: CPUTimeFile) -> Bool {
        guard let path = file.events, let text = try? readText(of: path, limit: 4096) else {
            return true
        }
        let bytes = Array(text.utf8)
        return !CPUTimeFile.isUnpopulated(bytes, count: bytes.count)
    }

    private func realPath(_ path: String) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }
}
