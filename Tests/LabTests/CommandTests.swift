import ArgumentParser
import Lab
import Metering
import Testing

@testable import jouleflow_lab

@Suite("The laboratory's command line")
struct CommandTests {
    @Test(
        "answers a usage error with status 2",
        arguments: [
            ["powercap"], ["powercap", "--root", "x", "--idle-watts", "-1"],
            ["powercap", "--root", "x", "--dram-share", "2"],
            ["powercap", "--root", "x", "--interval", "2s"],
            ["powercap", "--root", "x", "--for", "90"],
            ["powercap", "--root", "x", "--machine", "xeon"],
            ["powercap", "--root", "x", "--package-watts", "1001"],
            ["powercap", "--root", "x", "--wall-watts", "-1"],
            ["powercap", "--root", "x", "--steady", "--idle-watts", "60"],
            ["powercap", "--root", "x", "--core-watts", "6", "--dram-share", "0.1"],
            ["powercap", "--root", "x", "--fail-from", "5s"],
            ["powercap", "--root", "x", "--fail-for", "5s"],
            ["powercap", "--root", "x", "--wall-interval", "50ms"],
            ["powercap", "--root", "x", "--wrap-after", "0s"],
            ["app"], ["app", "--port", "70000"], ["app", "--port", "80", "--unit", "1s"],
            ["load", "--port", "80", "--mix", "1,2,3"], ["load", "--port", "80", "--rate", "0"],
            ["load", "--port", "80", "--mix", "0,0,0,0"],
            ["load", "--port", "80", "--refused", "0.9", "--errors", "0.2"],
            ["load", "--port", "80", "--connections", "0"], ["load", "--port", "80", "--what"],
            ["load-schedule", "x"], ["load-schedule", "x", "--port", "80", "--connections", "0"],
            ["bench", "alpha", "--seeds", "9"],
            ["flows-app", "--port", "80"], ["flows-app", "--port", "80", "--core-port", "80"],
            ["flows-app", "--port", "80", "--core-port", "81", "--work", "1s"],
            ["flows-load", "--port", "80", "--core-port", "81", "--flows", "0"],
            ["flows-load", "--port", "80", "--core-port", "81", "--also-to", "a:1"],
            ["flows-load", "--port", "80", "--core-port", "81", "--also-to", "127.0.0.1"],
            ["flows-load", "--port", "80", "--core-port", "81", "--pause-at", "5"],
            ["flows-load", "--port", "80", "--core-port", "81", "--rate", "0"],
            ["flows-config", "--port", "80", "--core-port", "81", "--dedupe", "none"],
            ["flows-config", "--port", "80", "--core-port", "81", "--dedupe", "fleet"],
            ["demo"], ["demo", "--bin", "x", "--seconds", "0"], ["nothing"],
            ["bench", "tick"], ["bench", "tick", "--sysfs", "x", "--ticks", "10"],
        ])
    func usage(arguments: [String]) throws {
        let error = #expect(throws: (any Error).self) {
            _ = try JouleflowLab.parseAsRoot(arguments)
        }
        #expect(JouleflowLab.exitStatus(for: try #require(error)) == 2)
    }

    @Test("a folder without windows is named before anything is divided")
    func withoutWindows() throws {
        let problem = #expect(throws: MeasuredWindowProblem.self) {
            _ = try MeasuredWindow.windows(inState: "/nonexistent")
        }
        #expect(problem?.description.hasPrefix("/nonexistent: no agent's state folder") ?? false)
    }

    @Test(
        "takes good arguments",
        arguments: [
            ["powercap", "--root", "x", "--for", "90s"],
            ["powercap", "--root", "x", "--machine", "epyc-mirrored", "--package-watts", "150"],
            ["powercap", "--root", "x", "--steady", "--wrap-after", "20s", "--fail-from", "25s"]
                + ["--fail-for", "10s"],
            ["powercap", "--root", "x", "--machine", "hwmon", "--wall-watts", "2000"],
            ["app", "--port", "80", "--unit", "40us"],
            ["load", "--port", "80", "--mix", "1,0,0,2.5", "--format", "json"],
            ["load-schedule", "x", "--port", "80"], ["bench", "alpha", "--seeds", "10"],
            ["flows-app", "--port", "80", "--core-port", "81", "--work", "50us"],
            ["flows-load", "--port", "80", "--core-port", "81", "--also-to", "10.0.0.2"],
            ["flows-load", "--port", "80", "--core-port", "81", "--also-to", "127.0.0.1:82:83"],
            ["flows-config", "--port", "80", "--core-port", "81", "--dedupe", "fleet"]
                + ["--secret", "x"],
            ["demo", "--bin", "x"], ["bench", "tick", "--sysfs", "x", "--ticks", "1000"],
        ])
    func good(arguments: [String]) throws { _ = try JouleflowLab.parseAsRoot(arguments) }

    @Test(
        "reads lengths with their unit only",
        arguments: [
            ("40us", 40_000), ("20ms", 20_000_000), ("90s", 90_000_000_000),
            ("2m", 120_000_000_000), ("24h", 86_400_000_000_000), ("25h", nil), ("90", nil),
            ("0s", nil), ("s", nil), ("1.5s", nil), ("-1s", nil), ("99999999999999999999s", nil),
        ] as [(String, UInt64?)])
    func lengths(text: String, nanoseconds: UInt64?) {
        #expect(Nanoseconds(length: text)?.rawValue == nanoseconds)
    }
}
