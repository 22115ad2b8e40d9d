import CRC32C
import Glibc

/// How far a destination has a run, in a file of its own that is overwritten in place and not
/// synchronised: losing it only means that records are sent again.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 4 | CRC-32C of all that follows |
/// | 4 | 8 | run |
/// | 12 | 8 | acknowledged through |
/// | 20 | all that follow | the destination's name in UTF-8 |
struct Position {
    static let prefix = "position-"
    /// A longer file is no position.
    private static let largest = 4096
    private static let fixedSize = 20

    let run: UInt64
    let acknowledged: UInt64
    let destination: String

    init(run: UInt64, acknowledged: UInt64, destination: String) {
        self.run = run
        self.acknowledged = acknowledged
        self.destination = destination
    }

    /// The file of a destination: its name is of any form and length, so a hash of it (FNV-1a, 64
    /// bits) names the file.
    static func name(of destination: String) -> String {
        let hash = destination.utf8.reduce(0xCBF2_9CE4_8422_2325 as UInt64) {
            ($0 ^ UInt64($1)) &* 0x100_0000_01B3
        }
        let digits = String(hash, radix: 16)
        return prefix + String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// The position in `destination`'s file, or `nil` where there is none that is whole.
    init?(of destination: String, in directory: String) throws(SpoolError) {
        let path = directory + "/" + Self.name(of: destination)
        guard let bytes = try smallFile(path, largest: Self.largest),
            bytes.count >= Self.fixedSize,
            bytes.littleEndian(at: 0) == bytes.checksum(from: 4, to: bytes.count),
            bytes[Self.fixedSize...].elementsEqual(destination.utf8)
        else { return nil }
        self.destination = destination
        run = bytes.littleEndian(at: 4)
        acknowledged = bytes.littleEndian(at: 12)
        guard acknowledged <= SpoolLimits.sequence else { return nil }
    }

    var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(littleEndian: run)
        bytes.append(littleEndian: acknowledged)
        bytes += destination.utf8
        var file: [UInt8] = []
        file.append(littleEndian: CRC32C.checksum(bytes))
        return file + bytes
    }
}
