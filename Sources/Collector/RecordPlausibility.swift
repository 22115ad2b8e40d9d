import Metering

/// Why no host can have done what a record tells. One such number decides a regression by itself, so that
/// its record takes no part and is named.
enum ImplausibleRecord: Hashable, CustomStringConvertible {
    /// More exchanges or flows than a window can hold.
    case counts(UInt64, Nanoseconds)
    /// Exchanges whose packets alone take longer to read than the host was busy.
    case idle(UInt64, busy: Nanoseconds)
    /// Exchanges of scenarios, and fewer in all.
    case parts(UInt64, of: UInt64)
    /// More CPU time than a host's processors have.
    case processors(Nanoseconds, Nanoseconds)
    /// More energy than a host draws.
    case energy(Microjoules, Nanoseconds)
    /// Energy that was carried from before there was a clock.
    case carried(Nanoseconds, before: Timestamp)
    /// Counts that exceed 64 bits together with those of other records.
    case sum

    /// What one exchange takes of a processor at least: an agent reads its packets in one thread, and reading
    /// them takes five times as long at best. So no window holds more than 10,000,000 a second.
    static let exchange = Nanoseconds(100)
    /// What a reading may be late by, in time that passed and in time that was used.
    static let slack = Nanoseconds.seconds(1)
    /// Most processors of a host.
    ///
    /// Source: Linux arch/x86/Kconfig, NR_CPUS_RANGE_END: 8192 at most.
    static let processors: UInt64 = 8_192
    /// Most that a host draws: a thousand times what a full server does. In watts, which are microjoules a
    /// microsecond.
    static let watts: UInt64 = 1_000_000

    /// The first that holds of a record; `nil` of one that tells what can be.
    init?(_ record: Record) {
        // Either alone may be anything: the time of the label is the one that windows are made of.
        let label = record.window.end.since(record.window.start)
        let length = min(label, record.window.duration) + Self.slack
        let found =
            Self.counts(record.tally, length) ?? Self.use(record.processor, length)
            ?? Self.contradiction(record) ?? Self.energy(record, length)
        guard let found else { return nil }
        self = found
    }

    private static func counts(_ tally: Tally, _ length: Nanoseconds) -> Self? {
        let most = length.rawValue / exchange.rawValue
        let counts = tally.scenarios.flatMap { [$0.requests, $0.flows] } + [tally.exchanges]
        if let count = counts.max(), count > most { return .counts(count, length) }
        // Of at most 256 scenarios, each within the bound.
        let matched = tally.scenarios.reduce(0 as UInt64) { $0.addingClamped($1.requests) }
        return matched > tally.exchanges ? .parts(matched, of: tally.exchanges) : nil
    }

    private static func use(_ processor: ProcessorTime, _ length: Nanoseconds) -> Self? {
        let (most, over) = length.rawValue.multipliedReportingOverflow(by: processors)
        guard !over else { return nil }
        let used = services(processor)
        let highest = max(used, processor.hostBusy.value ?? .zero)
        return highest.rawValue > most ? .processors(highest, length) : nil
    }

    private static func services(_ processor: ProcessorTime) -> Nanoseconds {
        processor.services.reduce(.zero) { $0 + ($1.value ?? .zero) }
    }

    private static func contradiction(_ record: Record) -> Self? {
        guard let busy = record.processor.hostBusy.value else { return nil }
        let used = max(busy, services(record.processor))
        let count = record.tally.exchanges
        let most = (used + slack).rawValue / exchange.rawValue
        return count > most ? .idle(count, busy: used) : nil
    }

    /// What is carried comes from windows before, of a length of their own; a zone that was not read then
    /// has its part of them in its own energy.
    private static func energy(_ record: Record, _ length: Nanoseconds) -> Self? {
        guard let energy = record.energy.value else { return nil }
        guard let carried = record.carried else { return drawn(energy, in: length) }
        let start = record.window.start
        guard carried.time.rawValue <= start.rawValue else {
            return .carried(carried.time, before: start)
        }
        return drawn(carried.energy, in: carried.time + slack)
            ?? drawn(energy, in: length + carried.time)
    }

    private static func drawn(_ energy: Microjoules, in length: Nanoseconds) -> Self? {
        // 64 bits of microjoules are less than a host can draw in a length that is over.
        let (most, over) = (length.rawValue / 1_000).multipliedReportingOverflow(by: watts)
        return !over && energy.rawValue > most ? .energy(energy, length) : nil
    }

    var description: String {
        switch self {
        case .counts(let count, let length):
            "\(count) exchanges or flows in \(Self.seconds(length)), where no host does more than "
                + "\(1_000_000_000 / Self.exchange.rawValue) a second"
        case .idle(let count, let busy):
            "\(count) exchanges of a host that was busy for \(Self.seconds(busy)): reading their packets "
                + "alone takes longer"
        case .parts(let count, let all):
            "\(count) exchanges of its scenarios, and \(all) in all"
        case .processors(let time, let length):
            "\(Self.seconds(time)) of CPU time in \(Self.seconds(length)), where no host has more than "
                + "\(Self.processors) processors"
        case .energy(let energy, let length):
            "\(energy.joules) J in \(Self.seconds(length)), where no host draws more than \(Self.watts) W"
        case .carried(let time, let start):
            "energy of \(Self.seconds(time)) before its start, which is "
                + "\(Self.seconds(Nanoseconds(start.rawValue))) after 1970 began"
        case .sum: "counts that exceed 64 bits together with those of other records"
        }
    }

    private static func seconds(_ length: Nanoseconds) -> String { "\(length.seconds) s" }
}
