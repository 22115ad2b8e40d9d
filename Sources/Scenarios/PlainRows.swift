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

    fileprivate init(_ rows: borrowing GrowingRows<Row>) {
        start = rows.start
        count = rows.count
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

/// Rows that are being made, which become plain ones without being copied.
struct GrowingRows<Row: BitwiseCopyable>: ~Copyable {
    fileprivate private(set) var start: UnsafeMutablePointer<Row>
    private(set) var count = 0
    private var capacity: Int

    init(_ capacity: Int) {
        self.capacity = max(1, capacity)
        start = .allocate(capacity: self.capacity)
    }

    init(repeating row: Row, count: Int) {
        self.init(count)
        start.initialize(repeating: row, count: count)
        self.count = count
    }

    mutating func append(_ row: Row) {
        if count == capacity {
            let old = start
            capacity *= 2
            start = .allocate(capacity: capacity)
            start.moveInitialize(from: old, count: count)
            old.deallocate()
        }
        (start + count).initialize(to: row)
        count += 1
    }

    subscript(index: Int) -> Row {
        get {
            precondition(index >= 0 && index < count)
            return start[index]
        }
        set {
            precondition(index >= 0 && index < count)
            start[index] = newValue
        }
    }

    consuming func frozen() -> PlainRows<Row> {
        let rows = PlainRows(self)
        discard self
        return rows
    }

    deinit { start.deallocate() }
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
