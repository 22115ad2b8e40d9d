import Testing

@testable import Report

@Suite("Numbers for people")
struct DecimalTests {
    @Test(
        "have four significant digits, ties to the even one",
        arguments: [
            (0.12345, "0.1234"), (0.12355, "0.1236"), (0.123451, "0.1235"), (9.9995, "10.00"),
            (9.9985, "9.998"), (12345, "12,340"), (12355, "12,360"), (999_950, "1,000,000"),
            (2_882_000, "2,882,000"), (1, "1.000"), (0, "0"), (-0.5375, "−0.5375"),
            (0.00001234567, "0.00001235"), (1.5e-7, "1.500×10⁻⁷"), (536.6, "536.6"),
            (1e21, "1,000,000,000,000,000,000,000"), (.leastNonzeroMagnitude, "5.000×10⁻³²⁴"),
        ])
    func significant(value: Double, text: String) {
        #expect(Decimal.significant(value) == text)
    }

    @Test("are what rounding the digits of the JSON gives")
    func sameDigits() {
        var seed: UInt64 = 7
        for _ in 0..<2_000 {
            seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let value = Double(seed >> 40) / 10_000
            guard value >= 1000, value < 9_999.5 else { continue }
            let digits = "\(value)".split(separator: ".")
            let whole = UInt64(digits[0]) ?? 0
            let rest = digits.count > 1 ? String(digits[1]) : "0"
            let isTie = rest == "5"
            let isAbove = (rest.first ?? "0") >= "5" && !isTie
            let up = isAbove || (isTie && !whole.isMultiple(of: 2))
            #expect(Decimal.significant(value) == Decimal.whole(whole + (up ? 1 : 0)))
        }
    }

    @Test("have no digits where there is no number")
    func noNumber() {
        #expect(Decimal.significant(.nan) == "—")
        #expect(Decimal.significant(.infinity) == "—")
        #expect(Decimal.percent(.nan) == "—")
    }

    @Test(
        "round shares down, so that less than all never reads as all",
        arguments: [
            (1, "100.00 %"), (0.999999, "99.99 %"), (0.98, "98.00 %"), (0.9818, "98.18 %"),
            (0, "0.00 %"), (0.00004, "0.00 %"), (0.29, "29.00 %"), (-0.47, "−47.00 %"),
            (1.2, "120.00 %"), (1e-9, "0.00 %"),
        ])
    func percent(value: Double, text: String) {
        #expect(Decimal.percent(value) == text)
    }
}
