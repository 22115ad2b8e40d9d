import Foundation
import Testing

private let corpus = ProcessInfo.processInfo.environment["JOULEFLOW_CORPUS"]

extension SystemTests {
    @Suite(
        "Known captures",
        .enabled(if: corpus != nil, "JOULEFLOW_CORPUS names no folder of captures"))
    struct ConformanceTests {
        @Test("are counted as docs/conformance.md says")
        func all() throws {
            let outcome = try compare(with: corpus ?? "")
            #expect(outcome.status == 0, "\(outcome.said)")
            #expect(outcome.printed.contains(" 0 findings"))
        }

        @Test("that lost their end are found out")
        func cut() throws {
            try Site.with { site in
                let copy = site.path("corpus")
                let command = ["cp", "-r", "--no-preserve=mode", corpus ?? "", copy]
                #expect(try Host.run(command, within: 60).status == 0)
                let name = "zeek/http/get.pcap"
                let file = URL(filePath: "\(copy)/\(name)")
                let whole = try Data(contentsOf: file)
                try whole.prefix(whole.count / 3).write(to: file)
                let outcome = try compare(with: copy)
                #expect(outcome.status == 1)
                #expect(outcome.said.hasPrefix("conformance: \(name) gives 1 / 0, not 1 / 1\n"))
                #expect(
                    outcome.said.split(separator: "\n").allSatisfy { $0.contains(name) })
            }
        }

        private func compare(with folder: String) throws -> Host.Outcome {
            try Host.run(
                [
                    "\(Host.sources)/scripts/conformance", "--check", "--corpus", folder,
                    "--agent", Site.program("agent"),
                ], within: 120)
        }
    }
}
