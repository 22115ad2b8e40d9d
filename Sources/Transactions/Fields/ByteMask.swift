// Hot path: allocates nothing.
import CIntrinsics

/// Which of the 64 bytes from `index` on, as far as they lie before `end`, are `value` once the bits
/// of `fold` are set in them: bit by bit from the lowest.
@inline(__always)
func mask(
    _ start: UnsafeRawPointer, at index: Int, end: Int, of value: UInt8, folding fold: UInt8 = 0
) -> UInt64 {
    let rest = end - index
    if rest >= 64 { return byte_mask(start + index, fold, value) }
    // The last 64 bytes hold those that are left, and some before them.
    if end >= 64 { return byte_mask(start + (end - 64), fold, value) >> UInt64(64 - rest) }
    return shortMask(start, at: index, end: end, of: value, folding: fold)
}

/// What tells where strings and containers end in the 64 bytes from `index` on, as far as they lie
/// before `end`. A backslash may be told that stands before `index`.
@inline(__always)
func jsonMarks(_ start: UnsafeRawPointer, at index: Int, end: Int) -> json_marks {
    let rest = end - index
    if rest >= 64 { return json_marks(start + index) }
    return shortMarks(start, at: index, end: end)
}

@inline(never)
private func shortMarks(_ start: UnsafeRawPointer, at index: Int, end: Int) -> json_marks {
    guard end >= 64 else {
        return json_marks(
            quotes: shortMask(start, at: index, end: end, of: 0x22, folding: 0),
            opening: shortMask(start, at: index, end: end, of: 0x7b, folding: 0x20),
            closing: shortMask(start, at: index, end: end, of: 0x7d, folding: 0x20),
            has_backslash: shortMask(start, at: index, end: end, of: 0x5c, folding: 0) != 0)
    }
    var marks = json_marks(start + (end - 64))
    let passed = UInt64(64 - (end - index))
    marks.quotes >>= passed
    marks.opening >>= passed
    marks.closing >>= passed
    return marks
}

private func shortMask(
    _ start: UnsafeRawPointer, at index: Int, end: Int, of value: UInt8, folding fold: UInt8
) -> UInt64 {
    var mask: UInt64 = 0
    for offset in index..<end {
        let byte = start.load(fromByteOffset: offset, as: UInt8.self) | fold
        if byte == value { mask |= 1 << UInt64(offset - index) }
    }
    return mask
}
