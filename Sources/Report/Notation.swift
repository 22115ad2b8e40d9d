import Glibc
package import Metering

/// How numbers and times are written in reports.
package enum Notation {
    /// RFC 3339 in UTC, with as many decimals of a second as are needed: `2026-11-21T07:40:55Z`.
    package static func utc(_ time: Timestamp) -> String {
        var seconds = time_t(clamping: time.rawValue / 1_000_000_000)
        var fields = tm()
        gmtime_r(&seconds, &fields)
        var fraction = padded(Int(time.rawValue % 1_000_000_000), 9)
        while fraction.hasSuffix("0") { fraction.removeLast() }
        return padded(Int(fields.tm_year) + 1900, 4) + "-" + padded(Int(fields.tm_mon) + 1, 2)
            + "-" + padded(Int(fields.tm_mday), 2) + "T" + padded(Int(fields.tm_hour), 2) + ":"
            + padded(Int(fields.tm_min), 2) + ":" + padded(Int(fields.tm_sec), 2)
            + (fraction.isEmpty ? "" : "." + fraction) + "Z"
    }

    private static func padded(_ value: Int, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }

    /// Four significant digits, without an exponent from 10⁻⁶ on; `—` where it is not known.
    static func significant(_ value: Double?) -> String {
        guard let value, value.isFinite else { return "—" }
        guard value != 0 else { return "0" }
        let magnitude = Int(log10(abs(value)).rounded(.down))
        guard magnitude >= -6 else { return formatted("%.3e", value, 0) }
        return formatted("%.*f", value, max(0, 3 - magnitude))
    }

    /// A share as a percentage, rounded down so that 99.99 % never reads as 100 %.
    static func percent(_ fraction: Double?) -> String {
        guard let fraction else { return "—" }
        return formatted("%.*f", (fraction * 10_000).rounded(.down) / 100, 2) + " %"
    }

    static func whole(_ value: UInt64?) -> String { value.map { "\($0)" } ?? "—" }

    private static func formatted(_ format: String, _ value: Double, _ digits: Int) -> String {
        var buffer = [CChar](repeating: 0, count: 400)
        let arguments: [any CVarArg] =
            format.contains("*") ? [Int32(clamping: digits), value] : [value]
        _ = withVaList(arguments) { vsnprintf(&buffer, buffer.count, format, $0) }
        return String(
            decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
