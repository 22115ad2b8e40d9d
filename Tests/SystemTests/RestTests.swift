import Foundation
import Testing

extension SystemTests {
    @Suite("On a host on which nothing happens, the agent")
    struct RestTests {
        /// How often each thread has gone to sleep so far, by name; threads of one name together.
        /// Source: proc_pid_status(5), voluntary_ctxt_switches.
        private func sleeps(in pid: pid_t) throws -> [String: Int] {
            let tasks = "/proc/\(pid)/task"
            var sleeps: [String: Int] = [:]
            for task in try FileManager.default.contentsOfDirectory(atPath: tasks) {
                let folder = "\(tasks)/\(task)"
                let name = try String(contentsOfFile: "\(folder)/comm", encoding: .utf8)
                let status = try String(contentsOfFile: "\(folder)/status", encoding: .utf8)
                let line = status.split(separator: "\n").first {
                    $0.hasPrefix("voluntary_ctxt_switches:")
                }
                let number = line?.split(whereSeparator: \.isWhitespace).last
                sleeps[String(name.dropLast()), default: 0] +=
                    try #require(number.flatMap { Int($0) })
            }
            return sleeps
        }

        @Test(
            "looks at its rings and its counters once a second, wakes nobody else, and gives each window all the same"
        )
        func rests() throws {
            try Site.with { site in
                _ = try site.startCounters()
                let collector = try site.startCollector()
                var settings = site.agentSettings()
                settings.windowSeconds = 10
                let agent = try site.startAgent(settings)
                try collector.awaitSaying("agent connected")
                let (began, before) = (Date(), try sleeps(in: agent.pid))
                // One window ends meanwhile at most.
                usleep(9_000_000)
                let after = try sleeps(in: agent.pid)
                let seconds = Date().timeIntervalSince(began)
                func looks(_ isMeant: (String) -> Bool) -> Double {
                    Double(after.filter { isMeant($0.key) }.reduce(0) { $0 + $1.value })
                        - Double(before.filter { isMeant($0.key) }.reduce(0) { $0 + $1.value })
                }
                let hot = ["jf-capture", "jf-counters"]
                for thread in hot {
                    let looks = looks { $0 == thread }
                    #expect(looks > seconds / 2 && looks < 2 * seconds + 16, "\(thread): \(looks)")
                }
                // The threads of tasks and sockets: a record, and the beat of the runtime's own timer.
                let others = looks { !hot.contains($0) }
                #expect(others < 2 * seconds + 40, "\(others) in \(seconds) s")
                #expect(try agent.stop(within: 5) == 0)
                #expect(agent.said.contains("backlog=0"), "\(agent.said)")
                #expect(try collector.stop() == 0)
            }
        }
    }
}
