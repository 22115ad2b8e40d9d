import CLinux
import Glibc

/// The service manager that started this program, and what it wants to know: that the program is
/// ready, that it lives, and a line for `systemctl status`.
///
/// Telling is best effort: a message that cannot be sent is dropped, as a service must not wait for
/// its manager.
///
/// Source: sd_notify(3), "Notes": datagrams of `NAME=VALUE` lines to the socket in $NOTIFY_SOCKET;
/// sd_watchdog_enabled(3): $WATCHDOG_USEC and $WATCHDOG_PID.
package struct ServiceManager: Sendable, Hashable {
    /// What is told of the program.
    package enum State: Sendable, Hashable {
        /// It has started, or has read its settings again.
        case ready
        /// It reads its settings again; `ready` ends this.
        case reloading
        /// It ends in order.
        case stopping
        /// It lives: to be told within each `watchdogInterval`.
        case alive
        /// One line about the program for people. Line breaks become spaces; at most 500 bytes are
        /// kept.
        case status(String)
    }

    /// The socket's path, or its name in the abstract namespace behind `@`; at most 107 bytes.
    let address: String
    /// Within which time `State.alive` must be told again; `nil` where nobody waits for it.
    package let watchdogInterval: Duration?

    /// The manager that the environment names: `$NOTIFY_SOCKET` is a path from the root or `@` with
    /// a name. `nil` where the program was started otherwise, or the address is of another kind.
    package static func fromEnvironment() -> ServiceManager? {
        ServiceManager(
            process: getpid(),
            variable: { name in getenv(name).map { String(cString: $0) } })
    }

    init?(process: pid_t, variable: (String) -> String?) {
        guard let address = variable("NOTIFY_SOCKET"), address.utf8.count > 1,
            address.utf8.count <= Self.longestAddress,
            address.hasPrefix("/") || address.hasPrefix("@")
        else { return nil }
        self.address = address
        watchdogInterval = Self.interval(process: process, variable: variable)
    }

    /// Tells of one or several states in one message, in their order.
    package func tell(_ states: State...) {
        var text = ""
        for state in states { text += Self.lines(state, now: Self.monotonicMicroseconds()) }
        let bytes = Array(text.utf8)
        _ = clinux_tell(address, bytes, UInt(bytes.count))
    }

    /// Tells that the program lives, `beats` times within the manager's interval, for as long as
    /// `isAlive` holds when asked. Ends when the task is cancelled, or at once without a watchdog.
    package func keepAlive(while isAlive: @Sendable () async -> Bool) async {
        guard let interval = watchdogInterval else { return }
        while !Task.isCancelled {
            if await isAlive() { tell(.alive) }
            try? await Task.sleep(for: interval / Self.beats)
        }
    }

    /// How often within the manager's interval a live program says so.
    package static let beats = 4
    /// Bytes of a socket's path, without the zero behind it. Source: unix(7), sun_path.
    static let longestAddress = 107
    /// Bytes of a status line: what a terminal shows.
    static let longestStatus = 500

    private static func interval(process: pid_t, variable: (String) -> String?) -> Duration? {
        if let owner = variable("WATCHDOG_PID"), owner != "\(process)" { return nil }
        guard let text = variable("WATCHDOG_USEC"), let microseconds = Int64(text),
            microseconds > 0
        else { return nil }
        return .microseconds(microseconds)
    }

    /// A state as the lines of a message. `now` in µs of CLOCK_MONOTONIC.
    static func lines(_ state: State, now: UInt64) -> String {
        switch state {
        case .ready: "READY=1\n"
        case .reloading: "RELOADING=1\nMONOTONIC_USEC=\(now)\n"
        case .stopping: "STOPPING=1\n"
        case .alive: "WATCHDOG=1\n"
        case .status(let text): "STATUS=\(oneLine(text))\n"
        }
    }

    private static func oneLine(_ text: String) -> String {
        var out = String.UnicodeScalarView()
        var bytes = 0
        for scalar in text.unicodeScalars {
            bytes += UTF8.width(scalar)
            guard bytes <= longestStatus else { break }
            let isControl = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
            out.append(isControl ? " " : scalar)
        }
        return String(out)
    }

    private static func monotonicMicroseconds() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(clamping: time.tv_sec) &* 1_000_000 &+ UInt64(clamping: time.tv_nsec / 1_000)
    }
}
