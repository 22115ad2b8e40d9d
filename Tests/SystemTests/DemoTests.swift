import Foundation
import Glibc
import Testing

extension SystemTests {
    @Suite("The demonstration", .hasCapture)
    struct DemoTests {
        @Test("ends with status 0, and its JSON equals what recompute.py finds in its store")
        func equalsRecomputed() throws {
            try Site.with { site in
                let demo = try start(site, seconds: 12)
                let status = try demo.end(within: 90)
                #expect(status == 0, "\(demo.printed)\n\(demo.said)")
                let result = try dictionary(read(site.path("demo.json")))

                let text = try read(site.path("demo/report.out"))
                let period = try dictionary(text)["period"] as? [String: String] ?? [:]
                let (from, to) = (period["from"] ?? "", period["to"] ?? "")
                let length = try Date(to, strategy: .iso8601).timeIntervalSince(
                    Date(from, strategy: .iso8601))
                let report = try Report(
                    text,
                    period: ["--from", from, "--to", to, "--round", "\(Int(length))s"])
                let figures = try report.recomputed(from: site.path("demo/collector.db"))
                let round = try #require((figures["rounds"] as? [[String: Any]])?.first)

                #expect(result["simulated"] as? Bool == figures["simulated"] as? Bool)
                for (key, other) in [
                    ("energy_kwh", "energy_kwh"), ("o_grams", "o_grams"), ("r_cf", "r_cf"),
                    ("sci_cf_grams", "intensity_grams_per_unit"),
                ] {
                    let ours = try #require(result[key] as? Double, "\(key)")
                    let theirs = try #require(round[other] as? Double, "\(other)")
                    #expect(abs(ours - theirs) <= 1e-12 * theirs, "\(key)")
                    #expect(theirs > 0)
                }
                let scenarios = try #require(result["scenarios"] as? [String: [String: Any]])
                let counts = try #require(round["scenarios"] as? [String: [String: Any]])
                #expect(scenarios.count == 4)
                for (name, figures) in scenarios {
                    let ta = try #require(counts[name]?["ta"] as? Int)
                    #expect(figures["counted"] as? Int == ta, "\(name)")
                    #expect(figures["completed_by_load"] as? Int == ta, "\(name)")
                    #expect(ta > 0)
                }
                #expect(try processes(in: site).isEmpty)
            }
        }

        @Test("leaves no process running when it is interrupted", arguments: [SIGINT, SIGTERM])
        func interrupted(signal: Int32) throws {
            try Site.with { site in
                let demo = try start(site, seconds: 60)
                try wait("the load to run", 30, diary: { demo.printed + demo.said }) {
                    demo.printed.contains("load:")
                }
                // Agent, collector, application and load at least.
                let started = try processes(in: site)
                #expect(started.count >= 4, "\(started)")
                demo.send(signal)
                #expect(try demo.end(within: 15) == 128 + signal)
                try wait("its processes to be gone", 2) {
                    try processes(in: site).isEmpty && started.allSatisfy { kill($0, 0) != 0 }
                }
            }
        }

        private func start(_ site: Site, seconds: Int) throws -> Child {
            guard let programs = Host.programs else { throw Trouble("JOULEFLOW_BIN is not set") }
            return try site.start(
                "demo",
                [
                    Site.program("lab"), "demo", "--bin", programs, "--seconds", "\(seconds)",
                    "--work", site.path("demo"), "--keep", "--out", site.path("demo.json"),
                ])
        }

        /// The processes that hold a file in the work folder open: all that a demonstration starts,
        /// whose output goes there, and not itself.
        private func processes(in site: Site) throws -> [pid_t] {
            let work = site.path("demo/")
            return try FileManager.default.contentsOfDirectory(atPath: "/proc")
                .compactMap { pid_t($0) }
                .filter { pid in
                    let folder = "/proc/\(pid)/fd"
                    let files = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
                    return files.contains { file in
                        let target = try? FileManager.default.destinationOfSymbolicLink(
                            atPath: "\(folder)/\(file)")
                        return target?.hasPrefix(work) == true
                    }
                }
        }
    }
}
