import Synchronization
import Wire

/// Which agents are connected, by which run and by which process.
///
/// Two runs of one agent at a time are two agents that share an id, whose flows would be counted
/// twice. Of one run's processes each takes the place of the one before and never gives it back: one
/// that comes back runs beside another, on a copy of its identity.
final class Presence: Sendable {
    /// Agents remembered after they left; beyond it those that are not connected are forgotten.
    static let remembered = 10_000
    /// Processes remembered of a run, the latest.
    private static let processes = 16

    /// A process of an agent, and from where it was seen last.
    struct Process: Hashable {
        let instance: UInt64
        var address: String
    }

    enum Verdict: Hashable {
        case welcome
        /// Another run is connected, from there.
        case otherRun(address: String)
        /// This process was replaced by another, which was seen there; this one was seen before there.
        case clone(successor: String, before: String)
    }

    private struct Agent {
        let run: UInt64
        var current: Process
        var replaced: [Process] = []
        var connections: [UInt64: @Sendable () -> Void] = [:]
    }

    private let agents = Mutex<[String: Agent]>([:])

    /// What `enter` would say.
    func verdict(on hello: Hello) -> Verdict {
        agents.withLock { Self.verdict(on: hello, $0[hello.agent]) }
    }

    private static func verdict(on hello: Hello, _ agent: Agent?) -> Verdict {
        guard let agent else { return .welcome }
        if agent.run != hello.run {
            // A spool that was lost while the agent ran: the same agent goes on with a new run.
            guard agent.connections.isEmpty || hello.predecessor?.run == agent.run else {
                return .otherRun(address: agent.current.address)
            }
        } else if let before = agent.replaced.first(where: { $0.instance == hello.instance }) {
            return .clone(successor: agent.current.address, before: before.address)
        }
        return .welcome
    }

    /// Notes a connection, where it is welcome, and closes the agent's others: an agent has one, so that none
    /// takes the place of many.
    func enter(
        _ hello: Hello, connection: UInt64, address: String, close: @escaping @Sendable () -> Void
    ) -> Verdict {
        let (verdict, closing) = agents.withLock { agents -> (Verdict, [@Sendable () -> Void]) in
            let verdict = Self.verdict(on: hello, agents[hello.agent])
            guard verdict == .welcome else { return (verdict, []) }
            let process = Process(instance: hello.instance, address: address)
            var agent = Agent(run: hello.run, current: process)
            let closing = agents[hello.agent].map { Array($0.connections.values) } ?? []
            if let known = agents[hello.agent], known.run == hello.run {
                agent.replaced = known.replaced
                agent.connections = known.connections
                if known.current.instance != hello.instance {
                    agent.replaced.append(known.current)
                    agent.replaced.removeFirst(max(0, agent.replaced.count - Self.processes))
                }
            }
            agent.connections[connection] = close
            agents[hello.agent] = agent
            if agents.count > Self.remembered {
                agents = agents.filter { !$0.value.connections.isEmpty }
            }
            return (verdict, closing)
        }
        for close in closing { close() }
        return verdict
    }

    /// Where the run's latest process was seen.
    func latest(_ agent: String, run: UInt64) -> String? {
        agents.withLock { $0[agent].flatMap { $0.run == run ? $0.current.address : nil } }
    }

    func leave(_ agent: String, connection: UInt64) {
        agents.withLock { _ = $0[agent]?.connections.removeValue(forKey: connection) }
    }
}
