import Testing

@testable import Transactions

@Suite("Which of 64 bytes are a value")
struct ByteMaskTests {
    @Test("is told bit by bit, at any place, and of no byte behind the end")
    func everyPlace() {
        var random = SeededGenerator(seed: 3)
        for count in [1, 7, 63, 64, 65, 127, 128, 200] {
            // Few different bytes, so that most are found often, with and without the bit of case.
            let bytes = (0..<count).map { _ -> UInt8 in
                [0x0a, 0x22, 0x5b, 0x7b, 0x5d, 0x7d, 0x80, 0xff].randomElement(using: &random) ?? 0
            }
            bytes.withUnsafeBytes { bytes in
                guard let start = bytes.baseAddress else { return }
                for index in 0..<count {
                    for (value, fold) in [(0x0a, 0), (0x22, 0), (0x7b, 0x20), (0xff, 0x80)]
                        as [(UInt8, UInt8)]
                    {
                        var expected: UInt64 = 0
                        for bit in 0..<min(64, count - index)
                        where bytes[index + bit] | fold == value { expected |= 1 << UInt64(bit) }
                        #expect(
                            mask(start, at: index, end: count, of: value, folding: fold)
                                == expected)
                    }
                }
            }
        }
    }

    @Test("and so are the marks of JSON, read at once; a backslash may be one from before")
    func marks() {
        var random = SeededGenerator(seed: 4)
        for count in [1, 7, 63, 64, 65, 127, 128, 200] {
            let bytes = (0..<count).map { _ -> UInt8 in
                [0x22, 0x22, 0x5b, 0x7b, 0x5d, 0x7d, 0x20, 0x61, 0x61, 0x5c].randomElement(
                    using: &random) ?? 0
            }
            bytes.withUnsafeBytes { bytes in
                guard let start = bytes.baseAddress else { return }
                for index in 0..<count {
                    let marks = jsonMarks(start, at: index, end: count)
                    func expected(_ value: UInt8, _ fold: UInt8) -> UInt64 {
                        mask(start, at: index, end: count, of: value, folding: fold)
                    }
                    #expect(marks.quotes == expected(0x22, 0))
                    #expect(marks.opening == expected(0x7b, 0x20))
                    #expect(marks.closing == expected(0x7d, 0x20))
                    if expected(0x5c, 0) != 0 { #expect(marks.has_backslash) }
                    if !bytes.contains(0x5c) { #expect(!marks.has_backslash) }
                }
            }
        }
    }
}
