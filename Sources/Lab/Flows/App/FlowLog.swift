import Glibc
import Synchronization

/// What the multi-step application answered: a sum for each endpoint, status and code, and, if
/// wanted, an access log of one line per answer.
///
/// A line: service, method, path without query, status, code, state, key or `-`; one space between.
package final class FlowLog: Sendable {
    /// Bytes gathered before they are written.
    private static let block = 64 << 10

    private struct State {
        var file: Int32?
        var pending: [UInt8] = []
        var answers: [String: UInt64] = [:]
        var failure: SystemFailure?
    }

    private let state: Mutex<State>

    /// - Parameter path: the access log, emptied first; `nil` for none.
    package init(path: String?) throws(SystemFailure) {
        var file: Int32?
        if let path {
            let opened = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
            guard opened >= 0 else { throw SystemFailure("open", path, errno: errno) }
            file = opened
        }
        state = Mutex(State(file: file))
    }

    /// Answers by `ENDPOINT STATUS CODE`; requests of no endpoint by `unknown`.
    package var answers: [String: UInt64] { state.withLock { $0.answers } }

    /// Why the access log is not whole, or `nil`.
    package var failure: SystemFailure? { state.withLock { $0.failure } }

    /// - Parameter line: service, method and path.
    func add(_ request: FlowRequest?, _ answer: FlowAnswer, line: String) {
        let ending = "\(answer.status) \(answer.code)"
        let name = "\(request?.endpoint.rawValue ?? "unknown") \(ending)"
        state.withLock { state in
            state.answers[name, default: 0] += 1
            guard state.file != nil else { return }
            state.pending += "\(line) \(ending) \(answer.state) \(request?.key ?? "-")\n".utf8
            if state.pending.count >= Self.block { Self.flush(&state) }
        }
    }

    /// Writes what is pending and closes the access log.
    package func close() {
        state.withLock { state in
            Self.flush(&state)
            if let file = state.file { Glibc.close(file) }
            state.file = nil
        }
    }

    private static func flush(_ state: inout State) {
        guard let file = state.file else { return }
        var rest = state.pending[...]
        state.pending.removeAll(keepingCapacity: true)
        while !rest.isEmpty {
            let chunk = Array(rest)
            let put = write(file, chunk, chunk.count)
            if put < 0 && errno == EINTR { continue }
            guard put > 0 else {
                state.failure = SystemFailure("write", "access log", errno: errno)
                return
            }
            rest = rest.dropFirst(put)
        }
    }
}
