import Metering

/// Points of time with their zone: `2026-11-01T00:00:00+08:00`; seconds may be left out, and have at most nine
/// decimals.
///
/// Source: RFC 3339, section 5.6.
enum ZonedTime {
    /// `nil` where the text is none, or before 1970 or after 2199.
    static func parse(_ text: String) -> Timestamp? {
        var reader = Reader(bytes: Array(text.utf8))
        guard let year = reader.number(4), reader.take("-"), let month = reader.number(2),
            reader.take("-"), let day = reader.number(2), reader.take("T"),
            let hour = reader.number(2), reader.take(":"), let minute = reader.number(2)
        else { return nil }
        var (second, fraction): (UInt64, UInt64) = (0, 0)
        if reader.take(":") {
            guard let seconds = reader.number(2) else { return nil }
            second = seconds
            if reader.take(".") {
                guard let nanoseconds = reader.fraction() else { return nil }
                fraction = nanoseconds
            }
        }
        guard let offset = reader.offset(), reader.isAtEnd, 1970...2199 ~= year, 1...12 ~= month,
            1...days(year, month) ~= day, hour < 24, minute < 60, second < 60
        else { return nil }
        let local = Int64(
            (self.day(year, month, day) * 24 + hour) * 3_600 + minute * 60 + second)
        guard let utc = UInt64(exactly: local - offset) else { return nil }
        return Timestamp(utc * 1_000_000_000 + fraction)
    }

    private static func isLeap(_ year: UInt64) -> Bool {
        year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    }

    private static func days(_ year: UInt64, _ month: UInt64) -> UInt64 {
        month == 2 ? (isLeap(year) ? 29 : 28) : [4, 6, 9, 11].contains(month) ? 30 : 31
    }

    /// Days since 1970-01-01.
    private static func day(_ year: UInt64, _ month: UInt64, _ day: UInt64) -> UInt64 {
        var sum = day - 1
        for earlier in 1970..<year { sum += isLeap(earlier) ? 366 : 365 }
        for earlier in 1..<month { sum += days(year, earlier) }
        return sum
    }

    private struct Reader {
        let bytes: [UInt8]
        var at = 0

        var isAtEnd: Bool { at == bytes.count }

        mutating func take(_ character: Character) -> Bool {
            guard at < bytes.count, bytes[at] == character.asciiValue else { return false }
            at += 1
            return true
        }

        private mutating func digit() -> UInt64? {
            guard at < bytes.count, 0x30...0x39 ~= bytes[at] else { return nil }
            defer { at += 1 }
            return UInt64(bytes[at] - 0x30)
        }

        mutating func number(_ digits: Int) -> UInt64? {
            var number: UInt64 = 0
            for _ in 0..<digits {
                guard let digit = digit() else { return nil }
                number = number * 10 + digit
            }
            return number
        }

        mutating func fraction() -> UInt64? {
            var (number, digits): (UInt64, Int) = (0, 0)
            while let digit = digit() {
                number = number * 10 + digit
                digits += 1
                guard digits <= 9 else { return nil }
            }
            guard digits > 0 else { return nil }
            for _ in digits..<9 { number *= 10 }
            return number
        }

        /// Seconds that the zone is ahead of UTC.
        mutating func offset() -> Int64? {
            if take("Z") { return 0 }
            let isAhead = take("+")
            guard isAhead || take("-"), let hours = number(2), take(":"), let minutes = number(2),
                hours <= 18, minutes < 60
            else { return nil }
            let seconds = Int64(hours * 3_600 + minutes * 60)
            return isAhead ? seconds : -seconds
        }
    }
}
