/// The different texts of a document, numbered in the order in which they come.
struct YAMLTexts: ~Copyable {
    private(set) var all: [String] = []
    private var bytes: [UInt8] = []
    /// Where each text begins, and behind them where the last one ends.
    private var starts: [Int32] = [0]
    /// Numbers of texts by their hash; -1: free. A power of two, at most half of them taken.
    private var places = [Int32](repeating: -1, count: 1024)
    private var hashes: [UInt32] = []
    /// Chosen anew for each file, so that no file can be written to have one hash throughout.
    private let seed = UInt64.random(in: .min ... .max)

    /// The number of a text, which is new or known.
    mutating func number(_ text: Span<UInt8>) -> Int32 {
        let hash = hash(text)
        var place = Int(hash) & (places.count - 1)
        while places[place] >= 0 {
            let number = Int(places[place])
            if hashes[number] == hash, isEqual(text, number) { return places[place] }
            place = (place + 1) & (places.count - 1)
        }
        let number = all.count
        places[place] = Int32(number)
        hashes.append(hash)
        for index in text.indices { bytes.append(text[index]) }
        all.append(String(decoding: bytes[Int(starts[number])...], as: UTF8.self))
        starts.append(Int32(bytes.count))
        if all.count * 2 > places.count { grow() }
        return Int32(number)
    }

    private func isEqual(_ text: Span<UInt8>, _ number: Int) -> Bool {
        let start = Int(starts[number])
        guard Int(starts[number + 1]) - start == text.count else { return false }
        for index in text.indices where bytes[start + index] != text[index] { return false }
        return true
    }

    private mutating func grow() {
        places = [Int32](repeating: -1, count: places.count * 2)
        for (number, hash) in hashes.enumerated() {
            var place = Int(hash) & (places.count - 1)
            while places[place] >= 0 { place = (place + 1) & (places.count - 1) }
            places[place] = Int32(number)
        }
    }

    private func hash(_ text: Span<UInt8>) -> UInt32 {
        var hash = seed ^ UInt64(text.count)
        for index in text.indices {
            hash = (hash ^ UInt64(text[index])) &* 0x9E37_79B9_7F4A_7C15
            hash ^= hash >> 29
        }
        return UInt32(truncatingIfNeeded: hash >> 32)
    }
}
