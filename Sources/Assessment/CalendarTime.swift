package import Metering

/// Points of time as text: RFC 3339, and days of Asia/Shanghai.
///
/// Source: RFC 3339, 5.6. China has had no summer time since 1991, so its zone is UTC+8.
extension Timestamp {
    /// The text of RFC 3339 with its zone, such as `2026-12-01T00:00:00+08:00`. Seconds may be left
    /// out, and have at most nine decimals. `nil` where it is none, or before 1970 or after 2199.
    package init?(rfc3339 text: String) {
        var reader = TimeText(text)
        guard let day = reader.day(), reader.take("T"), let time = reader.timeOfDay(),
            let fraction = reader.fraction(), let offset = reader.offset(), reader.isAtEnd
        else { return nil }
        self.init(second: day * 86_400 + time - offset, fraction)
    }

    /// The beginning of a day in Asia/Shanghai, such as `2026-12-01`. `nil` where the text is no day,
    /// or before 1970 or after 2199.
    package init?(dayInShanghai text: String) {
        var reader = TimeText(text)
        guard let day = reader.day(), reader.isAtEnd else { return nil }
        self.init(second: day * 86_400 - Int64(Self.shanghai) * 3_600, 0)
    }

    private init?(second: Int64, _ fraction: UInt64) {
        guard let second = UInt64(exactly: second) else { return nil }
        self.init(second * 1_000_000_000 + fraction)
    }

    /// Hours that the clocks of Asia/Shanghai are ahead of UTC.
    package static let shanghai: UInt64 = 8

    /// The text of RFC 3339 in UTC, with as many decimals of a second as are needed.
    package var rfc3339: String { text(hours: 0) + "Z" }

    /// The same in Asia/Shanghai, with its zone.
    package var rfc3339InShanghai: String { text(hours: Self.shanghai) + "+08:00" }

    private func text(hours: UInt64) -> String {
        let seconds = rawValue / 1_000_000_000 + hours * 3_600
        let (year, month, day) = Calendar.date(ofDay: Int64(seconds / 86_400))
        let second = seconds % 86_400
        var decimals = Self.padded(Int64(rawValue % 1_000_000_000), 9)
        while decimals.hasSuffix("0") { decimals.removeLast() }
        let date = "\(Self.padded(year, 4))-\(Self.padded(month, 2))-\(Self.padded(day, 2))"
        let clock = [second / 3_600, second / 60 % 60, second % 60].map {
            Self.padded(Int64($0), 2)
        }
        return date + "T" + clock.joined(separator: ":")
            + (decimals.isEmpty ? "" : "." + decimals)
    }

    private static func padded(_ value: Int64, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
    }
}

/// The Gregorian calendar from 1970 on; days count from 1970-01-01.
private enum Calendar {
    static func isLeap(_ year: Int64) -> Bool {
        year.isMultiple(of: 4) && (!year.isMultiple(of: 100) || year.isMultiple(of: 400))
    }

    static func length(ofMonth month: Int64, _ year: Int64) -> Int64 {
        switch month {
        case 2: isLeap(year) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// The first day of a year.
    static func firstDay(of year: Int64) -> Int64 {
        let before = year - 1
        return before * 365 + before / 4 - before / 100 + before / 400 - 719_162
    }

    static func day(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64? {
        guard (1970...2199).contains(year), (1...12).contains(month),
            (1...length(ofMonth: month, year)).contains(day)
        else { return nil }
        return (1..<month).reduce(firstDay(of: year)) { $0 + length(ofMonth: $1, year) } + day - 1
    }

    static func date(ofDay day: Int64) -> (year: Int64, month: Int64, day: Int64) {
        var year = 1970 + day / 366
        while firstDay(of: year + 1) <= day { year += 1 }
        var month: Int64 = 1
        var rest = day - firstDay(of: year)
        while rest >= length(ofMonth: month, year) {
            rest -= length(ofMonth: month, year)
            month += 1
        }
        return (year, month, rest + 1)
    }
}

/// The parts of a time's text, one after the other; `nil` where one is not as it must be.
private struct TimeText {
    private var rest: ArraySlice<UInt8>

    init(_ text: String) { rest = ArraySlice(text.utf8) }

    var isAtEnd: Bool { rest.isEmpty }

    /// Takes this character, also as its lowercase letter.
    mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard let first = rest.first else { return false }
        let value = UInt8(truncatingIfNeeded: character.value)
        guard first == value || character.properties.isUppercase && first == value | 0x20 else {
            return false
        }
        rest.removeFirst()
        return true
    }

    private mutating func number(_ digits: Int) -> Int64? {
        let text = rest.prefix(digits)
        guard text.count == digits, text.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        rest.removeFirst(digits)
        return text.reduce(0) { $0 * 10 + Int64($1 - 0x30) }
    }

    mutating func day() -> Int64? {
        guard let year = number(4), take("-"), let month = number(2), take("-"),
            let day = number(2)
        else { return nil }
        return Calendar.day(year, month, day)
    }

    /// Hours, minutes and, where they are told, seconds: in seconds.
    mutating func timeOfDay() -> Int64? {
        guard let hour = number(2), hour < 24, take(":"), let minute = number(2), minute < 60 else {
            return nil
        }
        guard take(":") else { return hour * 3_600 + minute * 60 }
        guard let second = number(2), second < 60 else { return nil }
        return hour * 3_600 + minute * 60 + second
    }

    /// Decimals of a second in nanoseconds.
    mutating func fraction() -> UInt64? {
        guard take(".") else { return 0 }
        let digits = rest.prefix { (0x30...0x39).contains($0) }
        guard (1...9).contains(digits.count) else { return nil }
        rest.removeFirst(digits.count)
        let value = digits.reduce(0 as UInt64) { $0 * 10 + UInt64($1 - 0x30) }
        return (digits.count..<9).reduce(value) { value, _ in value * 10 }
    }

    /// The zone in seconds ahead of UTC.
    mutating func offset() -> Int64? {
        if take("Z") { return 0 }
        let isAhead = take("+")
        guard isAhead || take("-"), let hours = number(2), hours <= 18, take(":"),
            let minutes = number(2), minutes < 60
        else { return nil }
        let seconds = hours * 3_600 + minutes * 60
        return isAhead ? seconds : -seconds
    }
}
