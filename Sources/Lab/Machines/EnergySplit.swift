internal import Metering

/// The dynamic energy of the counters, split by the CPU time that each use told in ledgers.
///
/// In each step the energy above idle belongs to whoever was busy, in proportion to the CPU time. The
/// host's busy time comes in ticks, later than the ledgers: what was told and is not yet seen busy
/// waits for the next steps. What nobody told is others'.
package struct EnergySplit: Sendable {
    private let ledgers: [CPULedger]
    private var read: [Nanoseconds]
    private var start: [Nanoseconds]
    /// CPU time that was told and has no energy yet, by ledger and slot.
    private var waiting: [Nanoseconds]
    /// Picojoules by ledger and slot.
    private var energy: [Double]
    private var others: Double = 0

    package init(_ ledgers: [CPULedger]) {
        self.ledgers = ledgers
        read = ledgers.flatMap(\.used)
        start = read
        waiting = read.map { _ in .zero }
        energy = read.map { _ in 0 }
    }

    /// Splits the energy above idle of a step with so much busy time.
    mutating func take(picojoules: UInt64, busy: Nanoseconds) {
        let now = ledgers.flatMap(\.used)
        for (index, used) in now.enumerated() {
            waiting[index] += used.subtractingClamped(read[index])
        }
        read = now
        take(picojoules: picojoules, busy: busy, of: waiting.reduce(.zero, +))
    }

    private mutating func take(picojoules: UInt64, busy: Nanoseconds, of told: Nanoseconds) {
        guard busy > .zero else { return }
        let seen = min(told, busy)
        let perSecond = Double(picojoules) / busy.seconds
        others += perSecond * busy.subtractingClamped(seen).seconds
        guard told > .zero else { return }
        for index in waiting.indices {
            let given = waiting[index].seconds * (seen.seconds / told.seconds)
            energy[index] += perSecond * given
            waiting[index] = waiting[index].subtractingClamped(Nanoseconds(UInt64(given * 1e9)))
        }
    }

    /// What was split so far.
    package var truth: Truth.Split {
        let slots = CPULedger.slots
        let names = LoanScenario.allCases.map(\.rawValue) + ["other"]
        let uses = ledgers.indices.map { ledger in
            let all = names.indices.map { slot in
                let index = ledger * slots + slot
                let used = read[index].subtractingClamped(start[index])
                let use = Truth.Use(joules: energy[index] / 1e12, cpuSeconds: used.seconds)
                return (names[slot], use)
            }
            return Dictionary(uniqueKeysWithValues: all)
        }
        return Truth.Split(ledgers: uses, othersJoules: others / 1e12)
    }
}
