/// A property of the unit, what it comes with, and which other values are no weaker.
///
/// Values are as `systemctl show` prints them.
struct UnitRule: Sendable {
    /// Which values are as strict as the unit's own, or stricter.
    enum Strength: Sendable {
        case oneOf([String])
        /// A list without a word beyond these. A list that begins with `~` tells what is refused: all
        /// else is allowed, so that it is wider.
        case within(Set<String>)
        /// A list of allowed system calls without any of these. A call with an error's name behind a
        /// colon is refused with it.
        case callsWithout(Set<String>)
        /// A number, or `infinity`.
        case atMost(UInt64)
        case atLeast(Int64)
        /// Any number, but not `infinity`.
        case finite
        /// A time that is neither 0 nor longer than so many seconds.
        case timeUpTo(seconds: Double)
        /// An octal number with all these bits, or with none of those.
        case octalWith(UInt32)
        case octalWithout(UInt32)
        /// Networks, none of them beyond these and larger than one network of hosts.
        case networksWithin([AddressRange])
        /// Networks that hold all addresses.
        case allNetworks
    }

    let property: String
    /// As the unit's file says it.
    let comes: String
    let strength: Strength

    init(_ property: String, _ comes: String, _ strength: Strength) {
        self.property = property
        self.comes = comes
        self.strength = strength
    }

    /// A property that takes only what the unit's file says, as `systemctl show` prints it too.
    init(_ property: String, _ comes: String) {
        self.init(property, comes, .oneOf([comes]))
    }

    /// What is weaker in a value; `nil` where nothing is, or it cannot be told.
    func weakness(of value: String) -> String? {
        let words = value.split(separator: " ").map(String.init)
        switch strength {
        case .oneOf(let values): return values.contains(value) ? nil : value
        case .within(let values):
            return value.hasPrefix("~") ? value : Self.listed(words.filter { !values.contains($0) })
        case .callsWithout(let calls):
            guard !value.isEmpty, !value.hasPrefix("~") else { return value }
            return Self.listed(words.filter(calls.contains))
        case .atMost(let most):
            guard value != "infinity" else { return value }
            return UInt64(value).flatMap { $0 > most ? value : nil }
        case .atLeast(let least): return Int64(value).flatMap { $0 < least ? value : nil }
        case .finite: return value == "infinity" ? value : nil
        case .timeUpTo(let seconds):
            guard let time = SystemdTime.seconds(value) else { return value }
            return time > 0 && time <= seconds ? nil : value
        case .octalWith(let bits): return Self.octal(value) { $0 & bits == bits }
        case .octalWithout(let bits): return Self.octal(value) { $0 & bits == 0 }
        case .networksWithin(let ranges):
            return Self.listed(
                words.filter { word in
                    guard let range = AddressRange(word) else { return true }
                    return !range.isSmall && !ranges.contains { $0.contains(range) }
                })
        case .allNetworks:
            return ["0.0.0.0/0", "::/0"].allSatisfy(words.contains) ? nil : value
        }
    }

    private static func octal(_ value: String, _ isKept: (UInt32) -> Bool) -> String? {
        UInt32(value, radix: 8).flatMap { isKept($0) ? nil : value }
    }

    /// Words of a list that are told at most.
    private static let mostWords = 5

    private static func listed(_ words: [String]) -> String? {
        guard !words.isEmpty else { return nil }
        let more = words.count > mostWords ? " …" : ""
        return words.prefix(mostWords).joined(separator: " ") + more
    }
}

/// A time as systemd prints it, such as `1min 30s`.
enum SystemdTime {
    /// Source: systemd.time(7), "Displaying Time Spans".
    private static let units: [(name: String, seconds: Double)] = [
        ("us", 1e-6), ("ms", 1e-3), ("min", 60), ("s", 1), ("h", 3600), ("d", 86_400),
        ("w", 604_800), ("month", 2_629_800), ("y", 31_557_600),
    ]

    /// `nil` for `infinity` and what is no time.
    static func seconds(_ text: String) -> Double? {
        if text == "0" { return 0 }
        var sum = 0.0
        for word in text.split(separator: " ") {
            let digits = word.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
            let unit = word.dropFirst(digits.count)
            guard let number = Double(String(digits)),
                let factor = units.first(where: { $0.name == unit })?.seconds
            else { return nil }
            sum += number * factor
        }
        return text.isEmpty ? nil : sum
    }
}
