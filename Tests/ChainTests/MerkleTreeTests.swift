import Crypto
import Testing

@testable import Chain

@Suite("A Merkle tree's root is that of RFC 6962")
struct MerkleTreeTests {
    /// The definition, read aloud: not how the tree computes it.
    private func definition(_ leaves: ArraySlice<[UInt8]>) -> [UInt8] {
        guard leaves.count != 1 else { return Array(SHA256.hash(data: [0] + leaves.joined())) }
        guard !leaves.isEmpty else { return Array(SHA256.hash(data: [UInt8]())) }
        var left = 1
        while left * 2 < leaves.count { left *= 2 }
        return Array(
            SHA256.hash(
                data: [1] + definition(leaves.prefix(left)) + definition(leaves.dropFirst(left))))
    }

    private func root(_ leaves: [[UInt8]]) -> [UInt8] {
        var tree = MerkleTree()
        for leaf in leaves { tree.append(leaf) }
        #expect(tree.count == UInt64(leaves.count))
        return tree.root
    }

    @Test("for any number of leaves")
    func law() {
        let leaves = (0..<70).map { number in
            [UInt8](repeating: UInt8(number), count: number % 5)
        }
        for count in 0...leaves.count {
            let some = Array(leaves.prefix(count))
            #expect(root(some) == definition(some[...]))
        }
    }

    @Test("as others published it")
    func published() {
        let leaves: [[UInt8]] = [
            [], [0x00], [0x10], [0x20, 0x21], [0x30, 0x31], Array(0x40...0x43), Array(0x50...0x57),
            Array(0x60...0x6F),
        ]
        #expect(
            root([]).hexadecimal
                == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        #expect(
            root(Array(leaves.prefix(1))).hexadecimal
                == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d")
        #expect(
            root(leaves).hexadecimal
                == "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328")
    }

    @Test("and another one where a leaf is changed, left out, doubled or moved")
    func alterations() {
        let leaves: [[UInt8]] = (0..<9).map { [UInt8($0), 7] }
        var roots: Set<[UInt8]> = [root(leaves)]
        for index in leaves.indices {
            var changed = leaves
            changed[index][1] ^= 1
            var shorter = leaves
            shorter.remove(at: index)
            var doubled = leaves
            doubled.insert(leaves[index], at: index)
            var moved = leaves
            moved.swapAt(index, (index + 1) % leaves.count)
            roots.formUnion([root(changed), root(shorter), root(doubled), root(moved)])
        }
        #expect(roots.count == 1 + 4 * leaves.count)
        #expect(root([[1, 2]]) != root([[1], [2]]))
    }
}
