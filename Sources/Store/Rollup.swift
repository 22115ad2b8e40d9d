package import Metering

/// What the records of one host say of one stretch of time, added up: an hour, a day or a month.
///
/// Every figure is a sum, a largest value or a set, so that the order in which records arrive changes
/// nothing. Sums end at the largest number there is.
package struct Rollup: Sendable, Hashable {
    /// A sum over records. Their places are part of the stored form: new ones go to the end.
    package enum Figure: Int, Sendable, Hashable, CaseIterable {
        /// Window records whose last nanosecond lies here.
        case records
        /// Records that cannot be read, or do not fit their manifest: nothing else of them is here.
        case unreadable
        /// Records whose energy contradicts itself: it is left out.
        case inconsistent
        /// Records of more hours than can be told apart: only their counts are here.
        case unplaced
        case energyUnknown, partial, clockStepped, suspended, agentStopped, doubtful, degraded
        /// Records whose wall clock was not synchronised.
        case unsynchronised
        /// Nanoseconds of windows, of windows whose energy is known, and of windows in which the counts
        /// of every scenario with a rule are known. Time that two records claim is in it twice.
        case recordTime, energyTime, countTime
        /// Energy by how it is known, in microjoules: the three sum to the host's.
        case measured, bridged, estimated
        /// The same energy by use, beside that of the scenarios.
        case other, background, unmonitored, idle, undivided
        case packets, exchanges
        /// What may each hide one exchange or have one counted twice: see `CountLoss`.
        case losses
    }

    /// A sum of one scenario. Their places are part of the stored form: new ones go to the end.
    package enum ScenarioFigure: Int, Sendable, Hashable, CaseIterable {
        case requests, flows, completed, refused, failed, incomplete, duplicates
        /// Microjoules.
        case energy
        /// Windows by `Observation`.
        case seen, quiet, encrypted, notCaptured, noRule
    }

    /// Of all records that touch the stretch; simulated hardware as `RecordFlags.simulated`.
    package var flags: RecordFlags = []
    package private(set) var sources: UInt64 = 0
    package private(set) var scopes: UInt64 = 0
    /// The largest bound of the wall clock's error in microseconds; `nil` where no record tells one.
    package var clockError: UInt64?
    var sums = [UInt64](repeating: 0, count: Figure.allCases.count)
    /// The scenarios that records speak of, in the order in which they came.
    package private(set) var scenarios: [ScenarioID] = []
    var scenarioSums: [UInt64] = []

    static let width = ScenarioFigure.allCases.count

    package init() {}

    /// A sum over the host.
    package subscript(figure: Figure) -> UInt64 {
        get { sums[figure.rawValue] }
        set { sums[figure.rawValue] = newValue }
    }

    /// A sum of the scenario of this place in ``scenarios``.
    package subscript(scenario: Int, figure: ScenarioFigure) -> UInt64 {
        get { scenarioSums[scenario * Self.width + figure.rawValue] }
        set { scenarioSums[scenario * Self.width + figure.rawValue] = newValue }
    }

    /// The host's energy; meaningful where ``Figure/energyTime`` is not 0 or records are instants.
    package var energy: Microjoules {
        Microjoules(self[.measured]) + Microjoules(self[.bridged]) + Microjoules(self[.estimated])
    }

    /// Notes where energy comes from and what part of the host it covers.
    package mutating func note(_ source: EnergySourceKind, _ scope: EnergyScope) {
        sources |= 1 << UInt64(source.rawValue & 63)
        scopes |= 1 << UInt64(scope.rawValue & 63)
    }

    /// Restores what ``note(_:_:)`` noted.
    mutating func note(sources: UInt64, scopes: UInt64) {
        self.sources |= sources
        self.scopes |= scopes
    }

    /// What ``note(_:_:)`` was told.
    package var sourceKinds: [EnergySourceKind] {
        (0..<8 as Range<UInt8>).compactMap {
            sources >> UInt64($0) & 1 == 1 ? .init(rawValue: $0) : nil
        }
    }

    /// What ``note(_:_:)`` was told.
    package var scopeKinds: [EnergyScope] {
        (0..<8 as Range<UInt8>).compactMap {
            scopes >> UInt64($0) & 1 == 1 ? .init(rawValue: $0) : nil
        }
    }

    /// The place of a scenario, made where it is new. `hint` is where it is usually.
    package mutating func place(of scenario: ScenarioID, hint: Int = 0) -> Int {
        if hint < scenarios.count, scenarios[hint] == scenario { return hint }
        if let place = scenarios.firstIndex(of: scenario) { return place }
        scenarios.append(scenario)
        scenarioSums.append(contentsOf: repeatElement(0, count: Self.width))
        return scenarios.count - 1
    }

    /// Adds what another says: of other records of the same stretch, or of a part of it.
    package mutating func add(_ other: Self) {
        flags.formUnion(other.flags)
        sources |= other.sources
        scopes |= other.scopes
        if let error = other.clockError { clockError = max(clockError ?? 0, error) }
        for index in sums.indices { sums[index] = sums[index].addingClamped(other.sums[index]) }
        for (index, scenario) in other.scenarios.enumerated() {
            let (to, from) = (place(of: scenario, hint: index) * Self.width, index * Self.width)
            for figure in 0..<Self.width {
                scenarioSums[to + figure] = scenarioSums[to + figure]
                    .addingClamped(other.scenarioSums[from + figure])
            }
        }
    }

    /// Equal where they say the same, in whatever order scenarios came.
    package static func == (one: Self, other: Self) -> Bool {
        one.flags == other.flags && one.sources == other.sources && one.scopes == other.scopes
            && one.clockError == other.clockError && one.sums == other.sums
            && one.scenarioTable == other.scenarioTable
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(sums)
        hasher.combine(scenarioTable)
    }

    private var scenarioTable: [ScenarioID: [UInt64]] {
        Dictionary(
            scenarios.enumerated().map { index, scenario in
                (scenario, Array(scenarioSums[index * Self.width..<(index + 1) * Self.width]))
            }, uniquingKeysWith: { first, _ in first })
    }
}

