import Glibc

/// What may stand in place of a file of sysfs or procfs.
enum HostileFile: Hashable {
    case text(String)
    case folder
    /// Without a writer: to open it for reading would wait for one.
    case fifo
    /// A link to itself, one to nothing, and one to a device that never ends.
    case loop, dangling, endless

    static let numbers = ["0", "", "abc", "-1", "18446744073709551616"]
    static let all: [HostileFile] =
        (numbers + numbers.map { $0 + "\n" }).map(HostileFile.text)
        + [
            .text(String(repeating: "7", count: 1 << 20)),
            .text(String(repeating: "\n", count: 1 << 20)), .text("\u{0}\u{FFFD}"),
            .folder, .fifo, .loop, .dangling, .endless,
        ]

    /// Puts it at `path`, whatever is there.
    func plant(at path: String) {
        unlink(path)
        switch self {
        case .text(let text):
            let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
            precondition(descriptor >= 0, "cannot write \(path)")
            let bytes = Array(text.utf8)
            precondition(Glibc.write(descriptor, bytes, bytes.count) == bytes.count)
            close(descriptor)
        case .folder: mkdir(path, 0o755)
        case .fifo: mkfifo(path, 0o644)
        case .loop: symlink(path, path)
        case .dangling: symlink("/nonexistent", path)
        case .endless: symlink("/dev/zero", path)
        }
    }

    /// The text without white space at its ends is this number.
    func isNumber(_ number: String) -> Bool {
        self == .text(number) || self == .text(number + "\n")
    }
}

/// Seconds of this thread's CPU time.
func processorSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}
