// Hot path: nothing here allocates.

/// The paths of one kind of field that one side's messages are searched for, as a tree: whoever
/// reads a message walks it once, however many fields are wanted.
///
/// Nodes are numbered from 0, the root. The children of a node stand together, in the order of
/// their names; so do the fields at a node and below it.
struct FieldTree {
    struct Node {
        /// One part of a path, ended by a zero byte.
        var name: UnsafePointer<UInt8>
        var parent: Int32 = 0
        var firstChild: Int32 = 0
        var endChild: Int32 = 0
        /// The field whose path ends here, or -1.
        var field: Int32 = -1
        /// The fields here and below.
        var firstField: Int32
        var endField: Int32
        /// The name as the number of an element of an array, or -1.
        var element: Int32 = -1
        /// The node's place among the elements of its parent.
        var place: Int32 = 0
        /// The children that are elements, in the order of their numbers: places in `elements`.
        var firstElement: Int32 = 0
        var endElement: Int32 = 0
    }

    let nodes: UnsafePointer<Node>
    let elements: UnsafePointer<Int32>

    @inline(__always)
    subscript(node: Int32) -> UnsafePointer<Node> { nodes + Int(node) }

    /// The same path in another tree, if it is there.
    func counterpart(of node: Int32, in other: FieldTree) -> Int32? {
        guard node > 0 else { return 0 }
        guard let parent = counterpart(of: self[node].pointee.parent, in: other) else { return nil }
        var cursor = NameCursor(childrenOf: parent, other)
        cursor.take(self[node].pointee.name, -1, other)
        let match = cursor.match(other)
        return match < 0 ? nil : match
    }

    /// The field that is at the same path here as one of another tree, or -1.
    func field(_ field: Int32, of other: FieldTree) -> Int32 {
        guard let node = other.counterpart(of: other.node(ofField: field), in: self) else {
            return -1
        }
        return self[node].pointee.field
    }

    /// The node at which a field's path ends.
    private func node(ofField field: Int32) -> Int32 {
        var node: Int32 = 0
        while self[node].pointee.field != field {
            var child = self[node].pointee.firstChild
            while self[child].pointee.endField <= field { child += 1 }
            node = child
        }
        return node
    }
}

/// Which children of a node a name may be, while it is read.
struct NameCursor {
    private var low: Int32 = 0
    private var high: Int32 = 0
    private var position = 0

    /// No name is looked for.
    init() {}

    @inline(__always)
    init(childrenOf node: Int32, _ tree: FieldTree) {
        low = tree[node].pointee.firstChild
        high = tree[node].pointee.endChild
    }

    /// Whether the name may be one that is looked for.
    var isOpen: Bool { low < high }

    mutating func close() { high = low }

    @inline(__always)
    mutating func take(_ byte: UInt8, _ tree: FieldTree) {
        if high &- low > 1 || byte == 0 { return narrow(byte, tree) }
        if low < high && tree[low].pointee.name[position] == byte {
            position &+= 1
        } else {
            high = low
        }
    }

    @inline(__always)
    mutating func take(_ bytes: UnsafeRawBufferPointer, _ tree: FieldTree) {
        for byte in bytes {
            guard isOpen else { return }
            take(byte, tree)
        }
    }

    /// Takes a name that a zero byte ends, or as many bytes of it.
    mutating func take(_ name: UnsafePointer<UInt8>, _ count: Int, _ tree: FieldTree) {
        var index = 0
        while isOpen && index != count && name[index] != 0 {
            take(name[index], tree)
            index += 1
        }
    }

    /// A zero byte ends the names that are looked for: none has one in it.
    @inline(never)
    private mutating func narrow(_ byte: UInt8, _ tree: FieldTree) {
        guard byte != 0 else { return close() }
        let first = firstChild(tree) { $0 >= byte }
        low = first
        high = firstChild(tree) { $0 > byte }
        position &+= 1
    }

    /// The first candidate whose next byte is so, as all behind it are.
    private func firstChild(_ tree: FieldTree, _ isBehind: (UInt8) -> Bool) -> Int32 {
        var (first, end) = (low, high)
        while first < end {
            let middle = first &+ (end &- first) / 2
            if isBehind(tree[middle].pointee.name[position]) {
                end = middle
            } else {
                first = middle &+ 1
            }
        }
        return first
    }

    /// The child whose name was read, or -1.
    @inline(__always)
    func match(_ tree: FieldTree) -> Int32 {
        low < high && tree[low].pointee.name[position] == 0 ? low : -1
    }

    /// The fields whose paths may lead through this name.
    func fields(_ tree: FieldTree) -> Range<Int32> {
        low < high
            ? tree[low].pointee.firstField..<tree[high - 1].pointee.endField : 0..<0
    }

    /// The same name read as far, among the children of a node of another tree.
    func moved(from old: FieldTree, to node: Int32, _ tree: FieldTree) -> NameCursor {
        guard isOpen else { return NameCursor() }
        var moved = NameCursor(childrenOf: node, tree)
        moved.take(old[low].pointee.name, position, tree)
        return moved
    }
}
