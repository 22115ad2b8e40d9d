import CAllocationCounter
import Crypto
import Testing

@testable import Scenarios

@Suite("Digests of keys", .serialized)
struct FlowDigestTests {
    private static func bytes(_ count: Int, _ random: inout SeededGenerator) -> [UInt8] {
        (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
    }

    /// As swift-crypto makes it.
    private static func expected(_ secret: [UInt8], _ scenario: String, _ key: [UInt8]) -> UInt64 {
        let code = HMAC<SHA256>.authenticationCode(
            for: Array(scenario.utf8) + [0] + key, using: SymmetricKey(data: secret))
        return code.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }

    @Test("of one secret and scenario are HMAC-SHA256's, at every length of both and of the key")
    func everyLength() throws {
        var random = SeededGenerator(1)
        let secret = Self.bytes(32, &random)
        let known = try #require(FlowSecret(secret))
        for length in 0...300 {
            let key = Self.bytes(length, &random)
            for scenario in ["", "credit", String(repeating: "s", count: length % 150)] {
                let digest = known.hasher(of: scenario)
                #expect(
                    key.withUnsafeBytes { digest.digest(of: $0) }
                        == Self.expected(secret, scenario, key),
                    "a key of \(length) bytes, the scenario \(scenario.count) long")
            }
        }
    }

    @Test("are HMAC-SHA256's for every secret, shorter and longer than a block")
    func everySecret() throws {
        var random = SeededGenerator(2)
        let more = (0..<2000).map { _ in Int.random(in: 16...4096, using: &random) }
        for length in Array(16...130) + more + [4096] {
            let secret = Self.bytes(length, &random)
            let key = Self.bytes(Int.random(in: 0...300, using: &random), &random)
            let scenario = String(repeating: "x", count: Int.random(in: 0...140, using: &random))
            let digest = try #require(FlowSecret(secret)).hasher(of: scenario)
            #expect(
                key.withUnsafeBytes { digest.digest(of: $0) }
                    == Self.expected(secret, scenario, key),
                "a secret of \(length) bytes, a key of \(key.count)")
        }
    }

    @Test("are made without an allocation", arguments: [0, 1, 11, 48, 49, 64, 300])
    func noAllocation(length: Int) throws {
        var random = SeededGenerator(3)
        let key = Self.bytes(length, &random)
        let known = try #require(FlowSecret(Self.bytes(32, &random)))
        let hasher = known.hasher(of: "credit")
        let (first, last, allocations) = key.withUnsafeBytes { key in
            let first = hasher.digest(of: key)
            var last: UInt64 = 0
            allocation_count_reset()
            for _ in 0..<100 { last = hasher.digest(of: key) }
            return (first, last, allocation_count())
        }
        #expect(first == last)
        #expect(allocations == 0)
    }
}
