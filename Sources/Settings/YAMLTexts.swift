import Glibc

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
    private let factor = UInt64.random(in: .min ... .max) | 1

    /// - Parameter count: Bytes of the document.
    init(ofBytes count: Int) {
        // What is not written costs nothing, to grow does.
        bytes.reserveCapacity(count)
        all.reserveCapacity(count / 16)
        starts.reserveCapacity(count / 16 + 1)
        hashes.reserveCapacity(count / 16)
    }

    /// The number of a text, which is new or known.
    mutating func number(_ text: UnsafeRawBufferPointer) -> Int32 {
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
        bytes.append(contentsOf: text)
        all.append(String(decoding: text, as: UTF8.self))
        starts.append(Int32(bytes.count))
        if all.count * 2 > places.count { grow() }
        return Int32(number)
    }

    private func isEqual(_ text: UnsafeRawBufferPointer, _ number: Int) -> Bool {
        let start = Int(starts[number])
        guard Int(starts[number + 1]) - start == text.count else { return false }
        guard let other = text.baseAddress, !text.isEmpty else { return true }
        return bytes.withUnsafeBytes { known in
            known.baseAddress.map { memcmp($0 + start, other, text.count) == 0 } ?? true
        }
    }

    private mutating func grow() {
        places = [Int32](repeating: -1, count: places.count * 2)
        for (number, hash) in hashes.enumerated() {
            var place = Int(hash) & (places.count - 1)
            while places[place] >= 0 { place = (place + 1) & (places.count - 1) }
            places[place] = Int32(number)
        }
    }

    /// Each word multiplied to twice its width, of which both halves count: so no difference of two
    /// texts goes through without the secret numbers.
    private func hash(_ text: UnsafeRawBufferPointer) -> UInt32 {
        var hash = seed ^ UInt64(text.count)
        func mix(_ word: UInt64) {
            let product = (hash ^ word).multipliedFullWidth(by: factor)
            hash = product.high ^ product.low
        }
        var offset = 0
        while offset + 8 <= text.count {
            mix(text.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            offset += 8
        }
        var last: UInt64 = 0
        for byte in text[offset...] { last = last << 8 | UInt64(byte) }
        mix(last)
        return UInt32(truncatingIfNeeded: hash >> 32)
    }
}