/// What records add to one hour.
package struct HourPart: Sendable, Hashable {
    /// Hours since 1970-01-01T00:00Z.
    package let hour: Int64
    package var sums: Rollup

    package init(hour: Int64, sums: Rollup) {
        self.hour = hour
        self.sums = sums
    }

    /// Nanoseconds of an hour.
    package static let length: UInt64 = 3_600_000_000_000
}

/// Parts of one host by hour.
package struct HourParts: Sendable {
    private var order: [Int64] = []
    private var sums: [Int64: Rollup] = [:]
    /// The hour that the latest part was of, out of the table while it is added to.
    private var open: HourPart?

    package init() {}

    /// Adds a part; those of one hour in a row cost no look-up.
    package mutating func add(_ part: HourPart) {
        if open?.hour == part.hour {
            open?.sums.add(part.sums)
            return
        }
        close()
        guard let held = sums.removeValue(forKey: part.hour) else {
            order.append(part.hour)
            open = part
            return
        }
        open = HourPart(hour: part.hour, sums: held)
        open?.sums.add(part.sums)
    }

    private mutating func close() {
        if let open { sums[open.hour] = open.sums }
        open = nil
    }

    /// One part for each hour, in the order of time.
    package mutating func finish() -> [HourPart] {
        close()
        return order.sorted().compactMap { hour in
            sums[hour].map { HourPart(hour: hour, sums: $0) }
        }
    }
}

/// What a batch adds to roll-ups.
package struct BatchParts: Sendable {
    /// Of all its records.
    let all: [HourPart]
    /// Of one of them, where others were stored already.
    let part: @Sendable (IncomingRecord) -> [HourPart]

    package init(all: [HourPart], part: @escaping @Sendable (IncomingRecord) -> [HourPart]) {
        self.all = all
        self.part = part
    }

    /// What nothing adds.
    package static let none = BatchParts(all: []) { _ in [] }
}
