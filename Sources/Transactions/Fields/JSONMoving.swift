/// Reading on when other fields are asked for.
extension JSONFields {
    /// Goes on where another is, with other fields.
    mutating func goOn(from old: JSONFields) {
        (phase, escape, skipped) = (old.phase, old.escape, old.skipped)
        (depth, arrays, element) = (old.depth, old.arrays, old.element)
        remaining = fields.wanted
        moveNode(from: old)
        nextElement = tree[node].pointee.firstElement
        // Those before the element that is read are past.
        if isInArray {
            while nextElement < tree[node].pointee.endElement,
                tree[tree.elements[Int(nextElement)]].pointee.element < element
            { nextElement += 1 }
        }
        guard depth == old.depth else { return }
        if phase == .inKey {
            cursor = old.cursor.moved(from: old.tree, to: node, tree)
            if !cursor.isOpen { escape.endWhereNothingIsWanted() }
        }
        if old.child >= 0 { child = old.tree.counterpart(of: old.child, in: tree) ?? -1 }
        if child >= 0 && !fields.isWanted(child) { child = -1 }
        if old.captured >= 0 { moveCaptured(from: old) }
    }

    /// Goes to the innermost container that paths lead into here too. What is open in it is passed
    /// over.
    private mutating func moveNode(from old: JSONFields) {
        var last = old.node
        while true {
            if let same = old.tree.counterpart(of: last, in: tree), isEntered(same) {
                node = same
                return
            }
            element = old.tree[last].pointee.element
            last = old.tree[last].pointee.parent
            depth -= 1
            skipped += 1
            skipFromHere()
        }
    }

    /// Whether a container that was entered for other fields has some of these in it.
    private func isEntered(_ node: Int32) -> Bool {
        node == 0 || tree[node].pointee.firstChild < tree[node].pointee.endChild
    }

    private mutating func skipFromHere() {
        switch phase {
        case .inKey, .inString, .captureString, .skippingString: phase = .skippingString
        default: phase = .skipping
        }
        escape.endWhereNothingIsWanted()
    }

    private mutating func moveCaptured(from old: JSONFields) {
        captured = tree.field(old.captured, of: old.tree)
        guard captured < 0 || fields[captured] != .wanted else { return }
        captured = -1
        phase = phase == .captureString ? .inString : .inWord
        escape.endWhereNothingIsWanted()
    }
}
