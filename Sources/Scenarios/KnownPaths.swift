// Hot path: looking for a path allocates, copies and retains nothing.
import Glibc

/// The groups of paths that came lately. Most requests of a host have one of few paths, and to
/// compare one takes less time than to search among thousands of templates.
///
/// Belongs to the one thread that counts. Whoever sends requests decides which paths it holds, which
/// is a matter of time alone.
struct KnownPaths: BitwiseCopyable {
    /// A power of two.
    private static let slots = 64
    /// Bytes of the longest path that is held.
    private static let longest = 64

    /// The groups of one path: the first few of them, and how many there are.
    struct Groups: BitwiseCopyable {
        private static let most = 3

        private var first: Int32 = -1
        private var second: Int32 = -1
        private var third: Int32 = -1
        private var count = 0

        fileprivate var areFew: Bool { count <= Self.most }

        @inline(__always)
        mutating func append(_ group: Int) {
            switch count {
            case 0: first = Int32(group)
            case 1: second = Int32(group)
            case 2: third = Int32(group)
            default: break
            }
            count += 1
        }

        @inline(__always)
        func forEach(_ body: (Int) -> Void) {
            if count > 0 { body(Int(first)) }
            if count > 1 { body(Int(second)) }
            if count > 2 { body(Int(third)) }
        }
    }

    private struct Slot: BitwiseCopyable {
        /// Bytes of the path; 0: free.
        var length = 0
        var groups = Groups()
    }

    private let known: UnsafeMutablePointer<Slot>
    private let paths: UnsafeMutableRawBufferPointer

    init() {
        known = .allocate(capacity: Self.slots)
        known.initialize(repeating: Slot(), count: Self.slots)
        paths = .allocate(byteCount: Self.slots * Self.longest, alignment: 8)
    }

    func deallocate() {
        known.deallocate()
        paths.deallocate()
    }

    /// The groups of the path, where it is held.
    @inline(__always)
    func groups(of path: UnsafeRawBufferPointer) -> Groups? {
        guard path.count <= Self.longest, let start = path.baseAddress,
            let held = paths.baseAddress
        else { return nil }
        let slot = Self.slot(of: path)
        guard known[slot].length == path.count,
            memcmp(held + slot * Self.longest, start, path.count) == 0
        else { return nil }
        return known[slot].groups
    }

    /// Holds the groups of the path from now on, where they are few and the path is short.
    func hold(_ groups: Groups, of path: UnsafeRawBufferPointer) {
        guard groups.areFew, path.count <= Self.longest, let start = path.baseAddress,
            let held = paths.baseAddress
        else { return }
        let slot = Self.slot(of: path)
        known[slot] = Slot(length: path.count, groups: groups)
        memcpy(held + slot * Self.longest, start, path.count)
    }

    @inline(__always)
    private static func slot(of path: UnsafeRawBufferPointer) -> Int {
        TextIndex.spread(path, 0) & (slots - 1)
    }
}
