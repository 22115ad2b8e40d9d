import Testing
import Traffic

@testable import Transactions

extension TestFrame {
    /// The frame as two, its TCP payload cut at `offset`; itself where it has no more payload.
    fileprivate func split(at offset: Int, fromEnd: Bool) -> [TestFrame] {
        guard linkType == .ethernet, bytes.count > 54, bytes[12] == 0x08, bytes[13] == 0,
            captured == nil || captured == bytes.count
        else { return [self] }
        let tcp = 14 + Int(bytes[14] & 15) * 4
        let end = 14 + Int(bytes[16]) << 8 + Int(bytes[17])
        guard bytes[23] == 6, tcp + 20 <= end, end <= bytes.count else { return [self] }
        let payload = tcp + Int(bytes[tcp + 12] >> 4) * 4
        let cut = fromEnd ? end - offset : payload + offset
        guard payload < cut, cut < end else { return [self] }
        var first = Array(bytes[..<cut])
        set(&first, cut - 14, at: 16, size: 2)
        // SYN stays with the first part alone, FIN, PSH and RST with the second.
        first[tcp + 13] &= 0xf2
        var second = Array(bytes[..<payload]) + bytes[cut..<end]
        set(&second, end - 14 - (cut - payload), at: 16, size: 2)
        let sequence = bytes[(tcp + 4)..<(tcp + 8)].reduce(0) { $0 << 8 | Int($1) }
        set(&second, sequence + (cut - payload), at: tcp + 4, size: 4)
        second[tcp + 13] &= 0xfd
        return [
            TestFrame(bytes: first, linkType: linkType),
            TestFrame(bytes: second, linkType: linkType),
        ]
    }

    private func set(_ bytes: inout [UInt8], _ value: Int, at offset: Int, size: Int) {
        for index in 0..<size {
            bytes[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * (size - 1 - index)))
        }
    }
}

@Suite("Captures of edge cases", .enabled(if: corpus != nil))
struct EdgeCaptureTests {
    static let files = [
        CorpusFile(path: "generated/edge_http.pcap", port: 18081),
        CorpusFile(path: "zeek/http/100-continue.pcap"),
        CorpusFile(path: "zeek/http/byteranges.pcap"),
        CorpusFile(path: "zeek/http/connect-with-header.pcap"),
        CorpusFile(path: "zeek/http/docker-http-upgrade.pcap", port: 2375),
        CorpusFile(path: "zeek/http/get-gzip.pcap"),
        CorpusFile(path: "zeek/http/http-11-request-then-cruft.pcap"),
        CorpusFile(path: "zeek/http/methods.pcap"),
        CorpusFile(path: "zeek/http/post.pcap"),
        CorpusFile(path: "zeek/http/proxy.pcap"),
        CorpusFile(path: "zeek/http/websocket.pcap"),
    ]
    /// Bytes from either end of a segment within which each is split at every one.
    private static let fromStart = 1460
    private static let fromEnd = 64

    @Test("give the same exchanges when every segment is split in two, anywhere", arguments: files)
    func splits(file: CorpusFile) throws {
        let frames = try file.frames()
        let whole = exchanges(frames, file)
        #expect(whole.isEmpty == false)
        for (fromEnd, most) in [(false, Self.fromStart), (true, Self.fromEnd)] {
            for offset in 1...most {
                var isSplit = false
                let split = frames.flatMap { frame, time in
                    let parts = frame.split(at: offset, fromEnd: fromEnd)
                    isSplit = isSplit || parts.count > 1
                    return parts.map { ($0, time) }
                }
                guard isSplit else { break }
                let found = exchanges(split, file)
                #expect(found == whole, "at \(offset) from the \(fromEnd ? "end" : "start")")
            }
        }
    }

    @Test("give the exchanges that had ended when they are cut after any packet", arguments: files)
    func truncations(file: CorpusFile) throws {
        let frames = try file.frames()
        let whole = exchanges(frames, file)
        let complete = whole.filter { $0.isComplete }
        var ended = 0
        for count in frames.indices {
            let found = exchanges(Array(frames[..<count]), file)
            let here = found.filter { $0.isComplete }
            #expect(here == Array(complete.prefix(here.count)), "\(count) packets")
            #expect(here.count >= ended)
            ended = here.count
            for cut in found where !cut.isComplete {
                #expect(whole.contains { cut.isBeginning(of: $0) }, "\(count) packets")
            }
        }
    }

    private func exchanges(_ frames: [(TestFrame, UInt64)], _ file: CorpusFile) -> [SeenExchange] {
        let seen = Seen()
        var engine = TransactionEngine(
            services: [
                EngineService(ports: [file.port], selectors: [.responseJSON(["code"])])
            ], sink: { seen.exchanges.append(SeenExchange($0)) })
        for (frame, time) in frames { engine.ingest(frame, at: time) }
        engine.finish()
        return seen.exchanges
    }
}
