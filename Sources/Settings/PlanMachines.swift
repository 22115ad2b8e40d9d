import Assessment
import Metering

/// What hosts and devices refer to; `nil` where that was refused itself.
struct MachineContext {
    let sites: PlannedNames?
    let models: PlannedNames?
    let embodied: EmbodiedPolicy?
    /// Taken by hosts, so not to be had by devices.
    var hosts: PlannedNames?

    init(sites: [Site]?, embodied: EmbodiedPolicy?) {
        self.sites = sites.map { PlannedNames($0.map(\.id)) }
        models = embodied.map { PlannedNames($0.models.map(\.id)) }
        self.embodied = embodied
    }
}

extension Field {
    /// At least one, none twice.
    func sites(_ factors: FactorUses, scope: ElectricityScope?) -> [Site]? {
        var seen = FirstUses<String>("keep one of the two, or give it another id")
        return elements(1...1_000)?.readAll { field in
            typealias Keys = PlannedKeys.Site
            guard let section = field.section(Keys.all) else { return nil }
            let id = section.required(Keys.id) { field in
                field.identifier().flatMap { seen.claim($0, by: field) ? $0 : nil }
            }
            let name = section.required(Keys.name) { $0.words() }
            let supplies = section.required(Keys.supplies) { $0.supplies(1...100, factors) }
            let market = section.value(Keys.marketSupplies, default: []) {
                $0.supplies(0...100, factors)
            }
            let pue = section.optional(Keys.pue) {
                $0.measuredRatio(in: 1_000_000...4_000_000, "1 to 4")
            }
            if scope == .facility, case .some(.none) = pue, !section.mentions(Keys.pue) {
                section.contradict(
                    "scope facility needs the PUE of every site, and this one has none",
                    Keys.pue.hint)
                return nil
            }
            guard let id, let name, let supplies, let market, let pue else { return nil }
            return Site(
                id: id, name: name, supplies: supplies, marketSupplies: market, pue: pue)
        }
    }

    /// In the order of time: the first from the beginning, each later one from a time on.
    private func supplies(_ count: ClosedRange<Int>, _ factors: FactorUses) -> [Supply]? {
        typealias Keys = PlannedKeys.Supply
        var latest: Timestamp?
        var isFirst = true
        return elements(count)?.readAll { field -> Supply? in
            guard let section = field.section(Keys.all) else { return nil }
            defer { isFirst = false }
            let source = section.required(Keys.source) { $0.words() }
            let factor = section.required(Keys.factor) { factors.use($0) }
            let from = section.optional(Keys.from) { $0.pointInTime() }
            guard let source, let factor, let from else { return nil }
            if isFirst, from != nil {
                return section.field(Keys.from)?.contradict(
                    "the first supply begins with the plan", "leave out `from` of the first")
            }
            if !isFirst {
                guard let from else {
                    section.reportMissing(Keys.from)
                    return nil
                }
                if let latest, from <= latest {
                    return section.field(Keys.from)?.contradict(
                        "is not after the supply before it", "write supplies in the order of time")
                }
                latest = from
            }
            return Supply(from: from, source: source, factor: factor.id)
        }
    }

    /// M for all or for none.
    func embodied() -> EmbodiedPolicy? {
        typealias Keys = PlannedKeys.Embodied
        guard let section = section(Keys.all) else { return nil }
        let reason = section.optional(Keys.omitted) { $0.words() }
        let models = section.optional(Keys.models) { $0.models() }
        guard let reason, let models else { return nil }
        switch (reason, models) {
        case (let reason?, nil): return .omitted(reason: reason)
        case (nil, let models?): return .included(models: models)
        default:
            if section.mentions(Keys.omitted) != section.mentions(Keys.models) {
                return nil
            }
            return contradict(
                "takes one of omitted and models", "\(Keys.omitted.hint); \(Keys.models.hint)")
        }
    }

    private func models() -> [HardwareModel]? {
        typealias Keys = PlannedKeys.Model
        var seen = FirstUses<String>("keep one of the two, or give it another id")
        return elements(1...10_000)?.readAll { field in
            guard let section = field.section(Keys.all) else { return nil }
            let id = section.required(Keys.id) { field in
                field.identifier().flatMap { seen.claim($0, by: field) ? $0 : nil }
            }
            let low = section.required(Keys.low) { $0.grams() }
            let typical = section.required(Keys.typical) { $0.grams() }
            let high = section.required(Keys.high) { $0.grams() }
            let lifetime = section.required(Keys.lifetime) { $0.integer(in: 1...876_000) }
            let source = section.required(Keys.source) { $0.words() }
            guard let id, let low, let typical, let high, let lifetime, let source else {
                return nil
            }
            guard low <= typical, typical <= high else {
                return field.contradict(
                    "low_kg, typical_kg and high_kg do not rise",
                    "write the least, the one to count with and the most; the same thrice where "
                        + "there is only one figure")
            }
            return HardwareModel(
                id: id, lowGrams: low, typicalGrams: typical, highGrams: high,
                lifetimeHours: UInt64(lifetime), source: source)
        }
    }
}

