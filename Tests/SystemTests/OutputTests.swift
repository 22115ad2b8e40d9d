import Foundation
import Testing

extension SideBySideTests {
    @Suite("Results that cannot be written")
    struct OutputTests {
        private static let commands: [(String, [String])] = [
            ("agent", ["check", "FILE"]), ("agent", ["check", "FILE", "--filter"]),
            ("agent", ["replay", "CAPTURE", "--port", "80"]),
            ("agent", ["--help"]), ("agent", ["check", "--help"]), ("agent", ["--version"]),
            ("collector", ["factors"]), ("collector", ["factors", "--csv-header"]),
            ("collector", ["plan", "new"]), ("collector", ["--help"]),
        ]

        /// Runs a program by a shell's script, as `"$0" "$@"`. FILE are settings, CAPTURE has no
        /// packet.
        private func run(
            _ script: String, _ program: String, _ words: [String]
        ) throws -> Host.Outcome {
            let site = try Site()
            defer { site.close() }
            try write(site.agentSettings().text, to: site.path("FILE"))
            // pcap, little-endian, microseconds, Ethernet; Source: pcap-savefile(5).
            let header: [UInt32] = [0xa1b2_c3d4, 0x0004_0002, 0, 0, 65_535, 1]
            let bytes = header.flatMap { withUnsafeBytes(of: $0.littleEndian, Array.init) }
            try Data(bytes).write(to: URL(filePath: site.path("CAPTURE")))
            let words = ["-c", "cd '\(site.folder)'; " + script, try Site.program(program)] + words
            return try Host.run(["sh"] + words, within: 10)
        }

        @Test("end with status 5 and the reason", arguments: commands)
        func full(program: String, words: [String]) throws {
            let outcome = try run("exec \"$0\" \"$@\" > /dev/full", program, words)
            #expect(outcome.status == 5)
            #expect(
                outcome.said
                    == "jouleflow-\(program): cannot write to standard output: "
                    + "No space left on device\n")
        }

        @Test("leave the status of what else is wrong, and are told beside it")
        func failing() throws {
            let words = ["energy", "--for", "1s", "--sysfs", "."]
            let outcome = try run("exec \"$0\" \"$@\" > /dev/full", "agent", words)
            #expect(outcome.status == 1)
            #expect(outcome.said.contains("the host's energy is not known: "))
            #expect(outcome.said.contains("cannot write to standard output: No space left"))
        }

        @Test(
            "end it quietly where nobody reads them, also where SIGPIPE is ignored",
            arguments: commands)
        func closedPipe(program: String, words: [String]) throws {
            let closed = "mkfifo pipe; exec 3<>pipe 4>pipe 3<&-; exec \"$0\" \"$@\" >&4 4>&-"
            for script in [closed, "trap '' PIPE; \(closed)"] {
                let outcome = try run(script, program, words)
                #expect(outcome.status == 128 + SIGPIPE)
                #expect(outcome.said == "")
            }
        }
    }
}
