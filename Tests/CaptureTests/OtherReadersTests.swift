import Glibc
import Metering
import Testing
import Traffic

@testable import Capture

/// What a shell command printed, or `nil` where it failed; `input` is its standard input.
private func printed(_ command: String, input: [UInt8]) throws -> [UInt8]? {
    try withTemporaryFile(input) { inputPath in
        try withTemporaryFile([]) { outputPath in
            guard system("( \(command) ) < \(inputPath) > \(outputPath) 2>/dev/null") == 0 else {
                return nil
            }
            return try contents(outputPath)
        }
    }
}

private func contents(_ path: String) throws -> [UInt8] {
    let file = try #require(fopen(path, "r"))
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 65536)
    while case let count = fread(&block, 1, block.count, file), count > 0 {
        bytes += block[..<count]
    }
    return bytes
}

private func isInstalled(_ program: String) -> Bool {
    system("command -v \(program) > /dev/null") == 0
}

@Suite("Capture files, beside other programs")
struct OtherReadersTests {
    /// Files that libpcap takes: one byte order, link type and snapshot length in each.
    private static var files: [[UInt8]] {
        let small = Samples.packets.dropLast() + [(2_000_000_000, 7, [5, 5])]
        let pcaps = CaptureBuilder.PcapKind.allCases.flatMap { kind in
            [false, true].map {
                CaptureBuilder.pcap(kind, isBigEndian: $0, packets: Array(small)).bytes
            }
        }
        let pcapngs = [false, true].map { isBigEndian in
            var file = CaptureBuilder()
            for section in 0..<2 {
                file.section(isBigEndian: isBigEndian)
                // A type for local use: tshark shows the custom blocks of 0x0bad as packets.
                file.block(0x8000_0001) { $0.long(0) }
                file.interface()
                file.interface(resolution: 9)
                file.interface(resolution: 0x80 | 20, offset: 1000)
                file.interface(resolution: 3, offset: 1_700_000_000)
                for index in 0..<40 {
                    file.packet(
                        [UInt8](repeating: UInt8(index), count: index),
                        interface: UInt32(index % 4),
                        at: UInt64(index + section) * 1_234_567_891, expecting: 0,
                        isObsolete: index % 3 == 0, comment: index % 5 == 0 ? "c" : nil)
                }
            }
            return file.bytes
        }
        return pcaps + pcapngs
    }

    @Test(
        "have the packets, lengths, bytes and times that tcpdump finds",
        .enabled(if: isInstalled("tcpdump"), "tcpdump is not installed"))
    func tcpdump() throws {
        for bytes in Self.files {
            let rewritten = try #require(
                try printed("tcpdump -r - --time-stamp-precision=nano -w -", input: bytes))
            let theirs = reading(rewritten).frames
            let ours = reading(bytes).frames.map { frame in
                var frame = frame
                frame.interface = 0
                return frame
            }
            #expect(!ours.isEmpty)
            #expect(ours == theirs)
        }
    }

    @Test(
        "have the packets, lengths, interfaces and times that tshark finds",
        .enabled(if: isInstalled("tshark"), "tshark is not installed"))
    func tshark() throws {
        let fields = ["cap_len", "len", "interface_id", "time_epoch"].map { "-e frame.\($0)" }
        for bytes in Self.files.suffix(2) {
            let text = try withTemporaryFile(bytes) { path in
                try #require(
                    try printed(
                        "tshark -n -r \(path) -T fields \(fields.joined(separator: " "))",
                        input: []))
            }
            let theirs = String(decoding: text, as: UTF8.self).split(separator: "\n")
                .map { $0.split(separator: "\t").map(String.init) }
            let ours = reading(bytes).frames.map { frame in
                let fraction = String(frame.time % 1_000_000_000)
                return [
                    "\(frame.bytes.count)", "\(frame.wireLength)", "\(frame.interface)",
                    "\(frame.time / 1_000_000_000)."
                        + String(repeating: "0", count: 9 - fraction.count) + fraction,
                ]
            }
            #expect(!ours.isEmpty)
            #expect(ours == theirs)
        }
    }
}

/// The folder of recorded traffic that JOULEFLOW_CORPUS names.
private let corpus = getenv("JOULEFLOW_CORPUS").map { String(cString: $0) }

@Suite(
    "The corpus of captures",
    .enabled(if: corpus != nil, "JOULEFLOW_CORPUS names no folder of captures"))
struct CorpusTests {
    private func paths() throws -> [String] {
        let list = try #require(
            try printed(
                "find \(corpus ?? "") -name '*.pcap' -o -name '*.pcapng' -o -name '*.pcap.gz'",
                input: []))
        return String(decoding: list, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    /// Reads a file; link types that are not decoded are the only reason to refuse one.
    private func summary(of path: String) throws -> CaptureFileSummary? {
        do {
            return try CaptureFile(path: path).forEach { _ in }
        } catch CaptureFileError.content(_, _, .unknownLinkType) {
            return nil
        }
    }

    @Test("has the packets in each file that its list of counts says")
    func counts() throws {
        let table = try contents("\(corpus ?? "")/TSHARK_COUNTS.tsv")
        var compared = 0
        for line in String(decoding: table, as: UTF8.self).split(separator: "\n").dropFirst() {
            let cells = line.split(separator: "\t")
            guard let summary = try summary(of: "\(corpus ?? "")/\(cells[0])") else { continue }
            #expect(summary.packets == UInt64(cells[1]), "\(cells[0])")
            compared += 1
        }
        #expect(compared > 100)
    }

    @Test(
        "has the packets in each file that tcpdump finds",
        .enabled(if: isInstalled("tcpdump"), "tcpdump is not installed"))
    func tcpdump() throws {
        var compared = 0
        for path in try paths() {
            guard let summary = try summary(of: path) else { continue }
            let open = path.hasSuffix(".gz") ? "gzip -dc" : "cat"
            // A file with several link types is one libpcap refuses.
            guard let rewritten = try printed("\(open) \(path) | tcpdump -r - -w -", input: [])
            else { continue }
            #expect(summary.packets == reading(rewritten).summary?.packets, "\(path)")
            compared += 1
        }
        #expect(compared > 100)
    }
}
