/// How many rounds the first page has room for, so that it is one sheet of A4 when it is printed.
///
/// Heights are those of ``Stylesheet`` on paper, in points; lines are estimated from columns, of which a character
/// beyond Latin takes two, a little above what they take. Texts of the first page are cut, so that what is beside
/// the rounds always leaves room for some.
struct FirstPageRoom {
    /// Of a sheet between its margins (267 mm).
    private static let sheet = 757.0
    /// Columns of a line: of the facts, of a warning, of the box of the result, of a round's state, of a scenario's
    /// name and of its origin.
    private static let factColumns = 100
    private static let warningColumns = 100
    private static let resultColumns = 50
    private static let stateColumns = 36
    private static let nameColumns = 13
    private static let originColumns = 22
    /// Heights of a line of facts and of narrow tables, and of what is around the lines of a row of each.
    private static let factLine = 10.8
    private static let factFrame = 3.0
    private static let narrowLine = 9.8
    private static let rowFrame = 3.8
    /// A note, a heading before a table, and the margins and the head of a table.
    private static let note = 20.0
    private static let heading = 25.0
    private static let head = 14.5

    private var left = Self.sheet

    init(isSimulated: Bool, standardLines: Int) {
        left -= 23.4 + 16 + 6 + 11.6 * Double(standardLines) + (isSimulated ? 27 : 0)
    }

    mutating func take(warning text: String) {
        left -= 14 + 13.1 * Self.lines(text, Self.warningColumns)
    }

    /// The texts above and below the figure.
    mutating func take(result above: String, _ below: String) {
        let lines = Self.lines(above, Self.resultColumns) + Self.lines(below, Self.resultColumns)
        left -= 20 + 27 + 10.9 * lines
    }

    mutating func take(facts: [(String, Markup)]) {
        left -= 9
        for (_, value) in facts {
            left -= Self.factFrame + Self.factLine * Self.lines(value.plain, Self.factColumns)
        }
    }

    mutating func take(scenarios: [(name: String, origin: String)], hasMore: Bool) {
        left -= Self.heading + Self.head + (hasMore ? Self.note : 0)
        for one in scenarios {
            let lines = max(
                Self.lines(one.name, Self.nameColumns), Self.lines(one.origin, Self.originColumns))
            left -= Self.rowFrame + Self.narrowLine * lines
        }
    }

    /// How many rounds with these states fit in what is left: all, or as many as leave room to say that there are
    /// more.
    func rounds(_ states: [String]) -> Int {
        var rest = left - Self.heading - Self.head
        var fitting = 0
        for (index, state) in states.enumerated() {
            rest -= Self.rowFrame + Self.narrowLine * Self.lines(state, Self.stateColumns)
            if rest < 0 { break }
            if rest >= Self.note || index == states.count - 1 { fitting = index + 1 }
        }
        return fitting
    }

    /// How many lines a text takes, with those that it begins itself.
    private static func lines(_ text: String, _ columns: Int) -> Double {
        text.split(separator: "\n", omittingEmptySubsequences: false).reduce(0) { sum, line in
            let width = line.reduce(0) { $0 + PlanPage.columns(of: $1) }
            return sum + Double(max(1, (width + columns - 1) / columns))
        }
    }
}

extension Markup {
    /// Its text alone, with a line for each break.
    fileprivate var plain: String {
        switch self {
        case .text(let text): text
        case .style: ""
        case .element(let name, _, let children):
            "\(name)" == "br" ? "\n" : children.map(\.plain).joined()
        }
    }
}
