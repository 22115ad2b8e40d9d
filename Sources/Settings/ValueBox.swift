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

/// Tells whether boxes take all of others between them, in a bounded time.
struct BoxCutter {
    /// Boxes that are left at once.
    static let maximumBoxes = 256

    /// Sides of boxes cut, for one file.
    let maximumSteps: Int
    var steps = 0

    init(maximumSteps: Int) { self.maximumSteps = maximumSteps }

    /// Whether no more is cut.
    var isAtLimit: Bool { steps > maximumSteps }

    /// Those of `numbers` whose boxes take something of `whole` when they are cut from it in this
    /// order, up to the one that leaves nothing; `nil` where something may be left.
    mutating func cut<Boxes: Sequence<ValueBox>>(
        _ whole: [ValueBox], by numbers: some Sequence<Int>, boxes: (Int) -> Boxes
    ) -> [Int]? {
        guard !whole.isEmpty else { return nil }
        var left = whole
        var taking: [Int] = []
        for number in numbers {
            var isTaking = false
            for part in boxes(number) {
                var rest: [ValueBox] = []
                for box in left {
                    let before = rest.count
                    isTaking = box.cut(part, leaving: &rest) || isTaking
                    steps += box.sides.count * (1 + rest.count - before)
                    guard !isAtLimit, rest.count <= Self.maximumBoxes else { return nil }
                }
                left = rest
            }
            if isTaking { taking.append(number) }
            if left.isEmpty { return taking }
        }
        return nil
    }
}
