@testable import Capture

/// The classic BPF machine, written after its description: what the kernel would do with a packet.
///
/// Source: Linux Documentation/networking/filter.rst.
struct BPFMachine {
    let program: [BPFInstruction]

    struct Outcome: Equatable {
        /// Bytes that pass; none where the packet is rejected.
        let bytes: UInt32
        /// Instructions that ran.
        let steps: Int
    }

    /// - Parameter type: what the kernel gives as the packet's EtherType.
    func run(_ packet: [UInt8], type: UInt16 = 0) -> Outcome {
        var accumulator: UInt32 = 0
        var index: UInt32 = 0
        var memory = [UInt32](repeating: 0, count: 16)
        var place = 0
        var steps = 0
        func load(_ offset: UInt32, _ count: Int) -> UInt32? {
            if offset == 0xffff_f000 { return UInt32(type) }
            guard Int(offset) + count <= packet.count else { return nil }
            return packet[Int(offset)..<Int(offset) + count].reduce(0) { $0 << 8 | UInt32($1) }
        }
        while program.indices.contains(place) {
            let instruction = program[place]
            let k = instruction.operand
            place += 1
            steps += 1
            guard let code = BPFCode(rawValue: instruction.code) else { break }
            var loaded: UInt32? = accumulator
            var holds: Bool?
            switch code {
            case .loadWord: loaded = load(k, 4)
            case .loadHalf: loaded = load(k, 2)
            case .loadByte: loaded = load(k, 1)
            case .loadHalfIndexed: loaded = load(index &+ k, 2)
            case .loadByteIndexed: loaded = load(index &+ k, 1)
            case .loadConstant: loaded = k
            case .indexConstant: index = k
            case .indexMemory: index = memory[Int(k)]
            case .indexHeaderLength:
                guard let byte = load(k, 1) else { return Outcome(bytes: 0, steps: steps) }
                index = (byte & 0x0f) * 4
            case .store: memory[Int(k)] = accumulator
            case .addIndex: loaded = accumulator &+ index
            case .add: loaded = accumulator &+ k
            case .subtract: loaded = accumulator &- k
            case .and: loaded = accumulator & k
            case .shiftLeft: loaded = accumulator << k
            case .toIndex: index = accumulator
            case .fromIndex: loaded = index
            case .jump: place += Int(k)
            case .jumpEqual: holds = accumulator == k
            case .jumpGreater: holds = accumulator > k
            case .jumpGreaterOrEqual: holds = accumulator >= k
            case .jumpAnyBit: holds = accumulator & k != 0
            case .pass: return Outcome(bytes: k, steps: steps)
            }
            guard let loaded else { return Outcome(bytes: 0, steps: steps) }
            accumulator = loaded
            if let holds { place += Int(holds ? instruction.onTrue : instruction.onFalse) }
        }
        preconditionFailure("the program does not end")
    }
}
