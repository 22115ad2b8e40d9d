// Hot path: nothing here allocates.
import Glibc

/// What became of a field in a message.
enum FieldStatus: UInt8 {
    case wanted
    case found
    case absent
    /// Asked for when part of the message had passed, or not to be told from what was read.
    case unreadable
}

/// Where the fields of a message are kept, each by its number: its status and its text.
struct KeptFields {
    let tree: FieldTree
    let statuses: UnsafeMutablePointer<FieldStatus>
    let texts: UnsafeMutablePointer<UInt8>

    @inline(__always)
    func text(_ field: Int32) -> FieldText {
        FieldText(start: texts + Int(field) * FieldText.size)
    }

    @inline(__always)
    subscript(field: Int32) -> FieldStatus {
        get { statuses[Int(field)] }
        nonmutating set { statuses[Int(field)] = newValue }
    }

    /// The first of some fields that is still wanted, or -1.
    @inline(__always)
    func firstWanted(_ fields: Range<Int32>) -> Int32 {
        if fields.count == 1 {
            return self[fields.lowerBound] == .wanted ? fields.lowerBound : -1
        }
        let first = statuses + Int(fields.lowerBound)
        guard let found = memchr(first, Int32(FieldStatus.wanted.rawValue), fields.count) else {
            return -1
        }
        return fields.lowerBound
            + Int32(truncatingIfNeeded: UnsafeRawPointer(found) - UnsafeRawPointer(first))
    }

    /// The fields at a node and below it.
    @inline(__always)
    func range(_ node: Int32) -> Range<Int32> {
        tree[node].pointee.firstField..<tree[node].pointee.endField
    }

    /// How many fields there are.
    @inline(__always)
    var all: Int32 { tree[0].pointee.endField &- tree[0].pointee.firstField }

    /// How many are still wanted.
    var wanted: Int32 {
        range(0).reduce(0) { $0 + (self[$1] == .wanted ? 1 : 0) }
    }

    /// Whether a field at a node or below it is still wanted.
    @inline(__always)
    func isWanted(_ node: Int32) -> Bool {
        firstWanted(range(node)) >= 0
    }

    /// Says what became of those of some fields that are still wanted. Returns how many they are.
    func settle(_ fields: Range<Int32>, as status: FieldStatus) -> Int32 {
        var rest = fields
        var count: Int32 = 0
        while !rest.isEmpty {
            let next = firstWanted(rest)
            guard next >= 0 else { break }
            self[next] = status
            count += 1
            rest = next + 1..<rest.upperBound
        }
        return count
    }
}
