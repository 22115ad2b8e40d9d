package import Crypto

/// The root of a Merkle tree over byte strings, added one after another: whoever has them computes the
/// same root, and of each it can be proved with a few hashes that it is among them.
///
/// A leaf is the SHA-256 of 0x00 and its bytes, a node that of 0x01 and the two roots below it. The left
/// one of n > 1 leaves has the largest power of two below n, so the root of one leaf is its own hash.
/// Memory is one hash for each bit of the count.
///
/// Source: RFC 6962, 2.1.
package struct MerkleTree: Sendable {
    /// Whole subtrees of falling size, one for each bit that is set in `count`.
    private var subtrees: [SHA256.Digest] = []
    package private(set) var count: UInt64 = 0

    package init() {}

    /// The hash of a leaf, to be added later.
    package static func leaf(_ bytes: [UInt8]) -> SHA256.Digest {
        var hash = SHA256()
        hash.update(data: [0x00])
        hash.update(data: bytes)
        return hash.finalize()
    }

    /// Adds a leaf of these bytes.
    package mutating func append(_ bytes: [UInt8]) { append(leaf: Self.leaf(bytes)) }

    /// Adds a leaf by its hash.
    package mutating func append(leaf: SHA256.Digest) {
        var node = leaf
        var bits = count
        while bits & 1 == 1, let left = subtrees.popLast() {
            node = Self.node(left, node)
            bits >>= 1
        }
        subtrees.append(node)
        count += 1
    }

    private static func node(_ left: SHA256.Digest, _ right: SHA256.Digest) -> SHA256.Digest {
        SHA256.hash(data: [0x01] + Array(left) + Array(right))
    }

    /// The root, 32 bytes; of no leaf at all the SHA-256 of nothing.
    package var root: [UInt8] {
        guard var root = subtrees.last else { return Array(SHA256().finalize()) }
        for left in subtrees.dropLast().reversed() { root = Self.node(left, root) }
        return Array(root)
    }
}
