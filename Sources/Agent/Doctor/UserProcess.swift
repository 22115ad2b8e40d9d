import CLinux
import Glibc

/// This program once more, as the agent's user, beside root's: root's keeps the terminal, and passes on
/// what this one says when it has ended.
///
/// Another process of that user may have been in it between its start and its main. So it has no
/// terminal and gains nothing, and what it says is bounded and changed where it would move a cursor.
package struct UserProcess {
    /// How it ended.
    package enum End: Sendable, Hashable {
        case status(Int32)
        case signal(Int32)
        /// It said nothing for ``longestSilence``, and was killed.
        case silent
        /// It said more than ``mostBytes``, and was killed.
        case tooMuch
    }

    /// What it said, tamed, and how it ended.
    package struct Account: Sendable, Hashable {
        package let output: [UInt8]
        package let errors: [UInt8]
        package let end: End
    }

    /// Bytes of output and errors together; of one that says more nothing is passed on.
    package static let mostBytes = 1 << 20
    /// Seconds for which it may say nothing.
    package static let longestSilence = 300
    /// Milliseconds after which its end is noticed.
    private static let pause: Int32 = 100

    let process: pid_t
    /// The reading ends of its pipes.
    let output: Int32
    let errors: Int32

    /// Starts it. `nil` with errno where that is refused.
    ///
    /// - Parameter further: groups beside those that the system's tables give the user.
    static func start(as user: uid_t, group: gid_t, further: [gid_t]) -> UserProcess? {
        var child = clinux_child()
        // Who ignores the ends of children is not told their status.
        signal(SIGCHLD, SIG_DFL)
        guard clinux_start_as(user, group, further, Int32(further.count), &child) == 0 else {
            return nil
        }
        return UserProcess(process: child.process, output: child.output, errors: child.errors)
    }

    /// Waits for its end, and kills it where it goes on for too long or says too much.
    ///
    /// - Parameter silence: seconds.
    package func account(
        silence: Int = UserProcess.longestSilence, most: Int = UserProcess.mostBytes
    ) -> Account {
        var streams = [ReadStream(output), ReadStream(errors)]
        defer { for descriptor in [output, errors] { close(descriptor) } }
        var heard = Self.now
        while true {
            var waits = streams.map {
                pollfd(fd: $0.isOpen ? $0.descriptor : -1, events: Int16(POLLIN), revents: 0)
            }
            poll(&waits, nfds_t(waits.count), Self.pause)
            // Asked before reading: what it said before its end is in the pipes then.
            let end = ended
            var count = 0
            for index in streams.indices {
                let said = streams[0].bytes.count + streams[1].bytes.count
                count += streams[index].read(most: most + 1 - said)
            }
            guard streams[0].bytes.count + streams[1].bytes.count <= most else {
                return killed(.tooMuch, after: end)
            }
            if let end {
                return Account(
                    output: Self.tame(streams[0].bytes), errors: Self.tame(streams[1].bytes),
                    end: end)
            }
            if count > 0 { heard = Self.now }
            if Self.now - heard >= silence { return killed(.silent, after: nil) }
        }
    }

    /// - Parameter end: where it ended by itself; its number may be another's by now.
    private func killed(_ reason: End, after end: End?) -> Account {
        if end == nil {
            // It leads a session and a group of its own.
            kill(-process, SIGKILL)
            kill(process, SIGKILL)
        }
        return Account(output: [], errors: [], end: reason)
    }

    /// Source: wait(2); the layout of a status is that of bits/waitstatus.h.
    private var ended: End? {
        var status: Int32 = 0
        guard waitpid(process, &status, WNOHANG) == process else { return nil }
        let signal = status & 0x7f
        return signal == 0 ? .status((status >> 8) & 0xff) : .signal(signal)
    }

    /// Seconds that stand still while the host sleeps, as the process does.
    private static var now: Int {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec
    }

    /// UTF-8 in which nothing moves a cursor or turns the direction of a line: controls but line feed
    /// and tab, formats, and separators of lines become U+FFFD. Text without them stays as it is.
    static func tame(_ bytes: [UInt8]) -> [UInt8] {
        var text = String.UnicodeScalarView()
        for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
            text.append(isPlain(scalar) ? scalar : "\u{FFFD}")
        }
        return Array(String(text).utf8)
    }

    private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control: scalar == "\n" || scalar == "\t"
        case .format, .lineSeparator, .paragraphSeparator: false
        default: true
        }
    }
}

/// One of the pipes.
private struct ReadStream {
    let descriptor: Int32
    private(set) var isOpen = true
    private(set) var bytes: [UInt8] = []

    init(_ descriptor: Int32) {
        self.descriptor = descriptor
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
    }

    /// Takes what is there, up to so many bytes; how many they were.
    mutating func read(most: Int) -> Int {
        var (left, block) = (most, [UInt8](repeating: 0, count: 65_536))
        while isOpen, left > 0 {
            let count = Glibc.read(descriptor, &block, min(left, block.count))
            if count < 0 && errno == EINTR { continue }
            isOpen = count > 0 || count < 0 && errno == EAGAIN
            guard count > 0 else { break }
            bytes += block.prefix(count)
            left -= count
        }
        return most - left
    }
}
