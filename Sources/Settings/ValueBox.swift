/// A set of numbers below 256: no side has more values.
typealias SideValues = SIMD4<UInt64>

extension SideValues {
    static var all: Self { Self(repeating: .max) }

    init(numbers: some Sequence<Int>) {
        self = .zero
        for number in numbers { self[(number >> 6) & 3] |= 1 << UInt64(number & 63) }
    }
}

/// Requests of a rule, or responses of an outcome: all that have one of the values of each side.
struct ValueBox {
    var sides: [SideValues]

    /// Adds to `rest`, in boxes that have no request in common, what `part` leaves of this one.
    /// Whether it takes any.
    func cut(_ part: ValueBox, leaving rest: inout [ValueBox]) -> Bool {
        let isApart = zip(sides, part.sides).contains { $0 & $1 == .zero }
        guard !isApart else {
            rest.append(self)
            return false
        }
        var inner = self
        for side in sides.indices {
            let beside = sides[side] & ~part.sides[side]
            guard beside != .zero else { continue }
            var box = inner
            box.sides[side] = beside
            rest.append(box)
            inner.sides[side] = sides[side] & part.sides[side]
        }
        return true
    }
}
