/// The name of a sealed plan: SHA-256 of its canonical text.
package struct PlanHash: Sendable, Hashable, CustomStringConvertible {
    /// 32 of them.
    package let bytes: [UInt8]

    /// `nil` unless there are 32 bytes.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count == 32 else { return nil }
        self.bytes = bytes
    }

    /// 64 lowercase hexadecimal digits.
    package var description: String { String(decoding: bytes.flatMap(Self.digits), as: UTF8.self) }

    /// The first 8 digits, for names of files and for people.
    package var short: String { String(description.prefix(8)) }

    private static func digits(_ byte: UInt8) -> [UInt8] { [digit(byte >> 4), digit(byte & 15)] }

    private static func digit(_ value: UInt8) -> UInt8 {
        value < 10 ? 0x30 + value : 0x61 + value - 10
    }
}
