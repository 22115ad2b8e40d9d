package import Logging
import NIOSSL
import Synchronization

/// One side's certificates and key, read again when their files change.
///
/// The files are looked at before each new connection. New files that cannot be used are told of
/// once, and the old ones hold on.
package final class LiveCredentials: Sendable {
    private struct State {
        var held: Credentials?
        /// The files as they were when they were last tried, and what was wrong with them.
        var tried: [FileMark] = []
        var problem: CredentialProblem?
    }

    private let files: CredentialFiles
    private let side: TransportSide
    private let agent: String?
    /// The wall clock, in seconds since 1970.
    let now: @Sendable () -> Int64
    private let log: Logger
    private let state = Mutex(State())

    /// Reads nothing yet. `agent` is the id that the certificate must name on an agent's side;
    /// `now` gives seconds since 1970.
    package init(
        _ files: CredentialFiles, side: TransportSide, agent: String? = nil, log: Logger,
        now: @escaping @Sendable () -> Int64 = wallClockSeconds
    ) {
        self.files = files
        self.side = side
        self.agent = agent
        self.log = log
        self.now = now
    }

    /// Reads the files and says what to warn of. Throws where they cannot be used.
    package static func check(
        _ files: CredentialFiles, side: TransportSide, agent: String? = nil,
        at now: Int64 = wallClockSeconds()
    ) throws(CredentialProblem) -> [CredentialWarning] {
        try Credentials(files, side: side).warnings(files, at: now, agent: agent)
    }

    /// Reads the files if they changed. Throws where they cannot be used and none were before.
    package func refresh() throws(CredentialProblem) { _ = try context() }

    /// Waits until any of these have other files than those they last tried, looking once each
    /// `interval` and not before the first is over. Returns false where none do within `time`, or the
    /// task is cancelled.
    package static func areRenewed(
        _ all: [LiveCredentials], within time: Duration, every interval: Duration
    ) async -> Bool {
        let end = ContinuousClock.now + time
        while .now < end {
            let next = min(ContinuousClock.now + interval, end)
            do { try await Task.sleep(until: next, clock: .continuous) } catch { return false }
            if all.contains(where: \.isRenewed) { return true }
        }
        return false
    }

    private var isRenewed: Bool {
        let marks = files.paths.map(FileMark.init)
        return state.withLock { !$0.tried.isEmpty && $0.tried != marks }
    }

    /// What the next connection uses.
    func context() throws(CredentialProblem) -> NIOSSLContext {
        try state.withLock { state throws(CredentialProblem) in
            let marks = files.paths.map(FileMark.init)
            if marks != state.tried { read(marks, &state) }
            guard let held = state.held else {
                throw state.problem ?? .noCertificate(path: files.certificate)
            }
            return held.context
        }
    }

    private func read(_ marks: [FileMark], _ state: inout State) {
        state.tried = marks
        do throws(CredentialProblem) {
            let new = try Credentials(files, side: side)
            let isFirst = state.held == nil
            state.held = new
            state.problem = nil
            // What was read may be newer than what was looked at before.
            state.tried = new.marks
            if !isFirst {
                log.notice(
                    "certificates read again",
                    metadata: [
                        "file": "\(files.certificate)", "until": "\(utc(new.certificate.notAfter))",
                    ])
            }
            warn(of: new)
        } catch {
            state.problem = error
            guard state.held != nil else { return }
            log.error("new certificates are not used, the old ones hold on: \(error)")
        }
    }

    private func warn(of credentials: Credentials) {
        for warning in credentials.warnings(files, at: now(), agent: agent) {
            log.log(level: warning.isFatal ? .error : .warning, "\(warning)")
        }
    }

    /// Warns of certificates that expire, once each `interval`, until cancelled.
    package func watchExpiry(every interval: Duration = .seconds(86_400)) async {
        while true {
            do { try await Task.sleep(for: interval) } catch { return }
            if let held = state.withLock({ $0.held }) { warn(of: held) }
        }
    }
}
