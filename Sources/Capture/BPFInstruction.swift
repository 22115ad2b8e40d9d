import CPcap

/// An instruction of the classic BPF machine, which the kernel runs on every packet.
///
/// Source: Linux Documentation/networking/filter.rst.
package struct BPFInstruction: Sendable, Hashable {
    package let code: UInt16
    /// Instructions passed over where a condition holds, and where it does not.
    package let onTrue: UInt8
    package let onFalse: UInt8
    package let operand: UInt32

    /// The most instructions a program may have.
    ///
    /// Source: Linux linux/bpf_common.h, `BPF_MAXINSNS`.
    static let maximumCount = 4096

    init(_ code: BPFCode, _ operand: UInt32 = 0, onTrue: UInt8 = 0, onFalse: UInt8 = 0) {
        self.code = code.rawValue
        self.onTrue = onTrue
        self.onFalse = onFalse
        self.operand = operand
    }

    /// The instruction as libpcap's library has it.
    var raw: bpf_insn { bpf_insn(code: code, jt: onTrue, jf: onFalse, k: operand) }

    /// The instruction at place `index` of its program, in words as of `tcpdump -d`.
    package func image(at index: Int) -> String {
        var instruction = raw
        return String(cString: bpf_image(&instruction, Int32(clamping: index)))
    }
}

/// The operations that are used here. A is the accumulator, X the index, M[k] a place of memory, k
/// the operand; a load beyond the packet's end ends the program and rejects the packet.
enum BPFCode: UInt16, Sendable {
    /// A from the packet at k.
    case loadWord = 0x20
    case loadHalf = 0x28
    case loadByte = 0x30
    /// A from the packet at X + k.
    case loadHalfIndexed = 0x48
    case loadByteIndexed = 0x50
    case loadConstant = 0x00
    case indexConstant = 0x01
    /// X from M[k].
    case indexMemory = 0x61
    /// X = 4 · (the low half of the packet's byte at k): the length of an IPv4 header.
    case indexHeaderLength = 0xb1
    /// M[k] = A.
    case store = 0x02
    case addIndex = 0x0c
    case add = 0x04
    case subtract = 0x14
    case and = 0x54
    case shiftLeft = 0x64
    case toIndex = 0x07
    case fromIndex = 0x87
    case jump = 0x05
    case jumpEqual = 0x15
    case jumpGreater = 0x25
    case jumpGreaterOrEqual = 0x35
    case jumpAnyBit = 0x45
    /// Ends the program; k bytes of the packet pass, none with 0.
    case pass = 0x06
}
