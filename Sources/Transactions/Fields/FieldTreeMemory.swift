/// A tree of paths, and the memory that it stands in.
struct FieldTreeMemory {
    let tree: FieldTree
    private let nodes: UnsafeMutablePointer<FieldTree.Node>
    private let elements: UnsafeMutablePointer<Int32>
    private let names: UnsafeMutablePointer<UInt8>

    /// - Parameter paths: of all kinds, in order; their places are the fields' numbers.
    init(_ paths: [FieldPath], _ kind: FieldKind) {
        let first = paths.firstIndex { $0.kind.rawValue >= kind.rawValue } ?? paths.count
        let end = paths.firstIndex { $0.kind.rawValue > kind.rawValue } ?? paths.count
        var growing = Growing(paths: paths)
        growing.grow(first..<end)
        names = .allocate(capacity: growing.names.count)
        names.initialize(from: growing.names, count: growing.names.count)
        nodes = .allocate(capacity: growing.nodes.count)
        for (index, grown) in growing.nodes.enumerated() {
            (nodes + index).initialize(to: grown.node(names: names))
        }
        elements = .allocate(capacity: max(1, growing.elements.count))
        elements.initialize(from: growing.elements, count: growing.elements.count)
        tree = FieldTree(nodes: nodes, elements: elements)
    }

    func deallocate() {
        nodes.deallocate()
        elements.deallocate()
        names.deallocate()
    }
}

/// A node whose name has no place in memory yet.
private struct GrownNode {
    let name: Int
    let parent: Int
    /// Parts of the path up to here.
    let depth: Int
    let fields: Range<Int>
    var field: Int?
    var children = 0..<0
    var element: Int?
    var place = 0
    var elements = 0..<0

    func node(names: UnsafePointer<UInt8>) -> FieldTree.Node {
        FieldTree.Node(
            name: names + name, parent: Int32(parent), firstChild: Int32(children.lowerBound),
            endChild: Int32(children.upperBound), field: Int32(field ?? -1),
            firstField: Int32(fields.lowerBound), endField: Int32(fields.upperBound),
            element: Int32(element ?? -1), place: Int32(place),
            firstElement: Int32(elements.lowerBound), endElement: Int32(elements.upperBound))
    }
}

/// A tree that is being made, level by level, so that the children of a node stand together.
private struct Growing {
    let paths: [FieldPath]
    var nodes: [GrownNode] = []
    var elements: [Int32] = []
    var names: [UInt8] = [0]

    mutating func grow(_ fields: Range<Int>) {
        nodes = [GrownNode(name: 0, parent: 0, depth: 0, fields: fields)]
        var next = 0
        while next < nodes.count {
            growChildren(of: next)
            next += 1
        }
    }

    private mutating func growChildren(of parent: Int) {
        let depth = nodes[parent].depth
        let first = nodes.count
        var rest = nodes[parent].fields
        if let field = rest.first, paths[field].parts.count == depth {
            nodes[parent].field = field
            rest.removeFirst()
        }
        while let field = rest.first {
            let part = paths[field].parts[depth]
            let end = rest.first { paths[$0].parts[depth] != part } ?? rest.upperBound
            var child = GrownNode(
                name: names.count, parent: parent, depth: depth + 1, fields: field..<end)
            child.element = elementNumber(part)
            names += part + [0]
            nodes.append(child)
            rest = end..<rest.upperBound
        }
        nodes[parent].children = first..<nodes.count
        growElements(of: parent)
    }

    private mutating func growElements(of parent: Int) {
        let first = elements.count
        let numbered = nodes[parent].children.filter { nodes[$0].element != nil }
            .sorted { nodes[$0].element ?? 0 < nodes[$1].element ?? 0 }
        for child in numbered {
            nodes[child].place = elements.count
            elements.append(Int32(child))
        }
        nodes[parent].elements = first..<elements.count
    }

    /// The number of an element of an array, as it is written: in decimal, no zeros before it.
    private func elementNumber(_ part: [UInt8]) -> Int? {
        guard part.allSatisfy(\.isDigit), part.count == 1 || part.first != 0x30 else { return nil }
        return UInt16(String(decoding: part, as: UTF8.self)).map(Int.init)
    }
}
