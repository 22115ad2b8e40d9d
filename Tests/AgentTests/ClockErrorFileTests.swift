import Glibc
import Metering
import Testing

@testable import Agent

@Suite("The clock's error, as it is kept beside a sandboxed agent")
struct ClockErrorFileTests {
    private let now = Nanoseconds.seconds(1_000)

    @Test("The bound grows by 500 ppm of its age", arguments: [0, 1, 10, 60] as [UInt64])
    func grows(age: UInt64) {
        let line = "1520 \((1_000 - age) * 1_000_000_000)\n"
        #expect(ClockErrorFile.bound(in: line, at: now) == 1520 + age * 500)
    }

    @Test(
        "An unsynchronised clock, an old reading, one of the future or another line is unknown",
        arguments: [
            "-1 1000000000000\n", "1520 939999999999\n", "1520 1000000000001\n", "", "\n",
            "1520\n", "1520 1000000000000", "1520  1000000000000\n", "1520 1000000000000 7\n",
            "1e3 1000000000000\n", "99999999999999999999 1000000000000\n",
            "18446744073709551615 999000000000\n", "1520 99999999999999999999\n",
        ])
    func unknown(line: String) {
        #expect(ClockErrorFile.bound(in: line, at: now) == nil)
    }

    @Test("A file is read; none, a longer one and a link are not")
    func reads() throws {
        let path = "/tmp/jouleflow-clock-\(UInt64.random(in: 0...UInt64.max))"
        defer { for end in ["", ".long", ".link"] { unlink(path + end) } }
        try write("15 999000000000\n", to: path)
        try write("15 999000000000\n" + String(repeating: "\n", count: 64), to: path + ".long")
        try #require(symlink(path, path + ".link") == 0)
        #expect(ClockErrorFile.bound(at: now, path: path) == 515)
        #expect(ClockErrorFile.bound(at: now, path: path + ".long") == nil)
        #expect(ClockErrorFile.bound(at: now, path: path + ".link") == nil)
        #expect(ClockErrorFile.bound(at: now, path: path + ".none") == nil)
    }

    private func write(_ text: String, to path: String) throws {
        let file = try #require(fopen(path, "w"))
        fputs(text, file)
        fclose(file)
    }
}
