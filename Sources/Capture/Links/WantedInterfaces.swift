/// Which interfaces are to be captured: by name, by pattern, or, where neither is given, all that
/// are up and carry an address.
package struct WantedInterfaces: Sendable, Hashable {
    /// Interfaces captured at once. What is wanted beyond them is not captured, and told.
    package static let maximum = 64

    /// Names without `*` and `?`, in the order of the settings.
    package let names: [String]
    package let patterns: [InterfacePattern]
    /// Whether none is to be captured.
    package let isNothing: Bool

    /// No interface at all.
    package static let nothing = WantedInterfaces()

    private init() {
        (names, patterns, isNothing) = ([], [], true)
    }

    /// A name with `*` or `?` is a pattern.
    package init(_ written: [String]) {
        names = written.filter { !InterfacePattern.isPattern($0) }
        patterns = written.filter(InterfacePattern.isPattern).map(InterfacePattern.init)
        isNothing = false
    }

    /// Whether interfaces are chosen by their addresses.
    package var isAutomatic: Bool { names.isEmpty && patterns.isEmpty && !isNothing }

    /// What is to be captured of the interfaces there are.
    package struct Selection: Sendable, Hashable {
        /// Each once, at most `maximum`: first those with a name of the settings, in their order,
        /// then those that are open, then the others by index. One that is down is here only where
        /// it is named or open.
        package var links: [Link] = []
        /// Names that no interface has.
        package var absent: [String] = []
        /// Interfaces that had no room.
        package var leftOut: [String] = []

        /// Adds what another selection has besides, as far as there is room. What it lacks is not
        /// noted: only this one's names are wanted on.
        package mutating func join(_ other: Selection) {
            let chosen = Set(links.map(\.index))
            links += other.links.filter { !chosen.contains($0.index) }
            links = Array(links.prefix(maximum))
        }
    }

    /// Chooses among `links`.
    ///
    /// - Parameters:
    ///   - addressed: names of the interfaces that are up and carry an address.
    ///   - open: indices of the interfaces that are captured now.
    package func select(
        from links: some Collection<Link>, addressed: Set<String>, open: Set<UInt32>
    ) -> Selection {
        var selection = Selection()
        var chosen: Set<UInt32> = []
        for name in names {
            guard
                let link = links.first(where: { $0.name == name })
                    ?? links.first(where: { $0.isCalled(name) })
            else {
                selection.absent.append(name)
                continue
            }
            if chosen.insert(link.index).inserted { selection.links.append(link) }
        }
        let others = links.filter { link in
            guard !chosen.contains(link.index) else { return false }
            let isOpen = open.contains(link.index)
            guard link.isUp || isOpen else { return false }
            return isAutomatic
                ? isOpen || addressed.contains(link.name)
                : patterns.contains { $0.matches(link.name) }
        }
        selection.links += others.sorted {
            let (first, second) = (open.contains($0.index), open.contains($1.index))
            return first != second ? first : $0.index < $1.index
        }
        selection.leftOut = selection.links.dropFirst(Self.maximum).map(\.name)
        selection.links = Array(selection.links.prefix(Self.maximum))
        return selection
    }
}

/// A name in which `*` stands for any characters, also none, and `?` for one: `veth*`.
package struct InterfacePattern: Sendable, Hashable, CustomStringConvertible {
    package let description: String
    private let pattern: [UInt8]

    package init(_ pattern: String) {
        description = pattern
        self.pattern = Array(pattern.utf8)
    }

    /// Whether a name of the settings is a pattern.
    package static func isPattern(_ name: String) -> Bool {
        name.contains("*") || name.contains("?")
    }

    /// Whether the pattern is the whole of `name`. Names are bytes; they have 15 at most.
    package func matches(_ name: String) -> Bool {
        let name = Array(name.utf8)
        var (at, place) = (0, 0)
        // Where the latest star stands, and how far it was taken to reach.
        var star: (pattern: Int, name: Int)?
        while place < name.count {
            if at < pattern.count, pattern[at] == UInt8(ascii: "*") {
                star = (at, place)
                at += 1
            } else if at < pattern.count,
                pattern[at] == UInt8(ascii: "?") || pattern[at] == name[place]
            {
                at += 1
                place += 1
            } else if let latest = star {
                star = (latest.pattern, latest.name + 1)
                at = latest.pattern + 1
                place = latest.name + 1
            } else {
                return false
            }
        }
        return pattern[at...].allSatisfy { $0 == UInt8(ascii: "*") }
    }
}
