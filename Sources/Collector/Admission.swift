import Synchronization

/// How many connections there are: those of welcomed agents, and those that have not said who they
/// are.
///
/// There is always room for one more stranger: where there are too many, the oldest of the address
/// that has the most is closed for it. Whoever opens many connections closes its own.
final class Admission: Sendable {
    private struct Stranger {
        let connection: UInt64
        let host: String
        let close: @Sendable () -> Void
    }

    private struct State {
        /// In the order of their coming.
        var strangers: [Stranger] = []
        var agents: Set<UInt64> = []
        var last: UInt64 = 0
    }

    private let strangers: Int
    private let agents: Int
    private let state = Mutex(State())

    init(strangers: Int, agents: Int) {
        self.strangers = max(1, strangers)
        self.agents = agents
    }

    /// A number for a new connection.
    func enter(host: String, close: @escaping @Sendable () -> Void) -> UInt64 {
        let (connection, victim) = state.withLock { state -> (UInt64, Stranger?) in
            let victim = state.strangers.count < strangers ? nil : Self.takeVictim(&state)
            state.last += 1
            state.strangers.append(Stranger(connection: state.last, host: host, close: close))
            return (state.last, victim)
        }
        victim?.close()
        return connection
    }

    private static func takeVictim(_ state: inout State) -> Stranger? {
        var counts: [String: Int] = [:]
        for one in state.strangers { counts[one.host, default: 0] += 1 }
        let most = counts.values.max()
        let index = state.strangers.firstIndex { counts[$0.host] == most }
        return index.map { state.strangers.remove(at: $0) }
    }

    /// Counts the connection among those of agents. False where there is no room.
    func welcome(_ connection: UInt64) -> Bool {
        state.withLock { state in
            guard state.agents.count < agents else { return false }
            state.strangers.removeAll { $0.connection == connection }
            state.agents.insert(connection)
            return true
        }
    }

    func leave(_ connection: UInt64) {
        state.withLock { state in
            state.strangers.removeAll { $0.connection == connection }
            state.agents.remove(connection)
        }
    }
}
