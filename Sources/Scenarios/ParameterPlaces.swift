// Hot path: looking for parameters allocates, copies and retains nothing.
import Traffic

/// Where the parameters that rules ask for stand in the query of one target, which is walked once for
/// all of them: whoever sends requests decides how many parts there are, rules how many names.
///
/// Belongs to the one thread that counts.
struct ParameterPlaces: BitwiseCopyable {
    private struct Place: BitwiseCopyable {
        /// The target's in which the parameter was found last.
        var turn: UInt64
        var start: Int32
        var end: Int32
    }

    private struct State: BitwiseCopyable {
        /// The number of the target.
        var turn: UInt64
        /// Whether it has been walked.
        var isWalked: Bool
    }

    /// By the name's number.
    private let places: UnsafeMutablePointer<Place>
    private let state: UnsafeMutablePointer<State>
    /// Room for a name as long as the longest that is asked for.
    private let name: UnsafeMutableRawBufferPointer

    init(names: PlainRows<RuleText>) {
        places = .allocate(capacity: max(1, names.count))
        places.initialize(repeating: Place(turn: 0, start: 0, end: 0), count: names.count)
        state = .allocate(capacity: 1)
        state.initialize(to: State(turn: 0, isWalked: false))
        let longest = (0..<names.count).reduce(0) { max($0, Int(names[$1].count)) }
        name = .allocate(byteCount: longest, alignment: 1)
    }

    func deallocate() {
        places.deallocate()
        state.deallocate()
        name.deallocate()
    }

    /// Another target is asked for from now on.
    @inline(__always)
    func begin() {
        state.pointee.turn &+= 1
        state.pointee.isWalked = false
    }

    /// Where the value of the first parameter of a name stands in the target that was begun; `nil`
    /// where there is none.
    func value(
        of number: Int, inTarget target: UnsafeRawBufferPointer, among texts: TextIndex
    ) -> Range<Int>? {
        if !state.pointee.isWalked { walk(target, texts) }
        let place = places[number]
        return place.turn == state.pointee.turn ? Int(place.start)..<Int(place.end) : nil
    }

    private func walk(_ target: UnsafeRawBufferPointer, _ texts: TextIndex) {
        state.pointee.isWalked = true
        let turn = state.pointee.turn
        var parts = QueryParts(target)
        while let part = parts.next() {
            guard let count = DecodedValue.decode(target, part.name, into: name),
                let number = texts.find(
                    UnsafeRawBufferPointer(rebasing: name[..<count]), of: .query),
                places[number].turn != turn
            else { continue }
            places[number] = Place(
                turn: turn, start: Int32(clamping: part.value.lowerBound),
                end: Int32(clamping: part.value.upperBound))
        }
    }
}
