// Hot path: reading rows allocates, copies and retains nothing.

/// Rows of plain values, made once: read without a count of references.
///
/// Their owner frees them, and lends them to nobody who outlives it. Indices are the owner's own,
/// never foreign numbers.
struct PlainRows<Row: BitwiseCopyable>: BitwiseCopyable {
    private let start: UnsafeMutablePointer<Row>
    let count: Int

    init(_ rows: [Row]) {
        count = rows.count
        start = .allocate(capacity: max(1, rows.count))
        start.initialize(from: rows, count: rows.count)
    }

    func deallocate() { start.deallocate() }

    @inline(__always)
    subscript(index: Int) -> Row {
        assert(index >= 0 && index < count)
        return start[index]
    }

    @inline(__always)
    func bytes(from first: Int, count: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: UnsafeRawPointer(start + first), count: count)
    }
}

// Rows are never written once they are made, so that any thread may read them.
extension PlainRows: @unchecked Sendable {}

/// A range of rows.
struct RowRange: BitwiseCopyable, Sendable {
    let start: Int32
    let count: Int32

    init(_ range: Range<Int>) {
        start = Int32(range.lowerBound)
        count = Int32(range.count)
    }

    @inline(__always) var isEmpty: Bool { count == 0 }
    @inline(__always) var indices: Range<Int> { Int(start)..<(Int(start) + Int(count)) }
}
