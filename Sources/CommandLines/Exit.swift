package import ArgumentParser
import CLinux
import Glibc

/// What the exit status of Jouleflow's programs means; 0 is done.
package enum ExitStatus: Int32, Sendable {
    /// A check, comparison or verification failed.
    case answerIsNo = 1
    case usage = 2
    case configuration = 3
    case permission = 4
    /// An input file cannot be read, or is none; or the output cannot be written.
    case unreadable = 5
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
    /// Runs the command line and exits where it fails, with Jouleflow's statuses: the parser's own
    /// number for a usage error (64) becomes 2.
    package static func runToExit() async {
        do {
            var command = try parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch let failure as Failure {
            complain("\(configuration.commandName ?? "jouleflow"): \(failure.message)\n")
            Glibc.exit(failure.status.rawValue)
        } catch {
            let code = exitCode(for: error)
            let text = fullMessage(for: error)
            if code == .success {
                print(text)
                Glibc.exit(0)
            }
            complain(text + "\n")
            Glibc.exit(code == .validationFailure ? ExitStatus.usage.rawValue : code.rawValue)
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
        if count < 0 && errno != EINTR {
            let reason = String(cString: strerror(errno))
            throw Failure(.unreadable, "cannot write to standard output: \(reason)")
        }
        rest = rest.dropFirst(max(0, count))
    }
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
