// modules: Metering CRC32C SwiftProtobuf Records
// with: Law.swift Decoding.swift
// built: Crypto
// Records, completions and manifests of any bytes, under a right length and checksum, and together.
import CRC32C
import Metering

@testable import Records

/// A payload as an entry's framed bytes.
func framed(_ payload: [UInt8]) -> [UInt8] {
    [UInt32(payload.count), CRC32C.checksum(payload)].flatMap { number in
        (0..<4).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
    } + payload
}

/// What libFuzzer calls with each input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: data, count: size))
    guard let kind = bytes.first else { return 0 }
    let payload = Array(bytes.dropFirst())
    switch kind & 3 {
    case 0: examine(entry: framed(payload))
    case 1: examine(manifest: payload)
    case 2: examine(entry: payload)
    default: examine(together: payload)
    }
    #if PLANTED_FAULT
        // Found only behind a right header, by flags that no seed has.
        let flags = (try? RecordCodec.decode(framed(payload)))?.flags ?? []
        check(
            flags.isEmpty || flags == .agentStopped, "planted: no record has another flag than one")
    #endif
    return 0
}

/// A manifest, behind its length in two bytes, and a record.
func examine(together bytes: [UInt8]) {
    guard bytes.count >= 2 else { return }
    let length = Int(bytes[0]) << 8 | Int(bytes[1])
    let entry = framed(Array(bytes.dropFirst(2 + length)))
    examine(entry: entry)
    guard let manifest = examine(manifest: Array(bytes.dropFirst(2).prefix(length))),
        let record = try? RecordCodec.decode(entry)
    else { return }
    let hits = RecordCodec.ruleHits(of: record.tally, under: manifest)
    if let hits {
        check(hits.count == manifest.rules.count, "each rule of the manifest has its hits")
        check(
            hits.reduce(0, &+) == record.tally.scenarios.reduce(0) { $0 &+ $1.requests },
            "rules are hit as often as scenarios are asked for")
    }
}
