import Glibc

/// A program a test started, in a process group of its own.
///
/// Where the test's process dies, the kernel kills the child: `setpriv --pdeathsig` asks for it and
/// then becomes the program, so `pid` is the program's. The signal follows the thread that started
/// the child, so tests here are not `async`: each stays on one thread.
final class Child {
    let name: String
    let pid: pid_t
    private let output: String
    private let log: String
    private var status: Int32?

    /// Who the program runs as.
    enum User {
        case same
        /// Nobody: no group, no capability, none to be had.
        case nobody
        /// The same with CAP_NET_RAW, and no more to be had.
        case capturer

        static let nobodyID: UInt32 = 65534

        fileprivate var words: [String] {
            switch self {
            case .same: []
            case .nobody:
                Self.identity + ["--inh-caps=-all", "--bounding-set=-all"]
            case .capturer:
                Self.identity + [
                    "--inh-caps=-all,+net_raw", "--ambient-caps=-all,+net_raw",
                    "--bounding-set=-all,+net_raw",
                ]
            }
        }

        private static let identity = [
            "--reuid", "\(nobodyID)", "--regid", "\(nobodyID)", "--clear-groups",
        ]
    }

    init(_ name: String, _ command: [String], folder: String, as user: User = .same) throws {
        self.name = name
        output = "\(folder)/\(name).out"
        log = "\(folder)/\(name).log"
        let words = ["setpriv", "--pdeathsig", "KILL"] + user.words + ["--"] + command
        pid = try Self.spawn(words, output: output, log: log)
    }

    deinit { kill() }

    /// What it wrote to standard output.
    var printed: String { (try? read(output)) ?? "" }

    /// What it wrote to standard error.
    var said: String { (try? read(log)) ?? "" }

    var isRunning: Bool {
        guard status == nil else { return false }
        var ended: Int32 = 0
        guard waitpid(pid, &ended, WNOHANG) == pid else { return true }
        let signal = ended & 0x7f
        status = signal == 0 ? (ended >> 8) & 0xff : 128 + signal
        return false
    }

    func send(_ signal: Int32) { if isRunning { _ = Glibc.kill(pid, signal) } }

    /// SIGKILL to it and whatever it started; waits until it is gone.
    func kill() {
        guard isRunning else { return }
        _ = Glibc.kill(-pid, SIGKILL)
        while isRunning { usleep(1000) }
    }

    /// Its exit status, or 128 + the signal that ended it.
    func end(within seconds: Double) throws -> Int32 {
        try wait("\(name) to end", seconds, diary: { self.said }) { !isRunning }
        return status ?? -1
    }

    /// SIGTERM, and its exit status.
    func stop(within seconds: Double = 2) throws -> Int32 {
        send(SIGTERM)
        return try end(within: seconds)
    }

    /// Waits until it has written `words` to standard error, `times` times.
    func awaitSaying(_ words: String, times: Int = 1, within seconds: Double = 10) throws {
        try wait("\(name) to say “\(words)”", seconds, diary: { self.said }) {
            if said.count(of: words) >= times { return true }
            if !isRunning { throw Trouble("\(name) ended and never said “\(words)”:\n\(said)") }
            return false
        }
    }

    private static func spawn(_ words: [String], output: String, log: String) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        let flags = O_WRONLY | O_CREAT | O_TRUNC
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, flags, 0o644)
        posix_spawn_file_actions_addopen(&actions, 2, log, flags, 0o644)

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        for number in [SIGINT, SIGTERM, SIGQUIT, SIGPIPE] { sigaddset(&signals, number) }
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setpgroup(&attributes, 0)
        let wishes = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF
        posix_spawnattr_setflags(&attributes, Int16(wishes))

        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) }
        arguments.append(nil)
        defer { for argument in arguments { free(argument) } }
        var pid: pid_t = 0
        let status = posix_spawnp(&pid, words[0], &actions, &attributes, arguments, environ)
        guard status == 0 else {
            throw Trouble("\(words[0]) cannot be started: \(String(cString: strerror(status)))")
        }
        return pid
    }
}

/// Waits until `isSo`; the error tells what was waited for and what `diary` says.
func wait(
    _ what: String, _ seconds: Double, diary: () -> String = { "" }, _ isSo: () throws -> Bool
) throws {
    let limit = ContinuousClock.now + .seconds(seconds)
    while try !isSo() {
        guard ContinuousClock.now < limit else {
            throw Trouble("waited \(seconds) s for \(what)\n\(diary())")
        }
        usleep(10_000)
    }
}

extension String {
    /// How often `words` occur.
    func count(of words: String) -> Int { ranges(of: words).count }
}
