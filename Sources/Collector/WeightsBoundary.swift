import Assessment
import Metering
import Weights

/// Whether the hosts that take part are the whole boundary, and what stands against grams of it.
///
/// Hosts' records are taken as they are. Where a plan takes them otherwise, its figures are others.
struct WeightsBoundary {
    let isWhole: Bool
    /// How that is known.
    let words: String
    /// Why no grams are told; empty where they may be.
    private(set) var withoutGrams: [String] = []

    /// `silent` are hosts without a record, `digests` the rules that hosts counted by.
    init(_ request: WeightsRequest, silent: [String], digests: [String: Set<String>]) {
        switch request.hosts {
        case .named: (isWhole, words) = (false, "hosts that were named: a part of the boundary")
        case .all where silent.isEmpty:
            (isWhole, words) = (true, "all hosts with records here, taken to be the whole boundary")
        case .all:
            isWhole = false
            words =
                "all hosts with records here, of which some have none in this period: not whole; "
                + "--plan says which belong to it"
        case .planned(let plan, let site):
            let hosts = PlannedPart(of: plan, at: site, over: request)
            let reasons = hosts.reasons(digests)
            let others = reasons.isEmpty ? "" : "; the plan's boundary is another: "
            isWhole = site == nil && silent.isEmpty && plan.devices.isEmpty && reasons.isEmpty
            words = Self.words(plan, site, silent) + others + reasons.joined(separator: "; ")
            guard let factor = request.factor else { return }
            if !reasons.isEmpty { withoutGrams.append("the plan's boundary is another") }
            withoutGrams += hosts.reasons(against: factor)
        }
    }

    private static func words(_ plan: Plan, _ site: String?, _ silent: [String]) -> String {
        if let site { return "the plan's hosts at \(site): a part of it" }
        if !silent.isEmpty { return "the plan's hosts, of which some have no record: not whole" }
        // A device without an agent has a meter's readings and no windows.
        let devices = plan.devices.count
        if devices > 0 { return "the plan's hosts without its \(devices) devices: not whole" }
        return "all of the plan's hosts"
    }
}

/// The hosts of a plan that take part, and what it says of them.
private struct PlannedPart {
    private let plan: Plan
    private let hosts: [PlannedHost]
    private let period: Interval

    init(of plan: Plan, at site: String?, over request: WeightsRequest) {
        self.plan = plan
        hosts = plan.hosts.compactMap { host in
            var host = host
            host.assignments.removeAll { site != nil && $0.site != site }
            return host.assignments.isEmpty ? nil : host
        }
        period = Interval(
            start: request.stretches.first?.start ?? Timestamp(0),
            end: request.stretches.last?.end ?? Timestamp(0))
    }

    /// What the plan takes otherwise than as its hosts' records tell.
    func reasons(_ digests: [String: Set<String>]) -> [String] {
        hosts.flatMap { reasons(of: $0, digests[$0.id] ?? []) }
            + plan.scenarios.filter { $0.volume != .traffic }
            .map { "\($0.id) is told by its ledger, and counted in traffic here" }
    }

    private func reasons(of host: PlannedHost, _ digests: Set<String>) -> [String] {
        var reasons: [String] = []
        if host.allocation.share != .one {
            let percent = Double(host.allocation.share.rawValue) / 10_000
            reasons.append("host \(host.id) belongs to it with \(percent) %, and all of it is here")
        }
        if host.wallRatio != nil {
            reasons.append("host \(host.id) has a wall ratio, which is not applied here")
        }
        if !host.serves(throughout: period) {
            reasons.append("host \(host.id) is not in service all the time")
        }
        if !plan.ruleDigests.isEmpty, !digests.isSubset(of: plan.ruleDigests) {
            reasons.append("host \(host.id) counted by rules that it does not name")
        }
        return reasons
    }

    /// Why grams by this factor would not be those of the plan's O.
    func reasons(against factor: EmissionFactor) -> [String] {
        var reasons: [String] = []
        if plan.scope == .facility {
            reasons.append(
                "the plan's O is that of the building, times PUE, which is not applied here")
        }
        let sites = Set(hosts.flatMap(\.assignments).map(\.site))
        let named = Set(
            plan.sites.filter { sites.contains($0.id) }.flatMap(\.supplies).map(\.factor))
        let same = plan.factors.filter { own in
            own.id == factor.id
                && own.microgramsPerKilowattHour == factor.microgramsPerKilowattHour
        }
        if !named.isSubset(of: same.map(\.id)) {
            reasons.append(
                "the plan's sites have factors of their own, \(named.sorted().joined(separator: ", ")), "
                    + "and these grams would be by \(factor.id) alone")
        }
        return reasons
    }
}

extension PlannedHost {
    /// Its assignments are in the order of time, without overlap.
    fileprivate func serves(throughout period: Interval) -> Bool {
        var reached = period.start
        for assignment in assignments where (assignment.from ?? Timestamp(0)) <= reached {
            reached = max(reached, assignment.to ?? Timestamp(.max))
        }
        return reached >= period.end
    }
}
