// Hot path: allocates only while the working set grows.

/// Blocks of raw memory in classes of powers of two and of the sizes midway between them, within a
/// budget.
///
/// Freed blocks wait in a list per class. At the budget the waiting blocks of all classes are
/// given back to the system first; if that does not make room, `take` answers `nil` and the caller
/// lets go of data and counts it.
struct BlockPool: ~Copyable {
    /// The smallest block is of 2⁶ bytes, the largest of 128 KiB.
    private static let smallest = 6
    private static let classes = 23
    static let maximumBlock = size(ofClass: classes - 1)

    /// Where it shrinks, nothing is taken back that is in use.
    var budget: Int
    private(set) var allocated = 0
    private let free: UnsafeMutablePointer<UnsafeMutableRawPointer?>

    init(budget: Int) {
        self.budget = budget
        free = .allocate(capacity: Self.classes)
        free.initialize(repeating: nil, count: Self.classes)
    }

    deinit {
        Self.release(free)
        free.deallocate()
    }

    /// A block of at least `size` bytes, or `nil` beyond the budget or the largest class.
    mutating func take(_ size: Int) -> UnsafeMutableRawPointer? {
        let index = Self.classIndex(size)
        guard index < Self.classes else { return nil }
        if let block = free[index] {
            free[index] = block.load(as: UnsafeMutableRawPointer?.self)
            return block
        }
        let bytes = Self.size(ofClass: index)
        guard reserve(bytes) else { return nil }
        return .allocate(byteCount: bytes, alignment: 16)
    }

    /// Takes back a block that `take(size)` gave.
    mutating func give(_ block: UnsafeMutableRawPointer, size: Int) {
        let index = Self.classIndex(size)
        block.storeBytes(of: free[index], as: UnsafeMutableRawPointer?.self)
        free[index] = block
    }

    /// Counts memory that the caller allocates itself. False where the budget has no room for it.
    mutating func reserve(_ bytes: Int) -> Bool {
        if allocated + bytes > budget {
            allocated -= Self.release(free)
            guard allocated + bytes <= budget else { return false }
        }
        allocated += bytes
        return true
    }

    /// The bytes of the block that `take(size)` gives.
    static func blockSize(for size: Int) -> Int { Self.size(ofClass: classIndex(size)) }

    /// Each of the sizes 2ⁿ + 1 to 2ⁿ⁺¹ is of the class midway or of that above, as the bit below the
    /// highest of what is before it tells.
    @inline(__always)
    private static func classIndex(_ size: Int) -> Int {
        guard size > 1 << smallest else { return 0 }
        let last = size &- 1
        let exponent = Int.bitWidth &- 1 &- last.leadingZeroBitCount
        return 2 &* (exponent &- smallest) &+ 1 &+ (last &>> (exponent &- 1) & 1)
    }

    @inline(__always)
    private static func size(ofClass index: Int) -> Int {
        (2 &+ index & 1) &<< (smallest &- 1 &+ index &>> 1)
    }

    /// Gives every waiting block back to the system and returns their bytes.
    @discardableResult
    private static func release(_ free: UnsafeMutablePointer<UnsafeMutableRawPointer?>) -> Int {
        var released = 0
        for index in 0..<classes {
            while let block = free[index] {
                free[index] = block.load(as: UnsafeMutableRawPointer?.self)
                block.deallocate()
                released += size(ofClass: index)
            }
        }
        return released
    }
}
