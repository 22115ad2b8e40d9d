import Testing

@testable import Transactions

/// What a form's field is by the rules, read from the whole body.
private func reference(_ body: [UInt8], _ name: [UInt8]) -> [UInt8]? {
    for field in body.split(separator: 0x26) {
        let parts = field.split(separator: 0x3d, maxSplits: 1, omittingEmptySubsequences: false)
        if decoded(Array(parts[0])) == name {
            return decoded(parts.count > 1 ? Array(parts[1]) : [])
        }
    }
    return nil
}

private func decoded(_ bytes: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    var index = 0
    while index < bytes.count {
        let pair = String(decoding: bytes[(index + 1)...].prefix(2), as: UTF8.self)
        let isHex = pair.utf8.count == 2 && pair.allSatisfy { $0.isASCII && $0.isHexDigit }
        if bytes[index] == 0x25, isHex, let byte = UInt8(pair, radix: 16) {
            result.append(byte)
            index += 3
        } else {
            result.append(bytes[index] == 0x2b ? 0x20 : bytes[index])
            index += 1
        }
    }
    return result
}

@Suite("A field of a form")
struct FormFieldTests {
    private func found(_ body: [UInt8], _ name: String, pieces: [Int]) -> [UInt8]? {
        guard
            case .found(let value) = outcomes(of: [.requestForm(name)], in: body, pieces: pieces)[0]
        else { return nil }
        return value
    }

    @Test(
        "is decoded, and the first of its name",
        arguments: [
            ("txnCode=CR01", "CR01"), ("a=1&txnCode=CR01&txnCode=CR02", "CR01"),
            ("txnCode=a+b%2Bc%26%e4%BD%a0", "a b+c&你"), ("%74xn%43ode=1", "1"),
            ("txnCode=50%&x", "50%"), ("txnCode=%4", "%4"), ("txnCode=%zz%41", "%zzA"),
            ("txnCode=%%41", "%A"), ("txnCode", ""), ("a&txnCode&b", ""), ("txnCode=", ""),
            ("txnCode=a=b", "a=b"), ("&&txnCode=1&", "1"), ("txnCod=1&txnCodes=2", nil),
            ("a=txnCode=1", nil), ("", nil), ("txnCode%00=1", nil), ("TXNCODE=1", nil),
        ] as [(String, String?)])
    func examples(body: String, value: String?) {
        let bytes = Array(body.utf8)
        #expect(reference(bytes, Array("txnCode".utf8)) == value.map { Array($0.utf8) })
        for pieces in [[], Array(0...bytes.count)] {
            #expect(found(bytes, "txnCode", pieces: pieces) == value.map { Array($0.utf8) })
        }
    }

    @Test("is what the whole body says, whatever that is and in any pieces")
    func anything() {
        var random = SeededGenerator(seed: 11)
        let words = ["a", "b", "ab", "=", "=", "&", "&", "%", "%6", "%61", "%62", "+", "%3d", "é"]
        var hits = 0
        for _ in 0..<5000 {
            let body = (0..<Int.random(in: 0...12, using: &random)).flatMap { _ in
                Array((words.randomElement(using: &random) ?? "").utf8)
            }
            let name = ["a", "b", "ab", "a b", "%"].randomElement(using: &random) ?? ""
            let wanted = reference(body, Array(name.utf8))
            if wanted != nil { hits += 1 }
            let cut = Int.random(in: 0...body.count, using: &random)
            for pieces in [[], [cut], Array(0...body.count)] {
                #expect(found(body, name, pieces: pieces) == wanted, "\(body) \(name)")
            }
        }
        #expect(hits > 200)
    }

    @Test("longer than 64 bytes is its first 65")
    func long() {
        let value = [UInt8](repeating: 0x78, count: 64)
        let start = Array("a=".utf8)
        #expect(found(start + value, "a", pieces: [7]) == value)
        #expect(found(start + value + value, "a", pieces: [7]) == value + [0x78])
    }
}
