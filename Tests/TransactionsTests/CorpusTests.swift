import CAllocationCounter
import Foundation
import Metering
import Testing
import Traffic

@testable import Transactions

/// The folder of captures with which tests compare, where there is one.
let corpus = ProcessInfo.processInfo.environment["JOULEFLOW_CORPUS"]
private let tshark = ["/usr/bin/tshark", "/usr/local/bin/tshark"].first {
    FileManager.default.isExecutableFile(atPath: $0)
}

/// A recorded capture, and what is to be found in it.
struct CorpusFile: Sendable, CustomTestStringConvertible {
    let path: String
    var port: UInt16 = 80
    /// Responses that are paired with requests.
    var exchanges: UInt64 = 0
    /// TCP segments beyond those that tshark shows, with the reason beside the entry.
    var more = 0

    var testDescription: String { path }

    /// The frames of a pcap file; bytes that were cut off read as zeros, behind `captured`.
    func frames() throws -> [(TestFrame, UInt64)] {
        let url = URL(fileURLWithPath: "\(corpus ?? "")/\(path)")
        let data = [UInt8](try Data(contentsOf: url))
        let isSwapped = data.starts(with: [0xa1, 0xb2])
        let scale: UInt64 = data.first == 0x4d ? 1 : 1000
        func word(_ offset: Int) -> Int {
            let bytes = data[offset..<(offset + 4)]
            return (isSwapped ? Array(bytes) : bytes.reversed()).reduce(0) { $0 << 8 | Int($1) }
        }
        let link = try #require(LinkType(rawValue: UInt32(word(20))))
        var frames: [(TestFrame, UInt64)] = []
        var offset = 24
        while offset + 16 <= data.count {
            let count = min(word(offset + 8), data.count - offset - 16)
            let time = UInt64(word(offset)) * 1_000_000_000 + UInt64(word(offset + 4)) * scale
            var bytes = Array(data[(offset + 16)..<(offset + 16 + count)])
            bytes += Array(repeating: 0, count: max(0, min(word(offset + 12), 1 << 20) - count))
            frames.append((TestFrame(bytes: bytes, linkType: link, captured: count), time))
            offset += 16 + count
        }
        return frames
    }
}

@Suite("Recorded captures", .enabled(if: corpus != nil))
struct CorpusTests {
    static let files = [
        CorpusFile(path: "deepflow/http/httpv1.pcap", exchanges: 1),
        CorpusFile(path: "deepflow/common/decapsulate_test.pcap"),
        CorpusFile(path: "deepflow/common/geneve.pcap"),
        CorpusFile(path: "deepflow/common/ip6-vxlan.pcap"),
        CorpusFile(path: "deepflow/common/vmware-gre-teb.pcap"),
        CorpusFile(path: "deepflow/ip-fragment.pcap"),
        CorpusFile(path: "tcpdump/bigtcp-ipv4.pcap"),
        CorpusFile(path: "tcpdump/bigtcp-ipv6-hbh.pcap"),
        // Packets without a length, which tshark 4.0 shows as malformed.
        CorpusFile(path: "tcpdump/bigtcp-ipv6.pcap", more: 1),
        CorpusFile(path: "tcpdump/bigtcp-ipv4-vxlan-ipv4.pcap", more: 1),
        CorpusFile(path: "tcpdump/gso-ipv4-vxlan-ipv4.pcap"),
        CorpusFile(path: "tcpdump/gso-ipv6.pcap"),
        CorpusFile(path: "tcpdump/ipv4_tcp_http_xml_tso.pcap", port: 8080),
        CorpusFile(path: "tcpdump/tcp-handshake-nano.pcap"),
        CorpusFile(path: "tcpdump/ipv6-routing-header.pcap"),
        CorpusFile(path: "tcpdump/ipv6-srh-ext-header.pcap"),
        CorpusFile(path: "tcpdump/loopback.pcap"),
        CorpusFile(path: "tcpdump/various_gre.pcap"),
        // As many as there are heads of responses; bodies have holes, at which tshark gives up.
        CorpusFile(path: "zeek/erspan.pcap", exchanges: 17),
        CorpusFile(path: "zeek/http-qinq-0.pcap", exchanges: 1),
        CorpusFile(path: "zeek/http-vlan-0.pcap", exchanges: 1),
        CorpusFile(path: "zeek/vlan-qinqinq.pcap", exchanges: 1),
        CorpusFile(path: "zeek/vlan-collisions.pcap", exchanges: 1),
        CorpusFile(path: "zeek/mixed-vlan-mpls.pcap", exchanges: 1),
        CorpusFile(path: "zeek/pppoe-over-qinq.pcap", port: 443),
        CorpusFile(path: "zeek/q-in-q.pcap"),
        CorpusFile(path: "zeek/raw_packets.pcap"),
        CorpusFile(path: "zeek/tcp-http-with-padding.pcap", port: 27272, exchanges: 1),
        CorpusFile(path: "zeek/ipv6-fragmented-dns.pcap"),
        CorpusFile(path: "zeek/ipv6-hbh-routing0.pcap"),
        CorpusFile(path: "zeek/ipv6-reassembly-state-leak.pcap"),
        CorpusFile(path: "zeek/ipv4/fragmented-1.pcap"),
        CorpusFile(path: "zeek/ipv4/fragmented-3.pcap"),
        CorpusFile(path: "zeek/ipv4/fragmented-syn.pcap"),
        CorpusFile(path: "zeek/tunnels/4in6.pcap"),
        CorpusFile(path: "zeek/tunnels/6in4.pcap"),
        CorpusFile(path: "zeek/tunnels/geneve.pcap"),
        CorpusFile(path: "zeek/tunnels/gre-sample.pcap", port: 22),
        CorpusFile(path: "zeek/trunc/ip4-trunc.pcap"),
        CorpusFile(path: "zeek/trunc/ip6-ext-trunc.pcap"),
        CorpusFile(path: "zeek/chksums/localhost-bad-chksum.pcap", exchanges: 1),
        CorpusFile(path: "zeek/tcp/handshake-reorder.pcap", exchanges: 1),
        CorpusFile(path: "zeek/wikipedia.pcap", exchanges: 15),
    ]

