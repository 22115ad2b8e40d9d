internal import ArgumentParser
package import Metering

/// A length of time on the command line: a whole number and s, m, h or d.
package enum LengthOfTime {
    /// The length that `text` says, such as 60s, 10m, 24h or 7d; at most a year of days or as many
    /// of another unit.
    @Sendable
    package static func parse(_ text: String) throws -> Nanoseconds {
        let units: [Character: UInt64] = ["s": 1, "m": 60, "h": 3_600, "d": 86_400]
        guard let unit = text.last.flatMap({ units[$0] }), let count = UInt64(text.dropLast()),
            count > 0, count <= 86_400 * 366
        else {
            throw ValidationError("\"\(text)\" is no length of time, such as 60s, 10m, 24h or 7d.")
        }
        return .seconds(count * unit)
    }
}
