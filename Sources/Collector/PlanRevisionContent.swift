import Assessment
import Bundle
import Chain
import Metering
import Report
import SCI

// What the rounds closed with, and what later data changed.
extension PlanReportContent {
    mutating func addRevisions(_ histories: [Int: RoundHistory], _ reading: PlanReading) {
        let ordered = histories.sorted { $0.key < $1.key }.map(\.value)
        revisions = ordered.flatMap { history in
            history.revisions.enumerated().map { index, revision in
                Revision(
                    revision, after: index > 0 ? history.revisions[index - 1] : nil,
                    round: history.round, onAlteredFlows: reading.records.hasAlteredCompletions)
            }
        }
        guard reading.request.sealed != nil else {
            result.meanAtClosing = .unknown(PlanIdentity.unsealed)
            return
        }
        let closing = ordered.compactMap { history in
            history.revisions.first.map { first in
                (
                    number: history.round - 1,
                    gramsPerUnit: first.document.isValid
                        ? first.document.intensity.flatMap { Double($0) } : nil
                )
            }
        }
        result.meanAtClosing = meanOfKept(
            closing, planned: reading.plan.schedule.rounds
        ).orUnknown(
            Wording(
                zh: "关闭时的有效轮次少于计划轮次",
                en: "fewer rounds than planned were valid as they closed"))
    }
}

extension PlanReportContent.Revision {
    init(
        _ revision: RoundHistory.Revision, after before: RoundHistory.Revision?, round: Int,
        onAlteredFlows: Bool
    ) {
        let reason: Wording
        var changes: [Change] = []
        if let before {
            let difference = RevisionDifference(
                before: before.document, after: revision.document)
            reason = difference.reason(
                before.software, revision.software,
                onAlteredFlows: onAlteredFlows && !revision.isKept)
            changes = difference.changes
        } else {
            reason = Wording(zh: "本轮关闭时的数值", en: "what the round closed with")
        }
        self.init(
            round: round, revision: revision.number, time: revision.computedAt, reason: reason,
            changes: changes)
        digest = RoundDocument.digest(of: revision.bytes).hexadecimal
        software = revision.software
        isKept = revision.isKept
    }
}

/// What differs between two revisions of a round, in words and figures.
struct RevisionDifference {
    let before: RoundDocument
    let after: RoundDocument

    /// Why there is a new one: what came, and whether the round is now valid.
    func reason(
        _ oldSoftware: String, _ newSoftware: String, onAlteredFlows: Bool
    ) -> Wording {
        var parts = hosts + imports
        if parts.isEmpty, onAlteredFlows {
            parts.append(
                Wording(
                    zh: "存储中的完成标记被改动，须从备份恢复；verify 指明位置",
                    en: "rows of completions were altered: restore the store from a backup; "
                        + "verify names the places"))
        }
        if parts.isEmpty, oldSoftware != newSoftware {
            parts.append(
                Wording(
                    zh: "由 \(newSoftware) 计算，先前为 \(oldSoftware)",
                    en: "computed by \(newSoftware), before by \(oldSoftware)"))
        }
        if parts.isEmpty {
            parts.append(
                Wording(
                    zh: "本轮之外的记录表明有业务在别处已计数",
                    en: "records outside the round tell of flows that were counted elsewhere"))
        }
        switch (before.isValid, after.isValid) {
        case (false, true): parts.append(Wording(zh: "本轮现为有效", en: "the round is valid now"))
        case (true, false):
            let problems = after.problems.joined(separator: "; ")
            parts.append(
                Wording(
                    zh: "本轮现为无效：\(problems)", en: "the round is no longer valid: \(problems)"))
        default: break
        }
        return Wording(
            zh: parts.map(\.zh).joined(separator: "；"), en: parts.map(\.en).joined(separator: "; "))
    }

    /// Hosts that lack records they had, or whose records are others though none came: somebody, or a disk,
    /// changed them.
    var altered: [String] {
        let new = Dictionary(
            after.machines.map { ($0.id, $0) }, uniquingKeysWith: { one, _ in one })
        return before.machines.filter { $0.isDamaged(in: new[$0.id]) }.map(\.id)
    }

    /// Hosts with other records than before, with the sequences that came.
    private var hosts: [Wording] {
        let old = Dictionary(
            before.machines.map { ($0.id, $0) }, uniquingKeysWith: { one, _ in one })
        return after.machines.compactMap { machine in
            let was = old[machine.id]
            guard machine.recordsRoot != was?.recordsRoot else { return nil }
            guard was?.isDamaged(in: machine) != true else {
                return Wording(
                    zh: "\(machine.id) 的已存记录被改动或损坏，须从备份恢复；verify 指明位置",
                    en:
                        "stored records of \(machine.id) were altered or destroyed: restore the store from "
                        + "a backup; verify names the places")
            }
            let (now, then) = (machine.received, was?.received ?? 0)
            let count = now >= then ? "+\(now - then)" : "−\(then - now)"
            let came = machine.stretches(since: was)
            let list = came.prefix(4).joined(separator: ", ") + (came.count > 4 ? ", …" : "")
            return Wording(
                zh: "\(machine.id) 迟到记录 \(count)（\(list)）",
                en: "late records of \(machine.id): \(count) (\(list))")
        }
    }

