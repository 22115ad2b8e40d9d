// Hot path: allocates nothing.

/// Finds one field of a message's head: the first of its name.
struct HeaderFieldReader {
    enum Phase: UInt8 {
        case wanted
        /// Found on the line before: a folded line may go on with it.
        case current
        case found
        /// The head ended without it.
        case absent
        /// Folded or cut, or asked for when part of the head had passed.
        case unread
    }

    /// The name in lower case, ended by a zero byte.
    private var name: UnsafePointer<UInt8>
    private var length: Int
    private(set) var phase = Phase.unread
    private(set) var text = FieldText()

    init(name: UnsafePointer<UInt8>) {
        self.name = name
        length = 0
        while name[length] != 0 { length += 1 }
    }

    /// The same with its name at another place.
    func moved(to name: UnsafePointer<UInt8>) -> HeaderFieldReader {
        var reader = self
        reader.name = name
        return reader
    }

    /// Makes ready for the next message's head.
    mutating func restart() { phase = .wanted }

    /// Takes a line of the head, without its end.
    mutating func take(_ line: Line, isCut: Bool) {
        let isFolded = line[0] == 0x20 || line[0] == 0x09
        if phase == .current { phase = isFolded ? .unread : .found }
        guard phase == .wanted, line.count > length, !isFolded else { return }
        for index in 0..<length {
            let byte = line[index]
            guard name[index] == (byte &- 0x41 < 26 ? byte | 0x20 : byte) else { return }
        }
        guard length > 0, let (value, _) = line.value(behind: length) else { return }
        text.clear()
        for index in 0..<min(value.count, FieldText.maximum + 1) { text.append(value[index]) }
        phase = isCut && !text.isFull ? .unread : .current
    }

    /// The head ends.
    mutating func finish() {
        if phase == .current { phase = .found }
        if phase == .wanted { phase = .absent }
    }
}
