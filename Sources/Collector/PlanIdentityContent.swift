import Assessment
import Bundle
import Crypto
import Metering
import Report
import SCI
import Store

// What was fixed before the first round, and what became of it.
extension PlanReportContent.PlanIdentity {
    static let unsealed = Wording(zh: "计划未封存", en: "the plan is not sealed")

    init(_ plan: Plan, _ sealed: Store.SealedPlan?) {
        let schedule = plan.schedule
        let length = schedule.length.rawValue.multipliedClamped(UInt64(max(0, schedule.rounds)))
        self.init(
            title: plan.title, organization: plan.organization, contact: plan.contact,
            boundary: plan.boundary,
            period: PlanReportContent.Span(
                from: schedule.start, to: schedule.start + Nanoseconds(length)))
        hash = (sealed?.hash.description).orUnknown(Self.unsealed)
        self.sealed = (sealed?.sealedAt).orUnknown(Self.unsealed)
        lodging = sealed.map(Self.lodging) ?? .unknown(Self.unsealed)
        exclusions = plan.exclusions
        rounds = schedule.rounds
        reserve = schedule.reserve
        roundSeconds = schedule.length.seconds
        graceSeconds = schedule.grace.seconds
        justification = schedule.justification
        scope = PlanReportContent.Scope(plan.scope)
        minimumCoverage = plan.validity.minimumCoverage.fraction
        fullCoverage = plan.validity.fullCoverage.fraction
        maximumClockErrorMilliseconds = plan.validity.maximumClockError.seconds * 1000
        ruleDigests = plan.ruleDigests
        switch plan.embodied {
        case .omitted(let reason): embodied = .omitted(reason: Wording(reason))
        case .included(let models):
            embodied = .included(sources: models.map { "\($0.id): \($0.source)" })
        }
    }

    /// The earliest proof that somebody outside knew the hash.
    private static func lodging(
        _ plan: Store.SealedPlan
    ) -> Known<PlanReportContent.Lodging, Wording> {
        plan.lodgings.map(PlanReportContent.Lodging.init).min { $0.time < $1.time }
            .orUnknown(Wording(zh: "未提交给任何第三方", en: "it was lodged with nobody"))
    }
}

extension PlanReportContent.Lodging {
    /// A time stamp has its own time; a note that of its coming into the store.
    init(_ lodging: Store.Lodging) {
        let digest = "SHA-256 " + Array(SHA256.hash(data: lodging.proof)).hexadecimal
        switch lodging.kind {
        case .timeStamp:
            let time = (try? TimeStampResponse(lodging.proof))?.time ?? lodging.at
            self.init(holder: "RFC 3161", time: time, proof: digest)
        case .note:
            self.init(
                holder: String(decoding: lodging.proof, as: UTF8.self), time: lodging.at,
                proof: digest)
        }
    }
}

extension PlanReportContent.Scope {
    init(_ scope: ElectricityScope) {
        switch scope {
        case .equipment: self = .equipment
        case .facility: self = .facility
        }
    }
}

extension PlanReportContent.Standing {
    /// What a report may be called: only a plan sealed in time and followed to its end has a result.
    init(_ reading: PlanReading, _ damage: DamagedRecords?) {
        let figures = reading.figures
        guard let sealed = reading.request.sealed else {
            self = .notAssessment(PlanReportContent.PlanIdentity.unsealed)
            return
        }
        if sealed.isLate {
            self = .notAssessment(
                Wording(
                    zh: "计划在第一轮开始后封存（\(Notation.utc(sealed.sealedAt))）",
                    en: "the plan was sealed after its first round began, at "
                        + Notation.utc(sealed.sealedAt)))
        } else if let end = sealed.abandonment {
            self = .notAssessment(
                Wording(
                    zh: "计划已放弃（\(Notation.utc(end.at))）：\(end.reason)",
                    en: "the plan was abandoned at \(Notation.utc(end.at)): \(end.reason)"))
        } else if let damage {
            self = .incomplete(damage.wording)
        } else if figures.isComplete {
            self = .assessment
        } else {
            self = .incomplete(.lacking(reading))
        }
    }
}

