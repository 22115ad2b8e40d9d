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
        /// Where only one segment leads on, it; -1: none or several.
        fileprivate var only: Int32 = -1

        fileprivate static func bit(ofLength length: Int) -> UInt64 {
            1 &<< UInt64(min(length, 63))
        }
    }

    /// The only segment that leads on from a node, beside the parameter.
    struct Only: BitwiseCopyable {
        fileprivate let text: RuleText
        fileprivate let node: Int32
    }

    let texts: TextIndex
    let nodes: PlainRows<Node>
    let only: PlainRows<Only>

    /// Whether there are templates beside whole paths.
    var hasTemplates: Bool { nodes.count > 1 || nodes[0].prefix >= 0 }

    /// Calls `body` for each group that the path belongs to.
    ///
    /// - Parameter known: holds those of paths that came before.
    @inline(__always)
    func forEachGroup(
        of path: UnsafeRawBufferPointer, _ known: KnownPaths?, _ body: (Int) -> Void
    ) {
        guard let known else {
            search(path, body)
            return
        }
        if let groups = known.groups(of: path) {
            groups.forEach(body)
            return
        }
        var groups = KnownPaths.Groups()
        search(path) {
            groups.append($0)
            body($0)
        }
        known.hold(groups, of: path)
    }

    private func search(_ path: UnsafeRawBufferPointer, _ body: (Int) -> Void) {
        if let group = texts.find(path, of: .path) { body(group) }
        guard hasTemplates, path.first == UInt8(ascii: "/") else { return }
        search(path, from: 1, node: 0, body)
    }

    /// - Parameter start: where the next segment begins, behind its slash.
    private func search(
        _ path: UnsafeRawBufferPointer, from start: Int, node number: Int, _ body: (Int) -> Void
    ) {
        var start = start
        var number = number
        while true {
            let node = nodes[number]
            if node.prefix >= 0 { body(Int(node.prefix)) }
            guard node.lengths != 0 || node.parameter >= 0 else { return }
            let end = Self.slash(in: path, from: start)
            let child = self.child(of: node, number, path, start..<end)
            let parameter = end > start ? Int(node.parameter) : -1
            guard end < path.count else {
                if child >= 0, nodes[child].end >= 0 { body(Int(nodes[child].end)) }
                if parameter >= 0, nodes[parameter].end >= 0 { body(Int(nodes[parameter].end)) }
                return
            }
            guard child >= 0 || parameter >= 0 else { return }
            if child >= 0, parameter >= 0 { search(path, from: end + 1, node: child, body) }
            number = parameter >= 0 ? parameter : child
            start = end + 1
        }
    }

    /// The node that the segment of the path leads to; -1: none.
    @inline(__always)
    private func child(
        of node: Node, _ number: Int, _ path: UnsafeRawBufferPointer, _ range: Range<Int>
    ) -> Int {
        guard node.lengths & Node.bit(ofLength: range.count) != 0 else { return -1 }
        let segment = UnsafeRawBufferPointer(rebasing: path[range])
        guard node.only >= 0 else { return texts.find(segment, of: .node(number)) ?? -1 }
        let only = only[Int(node.only)]
        return only.text.isEqual(to: segment, word(segment), in: texts.bytes) ? Int(only.node) : -1
    }

    /// Where the next slash stands, or the path ends; eight bytes at a time.
    @inline(__always)
    private static func slash(in path: UnsafeRawBufferPointer, from start: Int) -> Int {
        var at = start
        while at + 8 <= path.count {
            let word = path.loadUnaligned(fromByteOffset: at, as: UInt64.self)
            let slashes = slashes(in: UInt64(littleEndian: word))
            if slashes != 0 { return at + slashes.trailingZeroBitCount / 8 }
            at += 8
        }
        let rest = path.count - at
        guard rest > 0, path.count >= 8 else {
            while at < path.count, path[at] != UInt8(ascii: "/") { at += 1 }
            return at
        }
        // The last eight bytes without those before: behind the path there is nothing.
        let last = path.loadUnaligned(fromByteOffset: path.count - 8, as: UInt64.self)
        let slashes = slashes(in: UInt64(littleEndian: last) >> UInt64(64 - 8 * rest))
        return slashes == 0 ? path.count : at + slashes.trailingZeroBitCount / 8
    }

    /// The highest bit of each byte that is a slash, up to the first one, which is the lowest.
    @inline(__always)
    private static func slashes(in word: UInt64) -> UInt64 {
        let marked = word ^ 0x2F2F_2F2F_2F2F_2F2F
        return (marked &- 0x0101_0101_0101_0101) & ~marked & 0x8080_8080_8080_8080
    }
}

/// Collects the templates of rules.
struct PathBuilder {
    private(set) var nodes = [PathIndex.Node()]
    private(set) var only: [PathIndex.Only] = []

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
        case .literal(var text):
            child = text.withUTF8 {
                literal(UnsafeRawBufferPointer($0), of: node, else: new, &texts)
            }
        }
        if child == new { nodes.append(PathIndex.Node()) }
        return child
    }

    /// The node that a segment leads to from another, or else `new`.
    private mutating func literal(
        _ text: UnsafeRawBufferPointer, of node: Int, else new: Int, _ texts: inout TextBuilder
    ) -> Int {
        let child = texts.number(text, of: .node(node), else: new)
        guard child == new else { return child }
        if nodes[node].lengths == 0 {
            nodes[node].only = Int32(only.count)
            only.append(PathIndex.Only(text: texts.add(text), node: Int32(new)))
        } else {
            nodes[node].only = -1
        }
        nodes[node].lengths |= PathIndex.Node.bit(ofLength: text.count)
        return child
    }
}