    @Test("hold the exchanges that are known to be in them", arguments: files)
    func exchanges(file: CorpusFile) throws {
        let frames = try file.frames()
        var engine = TransactionEngine(
            services: [EngineService(ports: [file.port], selectors: [])], sink: { _ in })
        for (frame, time) in frames { engine.ingest(frame, at: time) }
        engine.finish()
        #expect(engine.counters.exchanges == file.exchanges)
    }

    @Test(
        "hold the TCP segments that tshark finds in them", .enabled(if: tshark != nil),
        arguments: files)
    func segments(file: CorpusFile) throws {
        let found = try segments(file)
        let shown = try shown(file)
        #expect(found == shown + file.more)
    }

    /// The same traffic of an nginx: as recorded, cut, swapped, repeated, lost, without its start.
    static let recordings = [
        "a_base_20k_txn", "b_mss100_segmented", "c_mss100_reordered1pct", "d_mss100_dup2pct",
        "e_mss100_loss0.2pct", "f_mss100_nosyn", "h_mss100_overlap_rexmit2pct", "i_snaplen128",
    ].map { CorpusFile(path: "generated/\($0).pcap", port: 18_080, exchanges: 289) }

    @Test("of a server's traffic cost no allocation once all is warm", arguments: recordings)
    func noAllocation(file: CorpusFile) throws {
        let frames = try file.frames().map { ($0.0, $0.0.captured ?? $0.0.bytes.count, $0.1) }
        var count: UInt64 = 0
        withUnsafeMutablePointer(to: &count) { exchanges in
            var engine = TransactionEngine(
                services: [EngineService(ports: [file.port], selectors: [.responseJSON(["code"])])],
                sink: { _ in exchanges.pointee += 1 })
            // Later by more than any connection is remembered.
            func pass(_ later: UInt64) {
                for index in frames.indices {
                    frames[index].0.bytes.withUnsafeBytes {
                        engine.ingest(
                            Frame(
                                bytes: UnsafeRawBufferPointer(rebasing: $0[..<frames[index].1]),
                                wireLength: $0.count, time: Timestamp(frames[index].2 + later),
                                linkType: frames[index].0.linkType))
                    }
                }
            }
            pass(0)
            let first = exchanges.pointee
            allocation_count_reset()
            pass(3_600_000_000_000)
            let allocations = allocation_count()
            #expect(allocations == 0)
            #expect(first >= file.exchanges)
            #expect(exchanges.pointee - first >= file.exchanges)
        }
    }

    private func segments(_ file: CorpusFile) throws -> Int {
        var decoder = PacketDecoder(limits: .init(), ports: .init())
        var count = 0
        for (frame, time) in try file.frames() {
            frame.bytes.withUnsafeBytes {
                if case .segment = decoder.decode(
                    Frame(
                        bytes: UnsafeRawBufferPointer(
                            rebasing: $0[..<(frame.captured ?? $0.count)]),
                        wireLength: $0.count, time: Timestamp(time), linkType: frame.linkType))
                {
                    count += 1
                }
            }
        }
        return count
    }

    /// Frames in which tshark shows TCP that is not quoted in an ICMP message.
    private func shown(_ file: CorpusFile) throws -> Int {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: tshark ?? "")
        process.arguments = [
            "-r", "\(corpus ?? "")/\(file.path)", "-Y", "tcp and not icmp and not icmpv6",
            "-T", "fields", "-e", "frame.number",
        ]
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = FileHandle.nullDevice
        try process.run()
        let text = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return text.count { $0 == 0x0a }
    }
}
