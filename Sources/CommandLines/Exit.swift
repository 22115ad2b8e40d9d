package import ArgumentParser
import CLinux
// For stdout: a global variable, of a stream that has a lock of its own.
@preconcurrency import Glibc

/// What the exit status of Jouleflow's programs means; 0 is done.
package enum ExitStatus: Int32, Sendable {
    /// A check, comparison or verification failed.
    case answerIsNo = 1
    case usage = 2
    case configuration = 3
    case permission = 4
    /// An input file cannot be read, or is none; or the output cannot be written.
    case unreadable = 5
    /// An address to listen on is taken, or is not there: another try may find it otherwise.
    case addressUnavailable = 6
}

/// Ends a program with a message on standard error and a status.
package struct Failure: Error {
    package let status: ExitStatus
    package let message: String

    package init(_ status: ExitStatus, _ message: String) {
        self.status = status
        self.message = message
    }
}

extension AsyncParsableCommand {
    /// Runs the command line and exits where it fails, with Jouleflow's statuses. It has failed too
    /// where what it printed cannot be written.
    package static func runToExit() async {
        let name = configuration.commandName ?? "jouleflow"
        var status = await endStatus(name)
        do throws(Failure) { try flushOutput() } catch {
            complain("\(name): \(error.message)\n")
            if status == 0 { status = error.status.rawValue }
        }
        if status != 0 { Glibc.exit(status) }
    }

    /// Runs the command line and says what is wrong. The parser's own number for a usage error (64)
    /// becomes 2.
    private static func endStatus(_ name: String) async -> Int32 {
        do {
            var command = try parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
            return 0
        } catch let failure as Failure {
            complain("\(name): \(failure.message)\n")
            return failure.status.rawValue
        } catch {
            let code = exitCode(for: error)
            let text = fullMessage(for: error)
            guard code != .success else {
                print(text)
                return 0
            }
            complain(text + "\n")
            return code == .validationFailure ? ExitStatus.usage.rawValue : code.rawValue
        }
    }
}

/// Writes text to standard error as it is; what cannot be written is dropped.
package func complain(_ text: String) {
    _ = Array(text.utf8).withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
}

/// Writes bytes to standard output as they are. Throws where they cannot be written.
package func write(_ bytes: [UInt8]) throws(Failure) {
    var rest = bytes[...]
    while !rest.isEmpty {
        let count = rest.withUnsafeBytes { Glibc.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
        if count < 0 && errno != EINTR { throw unwritten(errno) }
        rest = rest.dropFirst(max(0, count))
    }
}

/// Sees that what was printed is written. Throws where some of it cannot be.
private func flushOutput() throws(Failure) {
    guard fflush(stdout) == 0 else { throw unwritten(errno) }
    // Of what was lost earlier the C library keeps no reason.
    guard ferror(stdout) == 0 else {
        throw Failure(.unreadable, "cannot write to standard output: some of it is lost")
    }
}

/// That standard output cannot be written, and the system's reason. Where nobody reads it any more
/// the program ends here and says nothing, as by SIGPIPE where that is not ignored.
private func unwritten(_ code: Int32) -> Failure {
    guard code != EPIPE else { Glibc.exit(128 + SIGPIPE) }
    return Failure(
        .unreadable, "cannot write to standard output: \(String(cString: strerror(code)))")
}

/// The version of Jouleflow's programs.
package enum ProgramVersion {
    /// As `--version` prints it and each manifest carries it: the package's, or that of the release
    /// where the program is in no package.
    package static let text = packaged.isEmpty ? release : packaged

    /// Semantic version. packaging/version makes the packages' of it.
    private static let release = "0.1.0"
    private static let packaged = String(cString: clinux_packaged_version())
}
