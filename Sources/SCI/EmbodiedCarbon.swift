package import Assessment
package import Metering

/// Why M is not known although the plan includes it.
package enum EmbodiedUnknown: Error, Sendable, Hashable, CustomStringConvertible {
    /// The plan names no model of the machine, or one that it does not describe.
    case noModel(machine: String)
    /// The model has a lifetime of zero.
    case noLifetime(model: String)

    package var description: String {
        switch self {
        case .noModel(let machine): "the model of \(machine) is not in the plan"
        case .noLifetime(let model): "the lifetime of \(model) is zero"
        }
    }
}

/// Grams of CO₂ equivalent as low, typical and high estimate.
package struct EmbodiedGrams: Sendable, Hashable {
    package var low = 0.0
    package var typical = 0.0
    package var high = 0.0

    package init() {}

    mutating func add(_ other: Self) {
        low += other.low
        typical += other.typical
        high += other.high
    }
}

/// M of one machine in a round.
package struct MachineEmbodied: Sendable, Hashable {
    package let machine: Machine
    package let model: HardwareModel
    package let share: PartsPerMillion
    /// Its time in service in the round.
    package let inService: Nanoseconds
    /// The part of it within the life of the hardware. The rest counts nothing.
    package let inLife: Nanoseconds
    package let grams: EmbodiedGrams

    /// Whether the hardware's life ended before its time in service did.
    package var isPastLife: Bool { inLife < inService }
}

/// M of a round: TE · t / EL · share, over all machines in the order of the plan.
///
/// Source: T/CQJR 032.2-2025, 8.2.1 and Annex A b) 3).
package struct EmbodiedCarbon: Sendable, Hashable {
    package let machines: [MachineEmbodied]
    package let grams: EmbodiedGrams
}

/// What a plan says of hardware, to be looked up.
struct PlanHardware {
    private struct Part {
        let model: String?
        let installed: Timestamp?
        let share: PartsPerMillion
    }

    private let isIncluded: Bool
    private let models: [String: HardwareModel]
    private let order: [Machine]
    private let parts: [Machine: Part]

    init(_ plan: Plan) {
        if case .included = plan.embodied { isIncluded = true } else { isIncluded = false }
        models = Dictionary(
            plan.embodied.models.map { ($0.id, $0) }, uniquingKeysWith: { one, _ in one })
        let hosts = plan.hosts.map {
            (
                Machine.host($0.id),
                Part(model: $0.model, installed: $0.installed, share: $0.allocation.share)
            )
        }
        let devices = plan.devices.map {
            (
                Machine.device($0.id),
                Part(model: $0.model, installed: $0.installed, share: $0.allocation.share)
            )
        }
        order = (hosts + devices).map(\.0)
        parts = Dictionary(hosts + devices, uniquingKeysWith: { one, _ in one })
    }

    /// M of a round; `nil` where the plan leaves it out.
    func carbon(of round: AssessedRound) -> Known<EmbodiedCarbon, EmbodiedUnknown>? {
        guard isIncluded else { return nil }
        let segments = Dictionary(grouping: round.segments, by: \.machine)
        var machines: [MachineEmbodied] = []
        var sum = EmbodiedGrams()
        for machine in order {
            guard let intervals = segments[machine]?.map(\.interval), let part = parts[machine]
            else { continue }
            guard let model = part.model.flatMap({ models[$0] }) else {
                return .unknown(.noModel(machine: machine.id))
            }
            guard model.lifetimeHours > 0 else { return .unknown(.noLifetime(model: model.id)) }
            let one = MachineEmbodied(
                machine, model, part.share, intervals, installed: part.installed)
            sum.add(one.grams)
            machines.append(one)
        }
        return .known(EmbodiedCarbon(machines: machines, grams: sum))
    }
}

extension MachineEmbodied {
    fileprivate init(
        _ machine: Machine, _ model: HardwareModel, _ share: PartsPerMillion,
        _ intervals: [Interval], installed: Timestamp?
    ) {
        self.machine = machine
        self.model = model
        self.share = share
        inService = intervals.reduce(.zero) { $0 + $1.length }
        let (life, over) = model.lifetimeHours.multipliedReportingOverflow(
            by: 3_600_000_000_000)
        let lifetime = Nanoseconds(over ? .max : life)
        if let installed {
            let whole = Interval(start: installed, end: installed + lifetime)
            inLife = intervals.compactMap { $0.clamped(to: whole)?.length }.reduce(.zero, +)
        } else {
            inLife = inService
        }
        let part =
            Double(inLife.rawValue) * share.fraction
            / (Double(model.lifetimeHours) * 3_600_000_000_000)
        var grams = EmbodiedGrams()
        grams.low = Double(model.lowGrams) * part
        grams.typical = Double(model.typicalGrams) * part
        grams.high = Double(model.highGrams) * part
        self.grams = grams
    }
}
