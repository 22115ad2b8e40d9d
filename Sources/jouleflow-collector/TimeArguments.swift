import ArgumentParser
import Glibc
import Metering

/// A point in time on the command line: RFC 3339 with its zone; seconds may be left out.
enum PointInTime {
    @Sendable
    static func parse(_ text: String) throws -> Timestamp {
        let pattern =
            #/(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d)(?::(\d\d))?(?:([Zz])|([+-])(\d\d):(\d\d))/#
        guard let match = text.wholeMatch(of: pattern)?.output else {
            if text.contains(#/:\d\d[.,]\d/#) {
                throw ValidationError("\"\(text)\" has a fraction of a second: give whole seconds.")
            }
            throw ValidationError(
                "\"\(text)\" is no time with a zone, such as 2026-11-01T00:00:00+08:00 or "
                    + "2026-10-31T16:00:00Z.")
        }
        var fields = tm()
        fields.tm_year = number(match.1) - 1900
        fields.tm_mon = number(match.2) - 1
        fields.tm_mday = number(match.3)
        fields.tm_hour = number(match.4)
        fields.tm_min = number(match.5)
        fields.tm_sec = number(match.6 ?? "0")
        let asked = fields
        let seconds = timegm(&fields)
        let offset = Int(number(match.9 ?? "0")) * 3_600 + Int(number(match.10 ?? "0")) * 60
        let isReal =
            asked.tm_mon == fields.tm_mon && asked.tm_mday == fields.tm_mday
            && asked.tm_hour == fields.tm_hour && asked.tm_min == fields.tm_min
            && asked.tm_sec == fields.tm_sec && number(match.10 ?? "0") < 60
        let utc = seconds - (match.8 == "-" ? -offset : offset)
        guard isReal, offset <= 18 * 3_600, utc >= 0 else {
            throw ValidationError("\"\(text)\" is no point in time since 1970.")
        }
        let (value, over) = UInt64(utc).multipliedReportingOverflow(by: 1_000_000_000)
        guard !over else { throw ValidationError("\"\(text)\" is too far ahead.") }
        return Timestamp(value)
    }

    private static func number(_ digits: Substring) -> Int32 { Int32(digits) ?? 0 }
}
