import CIntrinsics
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

    /// What `json_pass` promises, byte by byte.
    private static func passed(
        _ bytes: ArraySlice<UInt8>, limit: Int32, open: Int32, inString: Bool
    ) -> (count: Int, open: Int32, inString: Bool) {
        var state = (count: 0, open: open, inString: inString)
        while bytes.count - state.count >= 64 {
            let block = bytes.dropFirst(state.count).prefix(64)
            var (isInside, opened, closed) = (state.inString, Int32(0), Int32(0))
            for byte in block {
                if byte == 0x22 { isInside.toggle() }
                if isInside { continue }
                if byte == 0x5b || byte == 0x7b { opened += 1 }
                if byte == 0x5d || byte == 0x7d { closed += 1 }
            }
            if block.contains(0x5c) || closed >= state.open || state.open + opened >= limit {
                break
            }
            state = (state.count + 64, state.open + opened - closed, isInside)
        }
        return state
    }

    @Test("and what is plain JSON is passed over to the byte, or not at all")
    func plain() {
        var random = SeededGenerator(seed: 5)
        var far = 0
        for _ in 0..<3000 {
            let marks = Array("\"[{]}\\".utf8)
            let bytes = (0..<Int.random(in: 0...400, using: &random)).map { _ -> UInt8 in
                switch Int.random(in: 0..<200, using: &random) {
                case 0..<30: marks[Int.random(in: 0..<5, using: &random)]
                case 30: 0x5c
                default: UInt8.random(in: 0...255, using: &random) & 0xdf | 0x41
                }
            }
            let first = Int.random(in: 0...min(40, bytes.count), using: &random)
            let limit = Int32.random(in: 2...64, using: &random)
            let wasOpen = Int32.random(in: 1..<limit, using: &random)
            let wasInString = Bool.random(using: &random)
            var (open, inString) = (wasOpen, wasInString)
            let count = bytes.withUnsafeBytes { bytes in
                json_pass(
                    bytes.baseAddress.map { $0 + first }, bytes.count - first, limit, &open,
                    &inString)
            }
            let wanted = Self.passed(
                bytes[first...], limit: limit, open: wasOpen, inString: wasInString)
            let isNone = count == 0 && open == wasOpen && inString == wasInString
            #expect(isNone || (count, open, inString) == wanted)
            if count > 0 { far += 1 }
        }
        // None on a processor without these instructions.
        #expect(far == 0 || far > 100)
    }
}