extension Wording {
    /// How many valid rounds there are of how many, and how many may still come.
    static func lacking(_ reading: PlanReading) -> Wording {
        let figures = reading.figures
        let open = reading.rounds.count - figures.rounds.count
        let (planned, valid) = (figures.summary.rounds, figures.summary.validRounds)
        return Wording(
            zh: "计划 \(planned) 轮，有效 \(valid) 轮，尚有 \(open) 轮未关闭",
            en: "\(valid) of \(planned) rounds are valid, and \(open) are not closed yet")
    }
}

extension PlanReportContent.SealedPlan {
    /// A plan of the store; `reported` where it is the one that the report is on.
    init(_ sealed: Store.SealedPlan, reported: Bool, at now: Timestamp) {
        let plan = try? PlanDocument.decode(sealed.document)
        let schedule = plan?.schedule
        let length = schedule.map {
            $0.length.rawValue.multipliedClamped(UInt64(max(0, $0.rounds)))
        }
        let end = sealed.start + Nanoseconds(length ?? 0)
        self.init(
            title: plan?.title ?? "—", hash: sealed.hash.description, sealed: sealed.sealedAt,
            period: PlanReportContent.Span(from: sealed.start, to: end),
            fate: Self.fate(sealed, isReadable: plan != nil, reported, end, now))
    }

    private static func fate(
        _ sealed: Store.SealedPlan, isReadable: Bool, _ reported: Bool, _ end: Timestamp,
        _ now: Timestamp
    ) -> Wording {
        var parts: [Wording] = []
        if !isReadable { parts.append(Wording(zh: "文本无法读取", en: "its text cannot be read")) }
        if sealed.isLate {
            parts.append(Wording(zh: "封存过迟", en: "sealed after its first round began"))
        }
        if let end = sealed.abandonment {
            parts.append(Wording(zh: "已放弃：\(end.reason)", en: "abandoned: \(end.reason)"))
        }
        if reported {
            parts.append(Wording(zh: "本报告", en: "reported here"))
        } else if sealed.abandonment == nil {
            parts.append(
                now < sealed.start
                    ? Wording(zh: "尚未开始", en: "not begun")
                    : now < end
                        ? Wording(zh: "进行中", en: "under way")
                        : Wording(zh: "计划轮次已结束", en: "its planned rounds are over"))
        }
        return Wording(
            zh: parts.map(\.zh).joined(separator: "；"),
            en: parts.map(\.en).joined(separator: "; "))
    }
}

extension PlanReportContent.AssetComparison {
    init(_ assets: [Asset], digest: String, _ plan: Plan) {
        self.init()
        self.digest = digest
        listed = UInt64(assets.count)
        let machines =
            plan.hosts.map {
                (id: $0.id, site: Self.sites($0).joined(separator: ", "), role: $0.role)
            } + plan.devices.map { (id: $0.id, site: $0.site, role: $0.role) }
        let planned = Set(machines.map(\.id))
        let named = Set(assets.compactMap(\.plannedAs))
        inBoundary = UInt64(assets.filter { $0.plannedAs.map(planned.contains) ?? false }.count)
        outside = assets.filter { $0.plannedAs == nil }.map {
            Difference(id: $0.id, site: $0.site, role: $0.role)
        }
        notPlanned = assets.compactMap { asset in
            guard let name = asset.plannedAs, !planned.contains(name) else { return nil }
            return Difference(
                id: asset.id, site: asset.site, role: asset.role,
                reason: Wording(
                    zh: "清单称其为 \(name)，计划中没有", en: "listed as \(name), which is not planned"))
        }
        notListed = machines.filter { !named.contains($0.id) }.map {
            Difference(id: $0.id, site: $0.site, role: $0.role)
        }
    }

    static func sites(_ host: PlannedHost) -> [String] {
        var seen: Set<String> = []
        return host.assignments.map(\.site).filter { seen.insert($0).inserted }
    }
}

extension UInt64 {
    /// The product, or the largest value where it would not fit.
    func multipliedClamped(_ other: UInt64) -> UInt64 {
        let (product, over) = multipliedReportingOverflow(by: other)
        return over ? .max : product
    }
}
