import Glibc
import Testing

@testable import Capture

@Suite("Capture files by their path")
struct CapturePathTests {
    private let content = CaptureBuilder.pcap(packets: Samples.packets).bytes

    @Test("are files whose size is known")
    func file() throws {
        try withTemporaryFile(content) { path in
            let file = try CaptureFile(path: path)
            #expect(file.size == UInt64(content.count))
            #expect(try file.forEach { _ in }.packets == 4)
        }
    }

    @Test("are pipes, plain and compressed, whose size is not known")
    func pipes() throws {
        for bytes in [content, gzip(content)] {
            var ends: [Int32] = [0, 0]
            try #require(pipe(&ends) == 0)
            defer { close(ends[0]) }
            // Less than a pipe holds: no one need read meanwhile.
            #expect(write(ends[1], bytes, bytes.count) == bytes.count)
            close(ends[1])
            let file = try CaptureFile(path: "/dev/fd/\(ends[0])")
            #expect(file.size == nil)
            #expect(try file.forEach { _ in }.packets == 4)
        }
    }

    @Test("that cannot be opened, or are folders, are refused")
    func refusals() {
        #expect(throws: CaptureFileError.cannotOpen(path: "/none/x", errno: ENOENT)) {
            _ = try CaptureFile(path: "/none/x")
        }
        #expect(throws: CaptureFileError.notFile(path: "/tmp")) {
            _ = try CaptureFile(path: "/tmp")
        }
    }

    @Test("leave no descriptor open, whether they are read, refused or left")
    func descriptors() throws {
        try withTemporaryFile(content) { path in
            try withTemporaryFile([1, 2, 3, 4, 5]) { bad in
                _ = try CaptureFile(path: path).forEach { _ in }
                #expect(!isOpen(path))
                do {
                    let file = try CaptureFile(path: path)
                    #expect(isOpen(file.path))
                }
                #expect(!isOpen(path))
                #expect(throws: CaptureFileError.self) { _ = try CaptureFile(path: bad) }
                #expect(!isOpen(bad))
            }
        }
    }

    /// Whether this process has the file at `path` open.
    private func isOpen(_ path: String) -> Bool {
        var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
        return (0..<1024).contains { number in
            let count = readlink("/proc/self/fd/\(number)", &buffer, buffer.count)
            return count > 0 && buffer[..<count].elementsEqual(path.utf8)
        }
    }
}

/// Calls `body` with the path of a file that holds `bytes` and removes it.
func withTemporaryFile<Result>(
    _ bytes: [UInt8], _ body: (String) throws -> Result
) throws -> Result {
    var name = Array("/tmp/jouleflow-capture-XXXXXX".utf8CString)
    let descriptor = mkstemp(&name)
    let path = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    defer { unlink(path) }
    // write(2) takes a regular file's bytes at once up to 2 GiB.
    let count = write(descriptor, bytes, bytes.count)
    close(descriptor)
    try #require(count == bytes.count)
    return try body(path)
}
