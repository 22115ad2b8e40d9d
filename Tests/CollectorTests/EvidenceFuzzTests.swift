import Bundle
import Foundation
import Testing

@testable import Collector

@Suite("A bundle of anybody's is read to its end")
struct EvidenceFuzzTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    /// Alters entries by chance: bits, numbers, lengths, order, types.
    private func alter(_ bundle: inout EvidenceBundle, _ chance: inout Chance) {
        guard let index = bundle.entries.indices.randomElement(using: &chance) else { return }
        var payload = bundle.entries[index].payload
        let place = payload.indices.randomElement(using: &chance) ?? 0
        switch Int.random(in: 0..<8, using: &chance) {
        case 0 where !payload.isEmpty:
            payload[place] ^= 1 << UInt8.random(in: 0..<8, using: &chance)
        case 1: payload = Array(payload.prefix(place))
        case 2:
            let extreme: UInt8 = Bool.random(using: &chance) ? 0xFF : 0
            for at in place..<min(place + 8, payload.count) { payload[at] = extreme }
        case 3: payload.insert(contentsOf: payload.prefix(place), at: place)
        case 4:
            bundle.entries.insert(bundle.entries[index], at: index)
            return
        case 5:
            bundle.entries.remove(at: index)
            return
        case 6:
            let other = bundle.entries.indices.randomElement(using: &chance) ?? index
            bundle.entries.swapAt(index, other)
            return
        default: bundle.entries[index].type = UInt8.random(in: 0...25, using: &chance)
        }
        bundle.entries[index].payload = payload
    }

    /// The batches without the times at which they came.
    private func signed(_ bundle: EvidenceBundle) -> [[UInt8]] {
        bundle.indices(.batch).map { index in
            let payload = bundle.entries[index].payload
            return Array(payload.prefix(8) + payload.dropFirst(16))
        }
    }

    @Test("entries that are altered by chance, under right digests, end in findings")
    func altered() async throws {
        let bytes = try PlanFleet.smallBundle(directory.path)
        try await offPool {
            var chance = Chance(state: 8)
            for round in 0..<250 {
                let whole = try EvidenceBundle(bytes)
                var bundle = whole
                for _ in 0...(round % 3) { alter(&bundle, &chance) }
                let verdict = try EvidenceBundle.verify(bundle.bytes)
                #expect(verdict.findings.count <= EvidenceFindings.most)
                guard verdict.findings.isEmpty else { continue }
                // Nothing was altered that is signed or computed; a batch may be there twice.
                #expect(Set(signed(bundle)) == Set(signed(whole)))
                #expect(bundle.document(.figures) == whole.document(.figures))
                #expect(bundle.document(.plan) == whole.document(.plan))
            }
        }
    }
}

/// Numbers that look random and are the same in every run: xorshift64*.
private struct Chance: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state ^= state >> 12
        state ^= state << 25
        state ^= state >> 27
        return state &* 0x2545_F491_4F6C_DD1D
    }
}
