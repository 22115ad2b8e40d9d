// Hot path: allocates only while the number of keys grows, and what a hash needs.
package import Metering

/// The bounds of a book's memory.
package struct FlowBookLimits: Sendable, Hashable {
    /// Flows that are open or remembered at once. At the limit the one used longest ago is
    /// forgotten, and counted as forgotten: of those that ended, then of the open ones.
    package let keys: Int
    /// Packet time for which a flow that ended is remembered.
    package let remember: Nanoseconds

    package init(keys: Int, remember: Nanoseconds) {
        self.keys = max(1, min(keys, Int(Int32.max) / 4))
        self.remember = remember
    }
}

/// How far a flow is.
package enum FlowStanding: UInt8, Sendable, Hashable {
    case open = 0
    case completed = 1
    /// And not counted as a flow.
    case refused = 2
    /// Of a change alone: the flow is not known any more.
    case forgotten = 3
    /// It was open for too long, and counted so; it may still complete.
    case expired = 4
    /// Open: its completion was answered before steps that it requires, which may be on their way.
    /// `FlowState.early` says which.
    case early = 5
    /// Refused, and counted as a complete flow: by the settings of then, which may have changed.
    case refusedAsFlow = 6

    /// Whether it is waited for.
    var isOpen: Bool { self == .open || self == .early }
    /// Whether the flow is in TA.
    var isCounted: Bool { self == .completed || self == .refusedAsFlow }
}

/// A completion that was answered before steps that it requires.
package struct EarlyCompletion: Sendable, Hashable {
    /// Packet time of its answer: a step that was asked for before it is a call around it.
    package var time: Timestamp
    /// The flows that it is once they are answered too.
    package var flows: UInt64
    /// The steps that are missing, by the book's numbers.
    package var missing: UInt64

    package init(time: Timestamp, flows: UInt64, missing: UInt64) {
        self.time = time
        self.flows = flows
        self.missing = missing
    }
}

/// A flow as it is after an exchange; what is kept over a restart.
package struct FlowState: Sendable, Hashable {
    package var digest: UInt64
    /// The steps passed, by the book's numbers.
    package var steps: UInt64
    /// Packet time of its latest exchange.
    package var time: Timestamp
    /// The scenario, by the book's number.
    package var scenario: UInt16
    package var standing: FlowStanding
    /// An exchange of the flow was counted as incomplete.
    package var isIncomplete: Bool
    /// Its latest completion that came too early, as long as the flow is open or refused.
    package var early: EarlyCompletion?

    package init(
        digest: UInt64, steps: UInt64, time: Timestamp, scenario: UInt16,
        standing: FlowStanding, isIncomplete: Bool, early: EarlyCompletion? = nil
    ) {
        self.digest = digest
        self.steps = steps
        self.time = time
        self.scenario = scenario
        self.standing = standing
        self.isIncomplete = isIncomplete
        self.early = early
    }
}

/// Flows that are open, and those that ended and must not count again, by the digest of their key.
///
/// An open hash table over rows, and for each scenario three rings of rows in the order of use: open
/// flows, those that ended, and those whose completion waits for steps around it. A digest is of one scenario and its key, so that one table serves
/// all. Who knows the secret could fill the table's ends; others cannot.
struct FlowTable {
    private struct Row {
        var state: FlowState
        var newer: Int32
        var older: Int32
    }

    /// The rings of a scenario.
    enum Use: Int, CaseIterable {
        case open, ended, early
    }

    /// The two ends of a ring of rows; -1 where it is empty.
    private struct Ring {
        var newest: Int32 = -1
        var oldest: Int32 = -1
    }

    private var rows: [Row] = []
    /// Rows that are free, a list by `older`.
    private var free: Int32 = -1
    private var slots: [Int32] = Array(repeating: -1, count: 64)
    /// One for each scenario and use.
    private var rings: [Ring] = []
    private(set) var count = 0

    mutating func reserve(scenarios: Int) {
        while rings.count < scenarios * Use.allCases.count { rings.append(Ring()) }
    }

    @inline(__always)
    private static func ring(_ state: FlowState) -> Int {
        let use: Use = state.standing == .early ? .early : state.standing.isOpen ? .open : .ended
        return ring(Int(state.scenario), use)
    }

    @inline(__always)
    private static func ring(_ scenario: Int, _ use: Use) -> Int { scenario * 3 + use.rawValue }

