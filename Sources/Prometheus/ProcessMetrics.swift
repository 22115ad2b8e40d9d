import Glibc

extension MetricsText {
    /// Adds what Prometheus calls the standard metrics of a process: processor time, memory, open
    /// files and start. What the system does not tell is left out.
    ///
    /// Source: Prometheus, "Writing client libraries", process metrics; Linux proc_pid_stat(5) and
    /// proc_pid_statm(5); getrusage(2).
    package mutating func addProcess() {
        var usage = rusage()
        if getrusage(Int32(RUSAGE_SELF.rawValue), &usage) == 0 {
            let seconds = [usage.ru_utime, usage.ru_stime].reduce(0.0) {
                $0 + Double($1.tv_sec) + Double($1.tv_usec) / 1e6
            }
            add(
                "process_cpu_seconds_total", .counter, "User and system processor time in seconds.",
                [.init(seconds)])
        }
        let pages = Self.words(of: "/proc/self/statm").map { Int($0) }
        if pages.count > 1, let resident = pages[1] {
            add(
                "process_resident_memory_bytes", .gauge, "Resident memory in bytes.",
                [.init(resident * sysconf(Int32(_SC_PAGESIZE)))])
        }
    }

    private static func words(of path: String) -> [Substring] {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return [] }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = read(file, &bytes, bytes.count)
        guard count > 0 else { return [] }
        return String(decoding: bytes[..<count], as: UTF8.self).split { $0.isWhitespace }
    }
}
