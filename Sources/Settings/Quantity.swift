import Metering

/// Numbers with a unit, read without floating point.
extension Field {
    private static let millisecondsPerDay: UInt64 = 86_400_000
    private static let units: [(name: String, milliseconds: UInt64)] = [
        ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1),
    ]
    private static let longUnits = [("d", millisecondsPerDay)] + units

    /// The length of a window: 1 s to 1 h, and a day is a whole number of them, so that windows
    /// and rounds share their boundaries.
    func windowLength() -> Nanoseconds? {
        let range: ClosedRange<UInt64> = 1000...3_600_000
        guard let text = text(expected: "a time like 10s"),
            let milliseconds = duration(text)
        else { return nil }
        guard range.contains(milliseconds) else {
            return reject(.outOfRange(path: path, written: text, range: "1s to 1h"))
        }
        guard Self.millisecondsPerDay.isMultiple(of: milliseconds) else {
            let near = Self.divisorsOfDay(around: milliseconds).map(Self.written)
            return reject(
                text, "does not divide a day; the nearest are \(near.joined(separator: " and "))")
        }
        return .milliseconds(milliseconds)
    }

    /// A length of time in which days may be written: 1 s to 90 days.
    func upToNinetyDays() -> Nanoseconds? {
        length(in: 1000...90 * Self.millisecondsPerDay, "1s to 90d")
    }

    /// A length of time in which days may be written; the range is in milliseconds.
    func length(in range: ClosedRange<UInt64>, _ words: String) -> Nanoseconds? {
        guard let text = text(expected: "a time like 24h"),
            let milliseconds = duration(text, in: Self.longUnits)
        else { return nil }
        guard range.contains(milliseconds) else {
            return reject(.outOfRange(path: path, written: text, range: words))
        }
        return .milliseconds(milliseconds)
    }

    /// A length of time of 1 to 36,500 days, or `.some(nil)` for the word `all`.
    func retentionAge() -> Nanoseconds?? {
        let days: ClosedRange<UInt64> = 1...36_500
        guard let text = text(expected: "a time like 400d, or all") else { return nil }
        if text == "all" { return .some(nil) }
        guard let milliseconds = duration(text, in: Self.longUnits) else { return nil }
        let shortest = days.lowerBound * Self.millisecondsPerDay
        let longest = days.upperBound * Self.millisecondsPerDay
        guard (shortest...longest).contains(milliseconds) else {
            return reject(.outOfRange(path: path, written: text, range: "1d to 36500d, or all"))
        }
        return .milliseconds(milliseconds)
    }

    /// A duration in milliseconds; the largest number where it does not fit.
    private func duration(
        _ text: String, in units: [(name: String, milliseconds: UInt64)] = units
    ) -> UInt64? {
        let digits = text.prefix { $0.utf8.allSatisfy(Self.isDigit) }
        let unit = String(text[digits.endIndex...])
        guard !digits.isEmpty else { return reject(expected: "a time like 10s") }
        guard let factor = units.first(where: { $0.name == unit })?.milliseconds else {
            return reject(
                .badUnit(path: path, written: text, unit: unit), Self.unitHint(units, key))
        }
        guard !refusesLeadingZero(of: digits, in: text) else { return nil }
        guard let number = UInt64(digits) else { return .max }
        let (product, over) = number.multipliedReportingOverflow(by: factor)
        return over ? .max : product
    }

    private static func unitHint(
        _ units: [(name: String, milliseconds: UInt64)], _ key: Key
    ) -> String {
        let names = units.map(\.name).reversed()
        return "the units are \(names.dropLast().joined(separator: ", ")) and "
            + "\(names.last ?? ""), after a whole number; \(key.hint)"
    }

    /// The nearest lengths below and above that divide a day, in whole seconds where
    /// `milliseconds` is.
    private static func divisorsOfDay(around milliseconds: UInt64) -> [UInt64] {
        let step: UInt64 = milliseconds.isMultiple(of: 1000) ? 1000 : 1
        var below = milliseconds
        while !millisecondsPerDay.isMultiple(of: below) { below -= step }
        var above = milliseconds
        while !millisecondsPerDay.isMultiple(of: above) { above += step }
        return [below, above]
    }

    private static func written(_ milliseconds: UInt64) -> String {
        let unit = units.first { milliseconds.isMultiple(of: $0.milliseconds) }
        return unit.map { "\(milliseconds / $0.milliseconds)\($0.name)" } ?? "\(milliseconds)ms"
    }

    /// Reports digits with a 0 before them, in place of taking one of the two numbers that they are;
    /// `text` is the value in which they stand.
    ///
    /// Source: YAML 1.1, "Integer Language-Independent Type": such a number is one to the base 8;
    /// YAML 1.2.2, 10.3.2 "Tag Resolution": it is one to the base 10.
    func refusesLeadingZero(of digits: Substring, in text: String) -> Bool {
        guard digits.utf8.count > 1, digits.hasPrefix("0") else { return false }
        let number = digits.drop { $0 == "0" }
        let decimal = number.isEmpty ? "0" : String(number)
        let (before, behind) = (text[..<digits.startIndex], text[digits.endIndex...])
        let isAlone = behind.isEmpty && (before.isEmpty || before == "-")
        let octal = isAlone ? Int(number, radix: 8).map { "\($0)" } : nil
        let other = octal.flatMap {
            $0 == decimal ? nil : ", or \(before)\($0) where the base 8 is meant"
        }
        findings.add(
            .badValue(
                path: path, written: written,
                reason: isAlone
                    ? "begins with 0, which to some readers of YAML makes it a number to the base 8"
                    : "has a number with a 0 before it"),
            at: place,
            hint: "write it without the 0: \("\(before)\(decimal)\(behind)".quotable)"
                + "\(other ?? ""); \(key.hint)")
        return true
    }

    private static let percentRule = "is not a whole number of percent from 1% to 100%"

    /// A whole number of percent, 1% to 100%.
    func percent() -> Int? {
        guard let text = text(expected: "a share such as 5%") else { return nil }
        let digits = text.dropLast()
        guard text.hasSuffix("%"), digits.utf8.allSatisfy(Self.isDigit) else {
            return reject(text, Self.percentRule)
        }
        guard !refusesLeadingZero(of: digits, in: text) else { return nil }
        guard let number = Int(digits), (1...100).contains(number) else {
            return reject(text, Self.percentRule)
        }
        return number
    }

    /// Watts with at most three decimals, 0 to 100,000, as milliwatts.
    func milliwatts(expected: String = "a number of watts") -> UInt64? {
        decimal(digits: 3, in: 0...100_000_000, "0 to 100000 watts", expected: expected)
    }

    /// An unquoted number of decimal digits, times ten to the power of `digits`, exactly.
    func decimal(
        digits: Int, in range: ClosedRange<UInt64>, _ rangeInWords: String,
        expected: String = "a number"
    ) -> UInt64? {
        guard case .scalar(let text, isQuoted: false) = node.content else {
            return reject(expected: expected)
        }
        let isNegative = text.hasPrefix("-")
        let parts = text.dropFirst(isNegative ? 1 : 0)
            .split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy(Self.isDigit) }) else {
            return reject(expected: expected)
        }
        guard !refusesLeadingZero(of: parts[0], in: text) else { return nil }
        let fraction = parts.count == 2 ? String(parts[1]) : ""
        guard fraction.utf8.count <= digits else {
            return reject(text, "has more than \(digits) decimals")
        }
        let zeros = String(repeating: "0", count: digits - fraction.utf8.count)
        guard !isNegative, let value = UInt64(parts[0] + fraction + zeros), range.contains(value)
        else { return reject(.outOfRange(path: path, written: text, range: rangeInWords)) }
        return value
    }
}