    subscript(row: Int32) -> FlowState { rows[Int(row)].state }

    func find(_ digest: UInt64) -> Int32? {
        let mask = slots.count - 1
        var place = Int(truncatingIfNeeded: digest) & mask
        while slots[place] >= 0 {
            if rows[Int(slots[place])].state.digest == digest { return slots[place] }
            place = (place + 1) & mask
        }
        return nil
    }

    /// Adds a flow that is not there.
    mutating func insert(_ state: FlowState) {
        if (count + 1) * 2 > slots.count { grow() }
        var row = free
        if row >= 0 {
            free = rows[Int(row)].older
            rows[Int(row)] = Row(state: state, newer: -1, older: -1)
        } else {
            row = Int32(rows.count)
            rows.append(Row(state: state, newer: -1, older: -1))
        }
        place(row)
        link(row)
        count += 1
    }

    /// Changes a flow, which becomes the one used last.
    mutating func update(_ row: Int32, _ state: FlowState) {
        unlink(row)
        rows[Int(row)].state = state
        link(row)
    }

    mutating func remove(_ row: Int32) {
        unlink(row)
        let mask = slots.count - 1
        var hole = Int(truncatingIfNeeded: rows[Int(row)].state.digest) & mask
        while slots[hole] != row { hole = (hole + 1) & mask }
        // Those behind move up, as far as that brings them no further than where they belong.
        var next = (hole + 1) & mask
        while slots[next] >= 0 {
            let home = Int(truncatingIfNeeded: rows[Int(slots[next])].state.digest) & mask
            if (next - home) & mask >= (next - hole) & mask {
                slots[hole] = slots[next]
                hole = next
            }
            next = (next + 1) & mask
        }
        slots[hole] = -1
        rows[Int(row)].older = free
        rows[Int(row)].newer = -2
        free = row
        count -= 1
    }

    /// The row of a scenario used longest ago in one of its uses.
    func oldest(of scenario: Int, _ use: Use) -> Int32? {
        let row = rings[Self.ring(scenario, use)].oldest
        return row < 0 ? nil : row
    }

    /// The row used longest ago of all: of those that ended, else of the open ones.
    var victim: Int32? {
        for use in [Use.ended, .open, .early] {
            let oldest = stride(from: use.rawValue, to: rings.count, by: Use.allCases.count).lazy
                .map { rings[$0].oldest }
            let rows = oldest.filter { $0 >= 0 }
            if let row = rows.min(by: { self[$0].time < self[$1].time }) { return row }
        }
        return nil
    }

    /// Takes steps from all flows of a scenario.
    mutating func clear(_ steps: UInt64, of scenario: Int) {
        for index in rows.indices where Int(rows[index].state.scenario) == scenario {
            rows[index].state.steps &= ~steps
            if let early = rows[index].state.early, early.missing & steps != 0 {
                rows[index].state.early = nil
            }
        }
    }

    /// All flows, those of each scenario in the order of use.
    func forEach(_ body: (FlowState) -> Void) {
        for ring in rings {
            var row = ring.oldest
            while row >= 0 {
                body(rows[Int(row)].state)
                row = rows[Int(row)].newer
            }
        }
    }

    private mutating func grow() {
        slots = Array(repeating: -1, count: slots.count * 2)
        for index in rows.indices where rows[index].newer != -2 { place(Int32(index)) }
    }

    private mutating func place(_ row: Int32) {
        let mask = slots.count - 1
        var place = Int(truncatingIfNeeded: rows[Int(row)].state.digest) & mask
        while slots[place] >= 0 { place = (place + 1) & mask }
        slots[place] = row
    }

    private mutating func link(_ row: Int32) {
        let ring = Self.ring(rows[Int(row)].state)
        rows[Int(row)].older = rings[ring].newest
        rows[Int(row)].newer = -1
        if rings[ring].newest >= 0 { rows[Int(rings[ring].newest)].newer = row }
        rings[ring].newest = row
        if rings[ring].oldest < 0 { rings[ring].oldest = row }
    }

    private mutating func unlink(_ row: Int32) {
        let ring = Self.ring(rows[Int(row)].state)
        let (newer, older) = (rows[Int(row)].newer, rows[Int(row)].older)
        if newer >= 0 { rows[Int(newer)].older = older } else { rings[ring].newest = older }
        if older >= 0 { rows[Int(older)].newer = newer } else { rings[ring].oldest = newer }
    }
}
