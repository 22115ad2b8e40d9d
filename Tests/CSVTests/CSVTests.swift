import Testing

@testable import CSV

@Suite("CSV is read strictly")
struct CSVTests {
    private func rows(_ text: String) throws -> [[String]] {
        var reader = CSVReader(text)
        var rows: [[String]] = []
        while let row = try reader.next() { rows.append(row) }
        return rows
    }

    @Test(
        "quotes hold commas, new lines and doubled quotes; empty lines and a byte order mark are none"
    )
    func fields() throws {
        let text = "\u{FEFF}a,\"b,\"\"c\"\"\n\",\r\n\n\"\",d,"
        #expect(try rows(text) == [["a", "b,\"c\"\n", ""], ["", "d", ""]])
    }

    @Test(
        "what is wrong has its line and column",
        arguments: [
            ("a,b\nc,\"d", 2, 3, CSVProblem.openQuote), ("a\"b", 1, 1, .quoteInsideField),
            ("a,b\n\"c\"d", 2, 1, .noSeparator), ("x\ra", 1, 1, .noSeparator),
        ])
    func wrong(text: String, line: Int, column: Int, problem: CSVProblem) throws {
        var reader = CSVReader(text)
        #expect(throws: problem) { while try reader.next() != nil {} }
        #expect(reader.line == line)
        #expect(reader.columns.last == column)
    }

    @Test("every field reads back as it was written", arguments: 0..<50)
    func roundTrip(seed: UInt64) throws {
        var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
        func next(_ bound: Int) -> Int {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return Int(state % UInt64(bound))
        }
        let alphabet: [Character] = ["a", ",", "\"", "\n", "\r", "中", " ", "'", "\u{FEFF}"]
        let row = (0...next(5)).map { _ in
            String((0..<next(6)).map { _ in alphabet[next(alphabet.count)] })
        }
        let text = row.map(CSVField.written).joined(separator: ",") + "\n"
        #expect(try rows(text) == [row])
    }
}
