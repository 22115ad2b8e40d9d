import Testing

@testable import Transactions

@Suite("The hash of a connection's ends")
struct EndsHashTests {
    @Test("is another in each engine, and crafted ends do not fall together")
    func unforeseen() {
        let (one, other) = (EndsHash(), EndsHash())
        // Ends that differ in two places by the same bits, which cancel in a plain exclusive or.
        let keys = (0..<60_000).map { number in
            ConnectionKey(
                client: Address(ipv4: 0x0a00_0000 | UInt32(number & 0xffff) << 8),
                server: Address(ipv4: 0x0a00_0001), clientPort: UInt16(number & 0xffff),
                serverPort: 8080)
        }
        let hashes = Set(keys.map { one($0) })
        #expect(hashes.count > 59_900)
        #expect(keys.count { one($0) == other($0) } < 10)
        // What a table makes of them: the low bits.
        #expect(Set(hashes.map { $0 & 0xffff }).count > 35_000)
    }
}
