import Foundation
import Store
import Testing
import Weights

@testable import Collector

// What is wrong with a plan, a schedule or an argument.
extension WeightsCommandTests {
    @Test(
        "a test that could tell nothing is not planned, and what to write instead is said",
        arguments: [
            (Self.loads + ["--repeats", "1"], "write --repeats 2 or more"),
            (["--load", "credit=4"], "add --load query=N"),
        ])
    func hopeless(arguments: [String], words: String) async throws {
        let end = try await collector(
            ["experiment", "plan", "--start", "2026-11-21T00:00Z"] + arguments)
        #expect(end.status == 2)
        #expect(end.errors.contains(words), "\(end.errors)")
    }

    @Test("a schedule in which nothing varies is read as no test")
    func noDesign() async throws {
        let path = directory.path + "/s.csv"
        let head = "block,start,measured_from,end,query\n"
        let block = "1,2026-11-21T00:00Z,2026-11-21T00:00Z,2026-11-21T00:01Z,0\n"
        try (head + block).write(toFile: path, atomically: true, encoding: .utf8)
        _ = try SQLiteRecordStore(path: database)
        let end = try await collector(["experiment", "read", path, "--store", database])
        #expect(end.status == 2)
        #expect(end.errors.contains("query is off in every block"), "\(end.errors)")
    }

    @Test("a file that is no schedule ends with 5")
    func noSchedule() async throws {
        let path = directory.path + "/s.csv"
        try "block,start\n".write(toFile: path, atomically: true, encoding: .utf8)
        for (file, words) in [
            (path, "the first line of a schedule"), (path + ".none", "cannot read"),
            (directory.path, "it is a folder"), ("/dev/zero", "longer than any schedule"),
        ] {
            let end = try await collector(["experiment", "read", file, "--store", database])
            #expect(end.status == 5)
            #expect(end.errors.contains(words), "\(end.errors)")
        }
    }

    @Test("a folder in place of the store, and a fraction of a second, are named as such")
    func namedAsSuch() async throws {
        let folder = try await collector(
            [
                "alpha", "--store", directory.path, "--from", "2026-11-21T00:00Z", "--to",
                "2026-11-22T00:00Z",
            ])
        #expect(folder.status == 5)
        #expect(folder.errors.contains("is a folder"), "\(folder.errors)")
        let fraction = try await collector(
            ["experiment", "plan", "--start", "2026-11-21T00:00:00.5Z"] + Self.loads)
        #expect(fraction.status == 2)
        #expect(fraction.errors.contains("give whole seconds"), "\(fraction.errors)")
    }

    @Test("what a schedule holds moves no cursor when it is named in an error")
    func controls() async throws {
        let path = directory.path + "/s.csv"
        let block = "1,2026-11-21T00:00Z,2026-11-21T00:00Z,2026-11-21T00:01Z"
        _ = try SQLiteRecordStore(path: database)
        for (text, status, words) in [
            ("query\u{1B}[2J\n\(block),0\n", 2, "query\u{FFFD}[2J is off in every block"),
            ("query,query\u{9B}2J,query\u{9B}2J\n", 5, "\"query\u{FFFD}2J\" stands there twice"),
            (
                "query\n\(block),\u{1B}]0;x\u{7}\n", 5,
                "line 2: \"\u{FFFD}]0;x\u{FFFD}\" is no number"
            ),
        ] {
            try ("block,start,measured_from,end," + text).write(
                toFile: path, atomically: true, encoding: .utf8)
            let end = try await collector(["experiment", "read", path, "--store", database])
            #expect(end.status == status)
            #expect(end.errors.contains(words), "\(end.errors)")
            let hidden: (Unicode.Scalar) -> Bool = {
                $0 != "\n" && ($0.value < 0x20 || (0x7F..<0xA0).contains($0.value))
            }
            #expect(!end.errors.unicodeScalars.contains(where: hidden))
        }
    }
}
