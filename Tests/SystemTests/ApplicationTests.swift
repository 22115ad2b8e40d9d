import Foundation
import Glibc
import Testing

extension SystemTests {
    @Suite("On applications of others", .hasCapture, .hasWebLoad)
    struct ApplicationTests {
        /// Requests that wrk sends on each of its two connections.
        private static let requests = 900

        @Test("flows equal the log of http.server behind nginx", .hasApplication(.python))
        func python() throws { try expectFlowsEqualLog(of: .python) }

        @Test("flows equal the log of a Java HttpServer", .hasApplication(.java))
        func java() throws { try expectFlowsEqualLog(of: .java) }

        @Test("flows equal the log of node", .hasApplication(.node))
        func node() throws { try expectFlowsEqualLog(of: .node) }

        /// By key and outcome; with bodies chunked, compressed, of unknown length, and repeated.
        private func expectFlowsEqualLog(of application: Application) throws {
            try Site.with { site in
                try start(application, on: site)
                _ = try site.startCollector()
                var settings = site.agentSettings()
                settings.hasCounters = false
                settings.rules = Application.rules
                let agent = try site.startAgent(settings)
                try agent.awaitSaying("capturing")

                let wrk = try site.startWrk(
                    threads: 2, connections: 2, seconds: 8,
                    mix: Application.load(requests: Self.requests))
                try curl(site)
                #expect(try wrk.end(within: 20) == 0)
                let log = try Log(site.path("application.log"))
                try site.awaitStored()
                #expect(try agent.stop() == 0)
                let report = try site.expectSoundStore()

                #expect(log.lines == 2 * Self.requests + Self.curls)
                for (id, expected) in log.flows {
                    #expect(report.flows[id] == expected, "\(id)")
                    #expect(report.duplicates[id] == log.duplicates[id], "\(id)")
                }
                #expect(report.losses.filter { $0.value != 0 } == [:])
                try expectNoIdentifier(in: site)
            }
        }

        private func start(_ application: Application, on site: Site) throws {
            let (name, text) = application.source
            try write(text, to: site.path(name))
            let isBehind = application == .python
            let port = isBehind ? try Host.freePort() : site.servicePort
            let child = try site.start(
                application.rawValue,
                [application.program, site.path(name), "\(port)", site.path("application.log")])
            try wait("the application to listen", 20, diary: { child.said }) {
                guard child.isRunning else { throw Trouble("it ended: \(child.said)") }
                return Host.isListening(on: port)
            }
            if isBehind {
                _ = try site.startNginx(
                    NginxFiles.proxy(
                        folder: site.folder, address: "127.0.0.1:\(site.servicePort)",
                        to: "127.0.0.1:\(port)"))
            }
        }

        /// Nothing of the traffic is in the spool, the state, the store, a record or a log.
        private func expectNoIdentifier(in site: Site) throws {
            let theirs = ["application", "Application", "load.lua", "nginx", "wrk"]
            let files = FileManager.default.enumerator(atPath: site.folder)?.compactMap {
                $0 as? String
            }
            var searched = 0
            for file in files ?? []
            where !theirs.contains(where: file.hasPrefix) && isFile(site.path(file)) {
                let bytes = try Data(contentsOf: URL(filePath: site.path(file)))
                searched += bytes.isEmpty ? 0 : 1
                for identifier in Application.identifiers {
                    #expect(
                        bytes.range(of: Data(identifier.utf8)) == nil, "\(identifier) in \(file)")
                }
            }
            // Spool, flows, secret, store, the programs' words and settings at least.
            #expect(searched > 8)
        }

        private func isFile(_ path: String) -> Bool {
            var isFolder: ObjCBool = false
            return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
                && !isFolder.boolValue
        }

        private static let curls = 5

        /// Requests in forms that wrk does not make.
        private func curl(_ site: Site) throws {
            let repay = "http://127.0.0.1:\(site.servicePort)/api/repay"
            let body = #"{"repayNo":"C-1","note":"\#(String(repeating: "n", count: 3000))"}"#
            let forms: [[String]] = [
                ["--compressed", "-H", "Transfer-Encoding: chunked", "-d", body],
                ["-0", "-d", body.replacingOccurrences(of: "C-1", with: "C-2")],
                [
                    "-H", "Expect: 100-continue", "-d",
                    body.replacingOccurrences(of: "C-1", with: "C-3"),
                ],
                ["-H", "Connection: close", "-d", body],
            ]
            for form in forms {
                let outcome = try Host.run(
                    ["curl", "-sS", "-f", "-o", "/dev/null", repay] + form, within: 10)
                guard outcome.status == 0 else { throw Trouble("curl: \(outcome.said)") }
            }
            let outcome = try Host.run(
                [
                    "curl", "-sS", "-f", "-o", "/dev/null",
                    "http://127.0.0.1:\(site.servicePort)/api/account?kind=%73ummary",
                ], within: 10)
            guard outcome.status == 0 else { throw Trouble("curl: \(outcome.said)") }
        }
    }
}

extension Trait where Self == ConditionTrait {
    fileprivate static func hasApplication(_ application: Application) -> Self {
        .enabled("\(application.program) or curl is missing: scripts/install-dependencies --test") {
            Host.has(application.program, "curl")
        }
    }
}

/// What an application wrote that it answered.
private struct Log {
    var lines = 0
    var flows: [String: Flows] = [:]
    var duplicates: [String: Int] = [:]

    init(_ file: String) throws {
        var ended: [String: String] = [:]
        for line in try read(file).split(separator: "\n") {
            let words = line.split(separator: " ").map(String.init)
            guard words.count == 3 else { throw Trouble("\(file): \(line)") }
            lines += 1
            let (scenario, key, code) = (words[0], words[1], words[2])
            var flows = flows[scenario] ?? Flows()
            flows.requests += 1
            duplicates[scenario, default: 0] += 0
            if key != "-", code != "E9999", ended[key] == code {
                duplicates[scenario, default: 0] += 1
            } else {
                if key != "-" { ended[key] = code }
                switch code {
                case "0000": flows.completed += 1
                case "E1001": flows.refused += 1
                default: flows.failed += 1
                }
            }
            self.flows[scenario] = flows
        }
    }
}