extension Field {
    /// At least one, none twice.
    func hosts(_ context: MachineContext) -> [PlannedHost]? {
        var seen = FirstUses<String>("keep one of the two, or give it another id")
        return elements(1...10_000)?.readAll { field in
            typealias Keys = PlannedKeys.Host
            guard let section = field.section(Keys.all) else { return nil }
            let id = section.required(Keys.id) { field in
                field.identifier().flatMap { seen.claim($0, by: field) ? $0 : nil }
            }
            let role = section.required(Keys.role) { $0.words() }
            let assignments = section.assignments(context)
            let allocation = section.value(Keys.share, default: .dedicated) { $0.allocation() }
            let ratio = section.optional(Keys.wallRatio) {
                $0.measuredRatio(in: 1_000_000...5_000_000, "1 to 5")
            }
            let hardware = section.hardware(context)
            guard let id, let role, let assignments, let allocation, let ratio, let hardware
            else { return nil }
            return PlannedHost(
                id: id, role: role, assignments: assignments, allocation: allocation,
                wallRatio: ratio, model: hardware.model, installed: hardware.installed)
        }
    }

    /// None twice, and none with the name of a host: asset lists name either.
    func devices(_ context: MachineContext) -> [PlannedDevice]? {
        var seen = FirstUses<String>("keep one of the two, or give it another id")
        return elements(0...10_000)?.readAll { field in
            typealias Keys = PlannedKeys.Device
            guard let section = field.section(Keys.all) else { return nil }
            let id = section.required(Keys.id) { field -> String? in
                guard let id = field.identifier(), seen.claim(id, by: field) else { return nil }
                return context.hosts?.set.contains(id) == true
                    ? field.reject(id, "is the id of a host", "give the device a name of its own")
                    : id
            }
            let role = section.required(Keys.role) { $0.words() }
            let site = section.required(Keys.site) {
                $0.reference(to: "site", among: context.sites)
            }
            let meter = section.required(Keys.meter) { field -> String? in
                guard let meter = field.words() else { return nil }
                return context.hosts?.set.contains(meter) == true
                    ? field.reject(
                        meter, "is the id of a host, whose own meter goes by that name",
                        "give the device's meter a name of its own") : meter
            }
            let allocation = section.value(PlannedKeys.Host.share, default: .dedicated) {
                $0.allocation()
            }
            let hardware = section.hardware(context)
            guard let id, let role, let site, let meter, let allocation, let hardware else {
                return nil
            }
            return PlannedDevice(
                id: id, role: role, site: site, meter: meter, allocation: allocation,
                model: hardware.model, installed: hardware.installed)
        }
    }
}

extension Section {
    /// One site for all the time, or several, one after the other.
    fileprivate func assignments(_ context: MachineContext) -> [Assignment]? {
        typealias Keys = PlannedKeys.Host
        switch (field(Keys.site), field(Keys.assignments)) {
        case (let site?, nil):
            return site.reference(to: "site", among: context.sites).map { [Assignment(site: $0)] }
        case (nil, let list?): return list.assignments(context)
        case (_?, let list?):
            return list.contradict(
                "not together with site", "keep site for a host that stays where it is")
        case (nil, nil):
            if !mentions(Keys.assignments) { reportMissing(Keys.site) }
            return nil
        }
    }

    /// A model for every host and device, or for none.
    fileprivate func hardware(
        _ context: MachineContext
    ) -> (model: String?, installed: Timestamp?)? {
        typealias Keys = PlannedKeys.Host
        let isIncluded: Bool? =
            switch context.embodied {
            case .included?: true
            case .omitted?: false
            case nil: nil
            }
        for key in [Keys.model, Keys.installed] where isIncluded == false {
            if let field = field(key) {
                return field.contradict(
                    "not where embodied omits M",
                    "M counts for all hosts and devices or for none: "
                        + "leave it out, or write embodied: {models: [...]}")
            }
        }
        let model = optional(Keys.model) { $0.reference(to: "model", among: context.models) }
        let installed = optional(Keys.installed) { $0.pointInTime() }
        guard let model, let installed else { return nil }
        if isIncluded == true, model == nil {
            reportMissing(Keys.model)
            return nil
        }
        return (model, installed)
    }
}

extension Field {
    /// In the order of time, without overlap.
    fileprivate func assignments(_ context: MachineContext) -> [Assignment]? {
        typealias Keys = PlannedKeys.Assignment
        let order =
            "write assignments in the order of time; one ends where or before the next begins"
        var previous: Assignment?
        return elements(1...100)?.readAll { field in
            guard let section = field.section(Keys.all) else { return nil }
            let site = section.required(Keys.site) {
                $0.reference(to: "site", among: context.sites)
            }
            let from = section.optional(Keys.from) { $0.pointInTime() }
            let to = section.optional(Keys.to) { $0.pointInTime() }
            guard let site, let from, let to else { return nil }
            if let from, let to, to <= from {
                return section.field(Keys.to)?.contradict("is not after `from`", order)
            }
            if let previous {
                guard let end = previous.to else {
                    return field.contradict(
                        "follows an assignment that has no end", "write `to` of the one before")
                }
                guard let from else {
                    section.reportMissing(Keys.from)
                    return nil
                }
                guard end <= from else {
                    return section.field(Keys.from)?.contradict(
                        "is before the end of the assignment before it", order)
                }
            }
            let assignment = Assignment(site: site, from: from, to: to)
            previous = assignment
            return assignment
        }
    }
}
