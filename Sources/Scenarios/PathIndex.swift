// Hot path: finding paths allocates, copies and retains nothing.
import Traffic

/// Which groups of rules a path belongs to: those whose template it fits.
///
/// Templates without placeholders are looked up whole; the others are a tree of segments, of which
/// a search visits each node once at most.
struct PathIndex: BitwiseCopyable, Sendable {
    struct Node: BitwiseCopyable {
        /// The node of any one segment that is not empty; -1: none.
        var parameter: Int32 = -1
        /// The groups of templates that end here, and that take any rest; -1: none.
        var end: Int32 = -1
        var prefix: Int32 = -1
        /// How long the segments are that lead on from here: a bit for each number of bytes, that of
        /// 63 for longer ones too. Most others are no longer looked for than that.
        fileprivate var lengths: UInt64 = 0

        fileprivate static func bit(ofLength length: Int) -> UInt64 {
            1 &<< UInt64(min(length, 63))
        }
    }

    let texts: TextIndex
    let nodes: PlainRows<Node>

    /// Calls `body` for each group that the path belongs to.
    @inline(__always)
    func forEachGroup(of path: UnsafeRawBufferPointer, _ body: (Int) -> Void) {
        if let group = texts.find(path, of: .path) { body(group) }
        guard nodes.count > 1 || nodes[0].prefix >= 0, path.first == UInt8(ascii: "/") else {
            return
        }
        search(path, from: 1, node: 0, body)
    }

    /// - Parameter start: where the next segment begins, behind its slash.
    private func search(
        _ path: UnsafeRawBufferPointer, from start: Int, node number: Int, _ body: (Int) -> Void
    ) {
        let node = nodes[number]
        if node.prefix >= 0 { body(Int(node.prefix)) }
        guard node.lengths != 0 || node.parameter >= 0 else { return }
        var end = start
        while end < path.count, path[end] != UInt8(ascii: "/") { end += 1 }
        if node.lengths & Node.bit(ofLength: end - start) != 0 {
            let segment = UnsafeRawBufferPointer(rebasing: path[start..<end])
            if let child = texts.find(segment, of: .node(number)) {
                step(path, to: end, node: child, body)
            }
        }
        if node.parameter >= 0, end > start {
            step(path, to: end, node: Int(node.parameter), body)
        }
    }

    private func step(
        _ path: UnsafeRawBufferPointer, to end: Int, node: Int, _ body: (Int) -> Void
    ) {
        if end < path.count {
            search(path, from: end + 1, node: node, body)
        } else if nodes[node].end >= 0 {
            body(Int(nodes[node].end))
        }
    }
}

/// Collects the templates of rules.
struct PathBuilder {
    private(set) var nodes = [PathIndex.Node()]

    /// The group of a template: the one that it has, or else `group`.
    mutating func group(
        of template: PathTemplate, else group: Int, _ texts: inout TextBuilder
    ) -> Int {
        let isWhole = !template.segments.contains {
            if case .parameter = $0 { true } else { false }
        }
        if isWhole, !template.isPrefix {
            return texts.number(template.bytes, of: .path, else: group)
        }
        var node = 0
        for segment in template.segments { node = child(of: node, segment, &texts) }
        if template.isPrefix { return Self.take(group, for: &nodes[node].prefix) }
        return Self.take(group, for: &nodes[node].end)
    }

    /// The group at a place of a node: the one that it has, or else `group`.
    private static func take(_ group: Int, for place: inout Int32) -> Int {
        if place < 0 { place = Int32(group) }
        return Int(place)
    }

    private mutating func child(
        of node: Int, _ segment: PathTemplate.Segment, _ texts: inout TextBuilder
    ) -> Int {
        let new = nodes.count
        let child: Int
        switch segment {
        case .parameter:
            child = nodes[node].parameter < 0 ? new : Int(nodes[node].parameter)
            nodes[node].parameter = Int32(child)
        case .literal(let text):
            child = texts.number(Array(text.utf8), of: .node(node), else: new)
            nodes[node].lengths |= PathIndex.Node.bit(ofLength: text.utf8.count)
        }
        if child == new { nodes.append(PathIndex.Node()) }
        return child
    }
}
