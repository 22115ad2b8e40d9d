import CAllocationCounter
import Glibc
import Testing

@testable import KernelFiles

/// A folder for one test, removed with its files when the object goes.
private final class Folder {
    let path: String

    init() {
        var template = Array("/tmp/jouleflow-files-XXXXXX".utf8CString)
        path = mkdtemp(&template).map { String(cString: $0) } ?? ""
        precondition(!path.isEmpty, "no temporary folder")
    }

    deinit {
        for entry in (try? listFolder(path, limit: 1000)) ?? [] {
            if entry.isFolder {
                rmdir(path + "/" + entry.name)
            } else {
                unlink(path + "/" + entry.name)
            }
        }
        rmdir(path)
    }

    func write(_ name: String, _ text: String) -> String {
        let file = path + "/" + name
        let descriptor = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        let bytes = Array(text.utf8)
        precondition(Glibc.write(descriptor, bytes, bytes.count) == bytes.count)
        close(descriptor)
        return file
    }
}

@Suite("Files held open") struct FileTableTests {
    @Test("every read begins at the front and sees what is there now") func reread() throws {
        let folder = Folder()
        var files = FileTable(limit: 16)
        let handle = files.add(folder.write("a", "first"))
        #expect(try files.read(handle) == 5)
        _ = folder.write("a", "2nd")
        let count = try files.read(handle)
        #expect(Array(files.buffer[..<count]) == Array("2nd".utf8))
    }

    @Test("a text that fills the buffer is too long, its front can be had") func tooLong() throws {
        let folder = Folder()
        var files = FileTable(limit: 4)
        let handle = files.add(folder.write("a", "12345"))
        #expect(throws: ReadFailure.tooLong(limit: 3)) { try files.read(handle) }
        #expect(try files.readPrefix(handle) == 4)
        let grew = files.growBuffer(limit: 6)
        #expect(grew)
        #expect(try files.read(handle) == 5)
    }

    @Test("what cannot be opened says why at every read") func failures() throws {
        let folder = Folder()
        mkfifo(folder.path + "/fifo", 0o644)
        var files = FileTable(limit: 16)
        let missing = files.add(folder.path + "/none")
        let fifo = files.add(folder.path + "/fifo")
        let directory = files.add(folder.path)
        #expect(throws: ReadFailure.missing) { try files.read(missing) }
        #expect(throws: ReadFailure.notRegular) { try files.read(fifo) }
        #expect(throws: ReadFailure.notRegular) { try files.read(directory) }
    }

    @Test("descriptors are closed with their handle and with the table") func closes() throws {
        let folder = Folder()
        let path = folder.write("a", "1")
        func holders() throws -> Int {
            try listFolder("/proc/self/fd", limit: 10_000).count {
                (try? readLink("/proc/self/fd/" + $0.name)) == path
            }
        }
        do {
            var files = FileTable(limit: 16)
            let first = files.add(path)
            _ = files.add(path)
            #expect(try holders() == 2)
            files.remove(first)
            #expect(try holders() == 1)
        }
        #expect(try holders() == 0)
    }

    @Test("a read allocates nothing") func allocations() throws {
        let folder = Folder()
        var files = FileTable(limit: 16)
        let handle = files.add(folder.write("a", "12345"))
        _ = try files.read(handle)
        allocation_count_reset()
        for _ in 0..<10 { _ = try files.read(handle) }
        #expect(allocation_count() == 0)
    }

    @Test("lines and texts are bounded") func texts() throws {
        let folder = Folder()
        #expect(try readLine(of: folder.write("a", " \tname \r\nmore")) == "name")
        #expect(try readLine(of: folder.write("b", "")) == "")
        #expect(throws: ReadFailure.tooLong(limit: 3)) {
            try readText(of: folder.write("c", "1234"), limit: 3)
        }
        let cut = try readText(of: folder.path + "/c", limit: 3, cutting: true)
        #expect("1234".hasPrefix(cut) && cut.count >= 3)
    }
}

@Suite("A kernel text is scanned") struct ByteScannerTests {
    @Test(
        "numbers fit in 64 bits or are none",
        arguments: [
            ("0", UInt64?(0)), ("18446744073709551615", .max), ("18446744073709551616", nil),
            ("99999999999999999999999", nil), ("", nil), ("-1", nil), ("x", nil), ("\t 7", 7),
        ])
    func numbers(text: String, number: UInt64?) {
        var scanner = ByteScanner(Array(text.utf8), count: text.utf8.count)
        #expect(scanner.number() == number)
    }

    @Test("any bytes and any counts are scanned without a trap") func hostile() {
        var state: UInt64 = 3
        for round in 0..<2000 {
            var bytes: [UInt8] = []
            for _ in 0..<(round % 40) {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                bytes.append(
                    [0x30, 0x39, 0x20, 0x0A, 0x29, 0x63, UInt8(state >> 56)][Int(state >> 40) % 7])
            }
            var scanner = ByteScanner(bytes, count: round % 3 == 0 ? .max : round % 50)
            var steps = 0
            while !scanner.isAtEnd && steps < 100 {
                _ = scanner.number()
                _ = scanner.skip("c")
                _ = scanner.skipWord()
                _ = scanner.restIsBlank
                _ = scanner.skipPastLast(0x29)
                scanner.skipLine()
                steps += 1
            }
            #expect(scanner.isAtEnd)
            #expect(scanner.number() == nil)
        }
    }
}
