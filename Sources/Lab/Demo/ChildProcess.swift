import Glibc
internal import Metering

/// A program the demonstration started, in a process group of its own.
final class ChildProcess {
    let name: String
    let pid: pid_t
    /// The file its standard error goes to.
    let log: String
    /// The file its standard output goes to.
    let output: String
    private let guardian: ChildGuard
    private(set) var end: End?

    /// How a child ended.
    struct End {
        /// The exit status, or 128 + the signal that ended it.
        let status: Int32
        /// CPU time of the child and of its children it waited for.
        let cpuSeconds: Double
    }

    /// How long a child may take after SIGTERM before it is killed.
    static let grace = Nanoseconds.seconds(5)

    init(
        name: String, program: String, arguments: [String], folder: String, guardian: ChildGuard
    ) throws(DemoFailure) {
        self.name = name
        self.guardian = guardian
        log = "\(folder)/\(name).log"
        output = "\(folder)/\(name).out"
        pid = try Self.spawn(program, arguments, output: output, log: log)
        guardian.add(pid)
    }

    /// Whether it runs; takes its end where it has come.
    var isRunning: Bool {
        if end != nil { return false }
        var status: Int32 = 0
        var usage = rusage()
        guard wait4(pid, &status, WNOHANG, &usage) == pid else { return true }
        let signal = status & 0x7f
        end = End(
            status: signal == 0 ? (status >> 8) & 0xff : 128 + signal,
            cpuSeconds: Self.seconds(usage.ru_utime) + Self.seconds(usage.ru_stime))
        guardian.remove(pid)
        return false
    }

    /// Asks it to end.
    func terminate() { if isRunning { kill(-pid, SIGTERM) } }

    /// Asks it to end, waits, and kills it where it does not.
    func finish(within grace: Nanoseconds = ChildProcess.grace) {
        terminate()
        let limit = LabClock.boot + grace
        while isRunning {
            if LabClock.boot >= limit { kill(-pid, SIGKILL) }
            usleep(10_000)
        }
    }

    /// The largest resident memory so far, in bytes; `nil` where it cannot be read.
    ///
    /// Source: Linux Documentation/filesystems/proc.rst, VmHWM.
    var peakMemory: UInt64? {
        guard let status = try? SmallFile.text("/proc/\(pid)/status") else { return nil }
        for line in status.split(separator: "\n") where line.hasPrefix("VmHWM:") {
            let fields = line.split(whereSeparator: \.isWhitespace)
            return fields.count > 1 ? UInt64(fields[1])?.multipliedClamped(by: 1024) : nil
        }
        return nil
    }

    /// The last lines of its log.
    var tail: String {
        let lines = (try? SmallFile.text(log))?.split(separator: "\n") ?? []
        return lines.suffix(12).map { "  " + $0 }.joined(separator: "\n")
    }

    private static func seconds(_ time: timeval) -> Double {
        Double(time.tv_sec) + Double(time.tv_usec) / 1_000_000
    }

    /// posix_spawn with output and errors in files, no stop signal blocked.
    static func spawn(
        _ program: String, _ arguments: [String], output: String, log: String
    ) throws(DemoFailure) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        let flags = O_WRONLY | O_CREAT | O_TRUNC
        posix_spawn_file_actions_addopen(&actions, 1, output, flags, 0o644)
        posix_spawn_file_actions_addopen(&actions, 2, log, flags, 0o644)

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        for number in [SIGINT, SIGTERM, SIGHUP, SIGPIPE] { sigaddset(&signals, number) }
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setpgroup(&attributes, 0)
        let wishes = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF
        posix_spawnattr_setflags(&attributes, Int16(wishes))

        var words: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) }
        words.append(nil)
        defer { for word in words { free(word) } }
        var pid: pid_t = 0
        let status = posix_spawn(&pid, program, &actions, &attributes, words, environ)
        guard status == 0 else {
            throw .system(SystemFailure("posix_spawn", program, errno: status))
        }
        return pid
    }
}
