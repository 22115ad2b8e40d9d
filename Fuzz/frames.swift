// modules: Metering Traffic Transactions
// with: Law.swift Watched.swift
// Frames of any bytes and kinds of links: as they are, with a VLAN tag, and behind another link.
import Metering
import Traffic

@testable import Transactions

/// A frame of the input: two bytes of kind and length, one of what is missing, then its bytes.
struct FoundFrame {
    let linkType: LinkType
    let bytes: ArraySlice<UInt8>
    let missing: Int
    let after: UInt64

    static let linkTypes: [LinkType] = [
        .ethernet, .null, .ppp, .pppHDLC, .pppoe, .raw, .loop, .linuxSLL, .ipv4, .ipv6, .linuxSLL2,
    ]

    /// The frame at the start of `rest`, which is taken from it; `nil` at its end.
    static func next(_ rest: inout ArraySlice<UInt8>) -> FoundFrame? {
        guard rest.count >= 3 else { return nil }
        let head = Array(rest.prefix(3))
        rest = rest.dropFirst(3)
        let length = Int(head[0] >> 4 & 7) << 8 | Int(head[1])
        let bytes = rest.prefix(length)
        rest = rest.dropFirst(length)
        return FoundFrame(
            linkType: linkTypes[Int(head[0] & 15) % linkTypes.count], bytes: bytes,
            missing: Int(head[2] & 0x7f) * 16, after: head[0] >> 7 == 0 ? 1_000_000 : 300_000_000)
    }
}

/// What a decoder made of a frame, without the addresses of its bytes.
enum Found: Equatable {
    case segment([UInt64], payload: [UInt8], length: Int)
    case fragment, other
    case undecoded(UndecodedReason)
}

/// A decoder for frames in memory of their own size.
struct Bench: ~Copyable {
    var decoder = PacketDecoder(limits: .init(), ports: .init())

    mutating func decode(
        _ linkType: LinkType, _ bytes: [UInt8], missing: Int, time: UInt64
    ) -> Found {
        let own = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
        defer { own.deallocate() }
        own.copyBytes(from: bytes)
        let decoded = decoder.decode(
            Frame(
                bytes: UnsafeRawBufferPointer(own), wireLength: bytes.count + missing,
                time: Timestamp(time), linkType: linkType))
        switch decoded {
        case .segment:
            let segment = decoder.segment
            check(segment.payload.count <= segment.length, "no more is captured than was sent")
            check(segment.length <= PacketDecoder.maximumOffload, "a segment's length is bounded")
            return .segment(
                [
                    segment.source.high, segment.source.low, segment.destination.high,
                    segment.destination.low, UInt64(segment.sourcePort),
                    UInt64(segment.destinationPort), UInt64(segment.sequence),
                    UInt64(segment.acknowledgement), UInt64(segment.flags.rawValue),
                ], payload: Array(segment.payload), length: segment.length)
        case .fragment: return .fragment
        case .other: return .other
        case .undecoded(let reason): return .undecoded(reason)
        }
    }
}

/// The same frame on the same link with one more VLAN tag, and as its packet behind the cooked
/// header of Linux; `nil` where it is no Ethernet frame.
func wrapped(_ frame: FoundFrame) -> (tagged: [UInt8], cooked: [UInt8])? {
    guard frame.linkType == .ethernet, frame.bytes.count >= 14 else { return nil }
    let bytes = Array(frame.bytes)
    let type = Array(bytes[12..<14])
    let tagged = bytes[..<12] + [0x81, 0x00, 0x00, 0x07] + bytes[12...]
    let cooked = type + [UInt8](repeating: 0, count: 18) + bytes[14...]
    return (Array(tagged), cooked)
}

/// Room for little, so that fragments and connections make room for each other.
nonisolated(unsafe) let engine = {
    var limits = EngineLimits()
    limits.connections = 8
    limits.memory = 4096
    limits.fragmentedDatagrams = 3
    return WatchedEngine(limits: limits)
}()

/// What libFuzzer calls with each input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    var rest = Array(UnsafeBufferPointer(start: data, count: size))[...]
    var bare = Bench()
    var tagged = Bench()
    var cooked = Bench()
    var time: UInt64 = 1_800_000_000_000_000_000
    var isComparable = true
    engine.begin()
    while let frame = FoundFrame.next(&rest) {
        time += frame.after
        engine.ingest(
            count: frame.bytes.count, missing: frame.missing, after: frame.after, frame.linkType
        ) { $0.copyBytes(from: frame.bytes) }
        let found = bare.decode(
            frame.linkType, Array(frame.bytes), missing: frame.missing, time: time)
        guard isComparable else { continue }
        guard let others = wrapped(frame) else {
            // Fragments of it wait in all three for those that follow.
            _ = tagged.decode(
                frame.linkType, Array(frame.bytes), missing: frame.missing, time: time)
            _ = cooked.decode(
                frame.linkType, Array(frame.bytes), missing: frame.missing, time: time)
            continue
        }
        let behindTag = tagged.decode(.ethernet, others.tagged, missing: frame.missing, time: time)
        // One tag more may be one too many; fragments differ from there on.
        isComparable = behindTag == found
        check(
            isComparable || behindTag == .undecoded(.tooManyLayers),
            "a VLAN tag changes nothing but how many there may be")
        check(
            cooked.decode(.linuxSLL2, others.cooked, missing: frame.missing, time: time) == found,
            "another link changes nothing")
        #if PLANTED_FAULT
            // Found only behind a tunnel, by a flag that no seed has.
            if case .segment(let numbers, _, _) = found {
                check(
                    frame.bytes.count < 100 || numbers[8] & 0x04 == 0,
                    "planted: no connection is reset in a tunnel")
            }
        #endif
    }
    engine.finish()
    let counters = engine.counters
    check(
        counters.fragments.joined <= counters.fragments.received, "datagrams have fragments")
    return 0
}
