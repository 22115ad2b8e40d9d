import CZlib

/// Bytes compressed and restored as a whole, through zlib.
///
/// Source: RFC 1950, ZLIB Compressed Data Format.
enum Deflation {
    /// The fastest level: records are small numbers in the same order each time, which it halves; what
    /// slower ones save beside that is not worth a host's time.
    private static let level: Int32 = 1

    /// The bytes compressed, or `nil` where that takes more than `atMost` bytes.
    static func deflate(_ bytes: [UInt8], atMost: Int) -> [UInt8]? {
        guard atMost > 0 else { return nil }
        var length = uLongf(atMost)
        var result = Z_OK
        let output = [UInt8](unsafeUninitializedCapacity: atMost) { buffer, count in
            result = compress2(buffer.baseAddress, &length, bytes, uLong(bytes.count), level)
            count = result == Z_OK ? Int(length) : 0
        }
        return result == Z_OK ? output : nil
    }

    /// The bytes restored, or `nil` where they are not exactly `length` bytes, compressed.
    static func inflate(_ bytes: [UInt8], length: Int) -> [UInt8]? {
        guard length > 0 else { return nil }
        var produced = uLongf(length)
        var consumed = uLong(bytes.count)
        var result = Z_OK
        let output = [UInt8](unsafeUninitializedCapacity: length) { buffer, count in
            result = uncompress2(buffer.baseAddress, &produced, bytes, &consumed)
            count = result == Z_OK ? Int(produced) : 0
        }
        return result == Z_OK && output.count == length && consumed == bytes.count ? output : nil
    }
}
