/// Numbers as people read them in a plan's report, rounded in decimal digits.
enum Decimal {
    /// How many digits people see of a number that is not counted in ones.
    static let significantDigits = 4

    /// Four significant digits, ties to the even digit, thousands apart: `0.1614`, `2,882,000`.
    ///
    /// What is rounded are the digits that the JSON shows, so that whoever rounds those gets this.
    static func significant(_ value: Double) -> String {
        guard value.isFinite else { return "—" }
        guard value != 0 else { return "0" }
        var number = Digits(value.magnitude)
        number.round(to: significantDigits)
        return (value < 0 ? "−" : "") + number.text
    }

    /// A share in percent, rounded down to a hundredth, so that 99.999 % never reads as 100 %.
    static func percent(_ share: Double) -> String {
        guard share.isFinite, abs(share) < 1_000_000 else { return "—" }
        var number = Digits(share.magnitude)
        number.shift(by: 2)
        return (share < 0 ? "−" : "") + number.cut(at: 2) + " %"
    }

    /// All digits that the number has in the JSON.
    static func exact(_ value: Double) -> String { value.isFinite ? "\(value)" : "—" }

    /// A whole number, thousands apart.
    static func whole(_ value: UInt64) -> String { grouped(String(value)) }

    /// A change with its sign, in percent.
    static func change(_ share: Double) -> String { (share > 0 ? "+" : "") + percent(share) }

    /// A coordinate of a drawing, to a hundredth.
    static func plain(_ value: Double) -> String {
        guard value.isFinite, abs(value) < 1_000_000 else { return "0" }
        let hundredths = Int((value * 100).rounded())
        let (whole, part) = hundredths.magnitude.quotientAndRemainder(dividingBy: 100)
        return (hundredths < 0 ? "-" : "") + "\(whole)"
            + (part == 0 ? "" : "." + (part < 10 ? "0" : "") + "\(part)")
    }

    static func grouped(_ digits: String) -> String {
        var out = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index).isMultiple(of: 3) { out += "," }
            out.append(digit)
        }
        return out
    }
}

/// The shortest decimal digits that read back as a number: 0.ddd… × 10^point.
private struct Digits {
    private var digits: [UInt8]
    private var point: Int

    init(_ value: Double) {
        let text = "\(value)".lowercased()
        let parts = text.split(separator: "e")
        let mantissa = parts.first.map(String.init) ?? "0"
        let sides = mantissa.split(separator: ".", omittingEmptySubsequences: false)
        let whole = sides.first.map(String.init) ?? ""
        let fraction = sides.count > 1 ? String(sides[1]) : ""
        digits = (whole + fraction).compactMap { $0.wholeNumberValue.map(UInt8.init) }
        point = whole.count + (parts.count > 1 ? Int(parts[1]) ?? 0 : 0)
        normalize()
    }

    private mutating func normalize() {
        let zeros = digits.prefix { $0 == 0 }.count
        digits.removeFirst(zeros)
        point -= zeros
        while digits.last == 0 { digits.removeLast() }
    }

    mutating func shift(by places: Int) { point += places }

    mutating func round(to count: Int) {
        guard digits.count > count else { return }
        let rest = digits[count...]
        let isTie = rest.first == 5 && rest.dropFirst().allSatisfy { $0 == 0 }
        let isAbove = (rest.first ?? 0) >= 5 && !isTie
        digits.removeLast(digits.count - count)
        if isAbove || (isTie && !(digits.last ?? 0).isMultiple(of: 2)) { increment() }
        normalize()
    }

    private mutating func increment() {
        var index = digits.count - 1
        while index >= 0, digits[index] == 9 {
            digits[index] = 0
            index -= 1
        }
        if index >= 0 {
            digits[index] += 1
        } else {
            digits.insert(1, at: 0)
            point += 1
        }
    }

    /// All digits, with an exponent below 10⁻⁶; padded to four significant ones.
    var text: String {
        var shown = digits
        while shown.count < Decimal.significantDigits { shown.append(0) }
        if point < -5 {
            return Self.string(shown.prefix(1)) + "." + Self.string(shown.dropFirst())
                + "×10" + Self.superscript(point - 1)
        }
        if point <= 0 { return "0." + String(repeating: "0", count: -point) + Self.string(shown) }
        if point >= shown.count {
            let zeros = String(repeating: "0", count: min(point - shown.count, 400))
            return Decimal.grouped(Self.string(shown) + zeros)
        }
        return Decimal.grouped(Self.string(shown.prefix(point))) + "."
            + Self.string(shown.dropFirst(point))
    }

    /// The number without what stands behind `places` digits after the point.
    func cut(at places: Int) -> String {
        let padding = [UInt8](repeating: 0, count: max(0, -point))
        let all = padding + digits
        let start = max(0, point)
        let whole = all.prefix(start) + [UInt8](repeating: 0, count: max(0, start - all.count))
        var fraction = Array(all.dropFirst(start).prefix(places))
        while fraction.count < places { fraction.append(0) }
        return (whole.isEmpty ? "0" : Decimal.grouped(Self.string(whole))) + "."
            + Self.string(fraction)
    }

    private static func string(_ digits: some Sequence<UInt8>) -> String {
        digits.map { String($0) }.joined()
    }

    private static func superscript(_ value: Int) -> String {
        String(
            String(value).map { character in
                switch character {
                case "-": "⁻"
                case "1": "¹"
                case "2": "²"
                case "3": "³"
                default:
                    character.wholeNumberValue.flatMap { Unicode.Scalar(0x2070 + $0) }
                        .map(Character.init) ?? character
                }
            })
    }
}