    private var imports: [Wording] {
        let new = Set(after.imports).subtracting(before.imports).sorted()
        let gone = Set(before.imports).subtracting(after.imports).sorted()
        return new.map {
            Wording(zh: "新导入 \($0.prefix(16))", en: "import \($0.prefix(16)) came")
        }
            + gone.map {
                Wording(
                    zh: "导入 \($0.prefix(16)) 被后来者取代",
                    en: "import \($0.prefix(16)) was replaced by a later one")
            }
    }

    /// Every figure that is another one, those of the round before those of its hosts.
    var changes: [PlanReportContent.Revision.Change] {
        var changes: [PlanReportContent.Revision.Change] = []
        func add(_ zh: String, _ en: String, _ path: (RoundDocument) -> Double?) {
            let (old, new) = (path(before), path(after))
            guard old != new else { return }
            changes.append(
                .init(
                    figure: Wording(zh: zh, en: en), before: old.orUnknown(.notKnown),
                    after: new.orUnknown(.notKnown)))
        }
        add("SCIʲ", "SCIʲ") { $0.intensity.flatMap { Double($0) } }
        add("O g", "O g") { $0.operational.flatMap { Double($0) } }
        add("M g", "M g") { $0.embodied.flatMap { Double($0) } }
        add("R", "R") { $0.units.map { Double($0) } }
        add("电能 kWh", "energy, kWh") { kilowattHours($0.machines.compactMap(\.energy)) }
        add("补估电能 kWh", "imputed energy, kWh") {
            $0.machines.compactMap(\.energy).reduce(0) {
                $0 + Double($1.imputed.rawValue)
            } / RoundIntensity.microjoulesPerKilowattHour
        }
        add("机群覆盖率", "coverage of the fleet") { Double($0.coverage) }
        for scenario in after.scenarios {
            add("TA \(scenario.id)", "TA \(scenario.id)") { document in
                document.scenarios.first { $0.id == scenario.id }?.volume.map { Double($0) }
            }
        }
        let old = Dictionary(
            before.machines.map { ($0.id, $0) }, uniquingKeysWith: { one, _ in one })
        for machine in after.machines where old[machine.id] != machine {
            let was = old[machine.id]
            let energies = (was?.energy, machine.energy)
            if energies.0 != energies.1 {
                changes.append(
                    .init(
                        figure: Wording(
                            zh: "\(machine.id) 电能 kWh", en: "energy of \(machine.id), kWh"),
                        before: kilowattHours([energies.0].compactMap { $0 }).orUnknown(.notKnown),
                        after: kilowattHours([energies.1].compactMap { $0 }).orUnknown(.notKnown)))
            }
            if was?.covered != machine.covered {
                changes.append(
                    .init(
                        figure: Wording(
                            zh: "\(machine.id) 覆盖时间 s", en: "covered time of \(machine.id), s"),
                        before: (was?.covered.seconds).orUnknown(.notKnown),
                        after: .known(machine.covered.seconds)))
            }
        }
        return changes
    }

    private func kilowattHours(_ energies: [EnergyStates]) -> Double? {
        guard !energies.isEmpty else { return nil }
        let sum = energies.reduce(Microjoules.zero) { $0 + $1.total }
        return Double(sum.rawValue) / RoundIntensity.microjoulesPerKilowattHour
    }
}

extension Wording {
    fileprivate static let notKnown = Wording(zh: "未知", en: "not known")
}

extension RoundDocument.Machine {
    fileprivate var received: UInt64 {
        runs.reduce(0) { sum, run in
            run.stretches.reduce(sum) { $0.addingClamped($1.received) }
        }
    }

    /// Whether what was here is not there any more, or is something else.
    fileprivate func isDamaged(in later: Self?) -> Bool {
        guard recordsRoot != later?.recordsRoot else { return false }
        guard let later, runs != later.runs, received <= later.received else { return true }
        return runs.contains { run in
            let now = later.runs.first { $0.run == run.run }?.stretches ?? []
            return run.stretches.contains { !$0.parts(outside: now).isEmpty }
        }
    }

    /// Stretches of sequences that were not there before, as `run:first–last`.
    fileprivate func stretches(since before: Self?) -> [String] {
        runs.flatMap { run -> [String] in
            let name = String(run.run.rawValue, radix: 16)
            let old = before?.runs.first { $0.run == run.run }?.stretches ?? []
            return run.stretches.flatMap { $0.parts(outside: old) }.map {
                $0.first == $0.last ? "\(name):\($0.first)" : "\(name):\($0.first)–\($0.last)"
            }
        }
    }
}

extension RoundDocument.Stretch {
    /// What of it lies in none of these, which are in order.
    fileprivate func parts(outside others: [Self]) -> [(first: UInt64, last: UInt64)] {
        var parts: [(first: UInt64, last: UInt64)] = []
        var next: UInt64? = first
        for other in others where other.last >= first && other.first <= last {
            guard let start = next else { break }
            if other.first > start { parts.append((start, other.first - 1)) }
            next = other.last < .max ? max(start, other.last + 1) : nil
        }
        if let start = next, start <= last { parts.append((start, last)) }
        return parts
    }
}
