import CRC32C
import Glibc

/// How far a run was acknowledged and what it lost, in a file of its own that is overwritten in
/// place and not synchronised: losing it only means that records are sent again.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 8 | run |
/// | 8 | 8 | acknowledged through |
/// | 16 | 8 | dropped |
/// | 24 | 4 | CRC-32C of the above |
struct Position {
    static let name = "position"
    private static let size = 28

    let run: UInt64
    let acknowledged: UInt64
    let dropped: UInt64

    init(run: UInt64, acknowledged: UInt64, dropped: UInt64) {
        self.run = run
        self.acknowledged = acknowledged
        self.dropped = dropped
    }

    /// The position in the file, or `nil` where it holds none that is whole.
    init?(in file: Descriptor) throws(SpoolError) {
        let bytes = try file.read(from: 0, count: Self.size)
        guard bytes.count == Self.size,
            bytes.littleEndian(at: 24) == CRC32C.checksum(Array(bytes[..<24]))
        else { return nil }
        run = bytes.littleEndian(at: 0)
        acknowledged = bytes.littleEndian(at: 8)
        dropped = bytes.littleEndian(at: 16)
        guard acknowledged < 1 << 63 else { return nil }
    }

    var bytes: [UInt8] {
        var bytes: [UInt8] = []
        for number in [run, acknowledged, dropped] { bytes.append(littleEndian: number) }
        bytes.append(littleEndian: CRC32C.checksum(bytes))
        return bytes
    }
}
