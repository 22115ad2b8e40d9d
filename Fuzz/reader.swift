// modules: Metering Traffic Capture
// with: Law.swift
// Files of any bytes: whole, and again with reads split at places that the bytes choose.
import Capture
import Traffic

/// Everything that reading one file gave, in a few words.
struct Digest: Equatable {
    private var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    var frames: UInt64 = 0
    var summary: CaptureFileSummary?
    var error: CaptureFileError?

    mutating func add(_ number: UInt64) { hash = (hash ^ number) &* 0x100_0000_01b3 }

    mutating func add(_ frame: Frame) {
        frames += 1
        add(frame.time.rawValue)
        add(UInt64(frame.wireLength))
        add(UInt64(frame.interface))
        add(UInt64(frame.linkType.rawValue))
        add(UInt64(frame.bytes.count))
        for byte in frame.bytes { add(UInt64(byte)) }
    }
}

/// Reads a file that holds `bytes`, in blocks of `blockSize` and pieces of at most `pieceSize`.
func digest(_ bytes: UnsafeRawBufferPointer, blockSize: Int, pieceSize: Int) -> Digest {
    var digest = Digest()
    var at = 0
    do throws(CaptureFileError) {
        let file = try CaptureFile(name: "fuzz", blockSize: blockSize) { buffer in
            let count = min(buffer.count, pieceSize, bytes.count - at)
            buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[at..<(at + count)]))
            at += count
            return count
        }
        digest.summary = try file.forEach { digest.add($0) }
    } catch {
        digest.error = error
    }
    return digest
}

/// What libFuzzer calls with each input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    let bytes = UnsafeRawBufferPointer(start: data, count: size)
    let whole = digest(bytes, blockSize: CaptureFile.blockSize, pieceSize: .max)
    // A small number from the middle, where mutations of the header do not change it.
    let size = 1 + Int(bytes.isEmpty ? 0 : bytes[bytes.count / 2] % 64)
    check(digest(bytes, blockSize: size, pieceSize: .max) == whole, "small blocks give the same")
    check(
        digest(bytes, blockSize: CaptureFile.blockSize, pieceSize: size) == whole,
        "split reads give the same")
    if let summary = whole.summary {
        check(whole.error == nil, "an error has no summary")
        check(
            summary.packets == whole.frames &+ summary.unknownLinkType,
            "each packet is handed over or counted as unknown")
    }
    if let error = whole.error { check(!error.description.isEmpty, "errors have words") }
    #if PLANTED_FAULT
        // Found only behind an interface's clock, a packet's time and another packet.
        check(
            (whole.summary?.clampedTimes ?? 0) == 0 || whole.summary?.untimed == 0,
            "planted: no file clamps a time and has a simple packet")
    #endif
    return 0
}
