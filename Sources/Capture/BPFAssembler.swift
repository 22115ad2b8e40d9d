/// Writes a program of the classic BPF machine: instructions, and jumps forward to labels.
///
/// A condition can jump over 255 instructions at most. Where its label is further away, the
/// assembler puts a plain jump behind it, which has no such limit.
struct BPFAssembler {
    struct Label: Hashable { fileprivate let number: Int }

    private enum Line {
        case instruction(BPFInstruction)
        /// Where there is no label, the program goes on with the next line.
        case condition(BPFCode, UInt32, onTrue: Label?, onFalse: Label?)
        case jump(Label)
        case label(Label)
    }

    private static let furthest = 255
    private var lines: [Line] = []
    private var labels = 0

    /// A label to be placed behind all jumps to it.
    mutating func label() -> Label {
        labels += 1
        return Label(number: labels - 1)
    }

    mutating func place(_ label: Label) {
        // A jump to the next line is none.
        if case .jump(label)? = lines.last { lines.removeLast() }
        lines.append(.label(label))
    }

    mutating func add(_ code: BPFCode, _ operand: Int = 0) {
        let operand = UInt32(truncatingIfNeeded: operand)
        lines.append(.instruction(BPFInstruction(code, operand)))
    }

    /// Goes on at `onTrue` where A and `operand` meet the condition, else at `onFalse`.
    mutating func jump(
        _ condition: BPFCode, _ operand: Int, to onTrue: Label?, else onFalse: Label? = nil
    ) {
        lines.append(
            .condition(
                condition, UInt32(truncatingIfNeeded: operand), onTrue: onTrue, onFalse: onFalse))
    }

    mutating func jump(to label: Label) { lines.append(.jump(label)) }

    /// The program. A jump backward or to a label without a place is a fault of the caller's.
    func assembled() -> [BPFInstruction] {
        var far: Set<Branch> = []
        // Every plain jump that is added moves what is behind it further away.
        while true {
            let places = places(far)
            let more = lines.indices.reduce(into: far) { more, index in
                for branch in tooFar(index, places, far) { more.insert(branch) }
            }
            if more == far { return program(places, far) }
            far = more
        }
    }

    /// A condition's way out that needs a plain jump.
    private struct Branch: Hashable {
        let line: Int
        let isTrue: Bool
    }

    private struct Places {
        /// Where each line's first instruction is.
        var lines: [Int] = []
        var labels: [Label: Int] = [:]
    }

    private func places(_ far: Set<Branch>) -> Places {
        var places = Places()
        var place = 0
        for (index, line) in lines.enumerated() {
            places.lines.append(place)
            switch line {
            case .label(let label): places.labels[label] = place
            case .instruction, .jump: place += 1
            case .condition:
                place += 1 + [true, false].count { far.contains(Branch(line: index, isTrue: $0)) }
            }
        }
        return places
    }

    /// Instructions between the one behind `place` and `label`.
    private func distance(from place: Int, to label: Label, _ places: Places) -> Int {
        guard let target = places.labels[label], target > place else {
            preconditionFailure("a jump backward, or to nowhere")
        }
        return target - place - 1
    }

    private func tooFar(_ index: Int, _ places: Places, _ far: Set<Branch>) -> [Branch] {
        guard case .condition(_, _, let onTrue, let onFalse) = lines[index] else { return [] }
        return [(onTrue, true), (onFalse, false)].compactMap { label, isTrue in
            guard let label else { return nil }
            let distance = distance(from: places.lines[index], to: label, places)
            return distance > Self.furthest ? Branch(line: index, isTrue: isTrue) : nil
        }
    }

    private func program(_ places: Places, _ far: Set<Branch>) -> [BPFInstruction] {
        var program: [BPFInstruction] = []
        for (index, line) in lines.enumerated() {
            let place = program.count
            switch line {
            case .label: continue
            case .instruction(let instruction): program.append(instruction)
            case .jump(let label):
                let distance = distance(from: place, to: label, places)
                program.append(BPFInstruction(.jump, UInt32(distance)))
            case .condition(let code, let operand, let onTrue, let onFalse):
                // Plain jumps stand behind the condition; without a label it goes on behind them.
                var jumps: [Label] = []
                let exits = [(onTrue, true), (onFalse, false)].map { label, isTrue in
                    guard let label else { return -1 }
                    guard far.contains(Branch(line: index, isTrue: isTrue)) else {
                        return distance(from: place, to: label, places)
                    }
                    jumps.append(label)
                    return jumps.count - 1
                }.map { UInt8($0 < 0 ? jumps.count : $0) }
                program.append(
                    BPFInstruction(code, operand, onTrue: exits[0], onFalse: exits[1]))
                for (behind, label) in jumps.enumerated() {
                    let distance = distance(from: place + 1 + behind, to: label, places)
                    program.append(BPFInstruction(.jump, UInt32(distance)))
                }
            }
        }
        return program
    }
}
