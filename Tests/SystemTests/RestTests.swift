import Foundation
import Testing

extension SystemTests {
    @Suite("On a host on which nothing happens, the agent")
    struct RestTests {
        /// How often the thread of this name has gone to sleep so far.
        /// Source: proc_pid_status(5), voluntary_ctxt_switches.
        private func sleeps(of thread: String, in pid: pid_t) throws -> Int {
            let tasks = "/proc/\(pid)/task"
            for task in try FileManager.default.contentsOfDirectory(atPath: tasks) {
                let folder = "\(tasks)/\(task)"
                let name = try String(contentsOfFile: "\(folder)/comm", encoding: .utf8)
                guard name == "\(thread)\n" else { continue }
                let status = try String(contentsOfFile: "\(folder)/status", encoding: .utf8)
                let line = status.split(separator: "\n").first {
                    $0.hasPrefix("voluntary_ctxt_switches:")
                }
                let number = line?.split(whereSeparator: \.isWhitespace).last
                return try #require(number.flatMap { Int($0) })
            }
            throw Trouble("there is no thread \(thread)")
        }

        @Test("looks at its rings a few times a second, and gives each window all the same")
        func rests() throws {
            try Site.with { site in
                _ = try site.startCounters()
                let collector = try site.startCollector()
                var settings = site.agentSettings()
                settings.windowSeconds = 10
                let agent = try site.startAgent(settings)
                let began = Date()
                let before = try sleeps(of: "jf-capture", in: agent.pid)
                try collector.awaitSaying("agent connected")
                // A window that ended in between is waited for with looks of 50 ms for 400 ms.
                usleep(8_000_000)
                let looks = try sleeps(of: "jf-capture", in: agent.pid) - before
                let seconds = Date().timeIntervalSince(began)
                #expect(Double(looks) < 10 * seconds + 10, "\(looks) looks in \(seconds) s")
                #expect(try agent.stop(within: 5) == 0)
                #expect(agent.said.contains("backlog=0"), "\(agent.said)")
                #expect(try collector.stop() == 0)
            }
        }
    }
}
