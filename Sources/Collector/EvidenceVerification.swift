import Assessment
import Bundle
import Crypto
import Imports
import Metering
import Records
package import Report
import SCI
import Store

/// What a verification of a bundle looked at, and what it found.
package struct EvidenceVerdict: Sendable {
    /// What was computed from the bundle; `nil` where its plan or its records do not allow it.
    package internal(set) var content: PlanReportContent?
    package internal(set) var runs = 0
    package internal(set) var batches = 0
    package internal(set) var records = 0
    /// SHA-256 over the whole bundle, in hexadecimal digits; `nil` where it is not whole.
    package internal(set) var digest: String?
    /// The program that made it, where it is another version than this: its sentences were not compared.
    package internal(set) var otherProgram: String?
    /// Factors of its CSV that neither its plan nor this program has: the word of whoever made it.
    package internal(set) var otherFactors: [String] = []
    /// Whether the file begins as a bundle does; where not, it is none.
    package internal(set) var isBundle = true
    /// One sentence each with its place; empty where the bundle is what its report says.
    package internal(set) var findings: [String] = []
    /// Findings beyond those that are told.
    package internal(set) var more = 0
}

extension Pipeline {
    /// Verifies a bundle with nothing else: its bytes, the chains and signatures of its records, its plans and
    /// imports, and every figure of its report, by computing the report anew. `program` is the version of this program. Throws what `input` throws.
    package static func verify(
        _ input: @escaping EvidenceInput, program: String
    ) throws -> EvidenceVerdict {
        var verdict = EvidenceVerdict()
        let catalog: EvidenceCatalog
        do { catalog = try EvidenceCatalog(try input()) } catch {
            guard error is EvidenceError || error is EvidenceLimit else { throw error }
            verdict.findings = ["\(error)"]
            verdict.isBundle = error as? EvidenceError != .notABundle
            return verdict
        }
        var findings = catalog.findings
        let isOther = catalog.head?.version != program
        if isOther { verdict.otherProgram = catalog.head.map { "\($0.software) \($0.version)" } }
        if var request = catalog.check(&findings) {
            request.keepsOtherWords = isOther
            verdict.otherFactors = EvidenceFactors(table: request.factors).others(
                than: request.plan)
            do {
                let source = EvidenceSource(catalog, input)
                let reading = try PlanReading(request, source)
                let content = PlanReportContent(reading, try RoundHistory.all(reading, source))
                verdict.content = content
                let records = reading.records
                if records.unreadable > 0 {
                    findings.tell(
                        "records that cannot be read, or not under their manifests: "
                            + "\(records.unreadable) (\(records.unreadableList))")
                }
                FigureComparison.compare(
                    catalog.figures ?? [], content, isOther: isOther, &findings)
                // What rounds closed with follows from records too, and says less of what was done.
                try catalog.checkClosings(reading, source, &findings)
            } catch {
                findings.tell("its figures cannot be computed: \(error)")
            }
        }
        verdict.runs = catalog.runs.count
        verdict.batches = catalog.batches
        verdict.records = catalog.records
        verdict.digest = catalog.digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
            .joined()
        verdict.findings = findings.told
        verdict.more = findings.more
        return verdict
    }
}

extension EvidenceCatalog {
    /// Checks the documents; `nil` where no report can be computed with them.
    fileprivate func check(_ findings: inout EvidenceFindings) -> PlanReportRequest? {
        for plan in plans { plan.check(&findings) }
        var latest: UInt64 = 0
        for one in imports {
            one.check(&findings)
            if one.facts.id <= latest { findings.tell("\(one.title) is not in its place") }
            latest = one.facts.id
        }
        var before: EvidenceRevision?
        for one in revisions {
            one.check(of: head?.plan, after: before, &findings)
            before = one.facts
        }
        for (digest, bytes) in manifests {
            do throws(RecordError) { _ = try RecordCodec.decodeManifest(bytes) } catch {
                findings.tell("manifest \(String(digest.rawValue, radix: 16)): \(error)")
            }
        }
        if figures == nil { findings.tell("it has no figures") }
        guard let head else {
            findings.tell("it has no head")
            return nil
        }
        let reported = plans.filter { $0.facts.hash == head.plan }
        guard let plan = reported.first, reported.count == 1 else {
            findings.tell("the plan \(head.plan) that it is of is in it \(reported.count) times")
            return nil
        }
        guard let document = try? PlanDocument.decode(plan.document),
            Set(plans.map(\.facts.hash)).count == plans.count
        else {
            findings.tell("the plan \(head.plan) cannot be read, or a plan is in it twice")
            return nil
        }
        if plan.facts.sealedAt >= document.schedule.start {
            findings.tell(
                "the plan \(head.plan) was sealed at \(plan.facts.sealedAt.rfc3339), after its first "
                    + "round began at \(document.schedule.start.rfc3339)")
        }
        let rounds = (document.schedule.rounds + document.schedule.reserve)
            .multipliedReportingOverflow(by: document.hosts.count + document.devices.count)
        guard !rounds.overflow, rounds.partialValue <= EvidenceSource.maximumRounds else {
            findings.tell("\(EvidenceLimit.rounds(rounds.partialValue))")
            return nil
        }
        let table: FactorTable
        do throws(FactorFileError) {
            table = try FactorTable(csv: factors ?? [], file: "factors")
        } catch {
            findings.tell("\(error)")
            return nil
        }
        for one in EvidenceFactors(table: table).contradictions(to: document) {
            findings.tell(one)
        }
        return PlanReportRequest(
            plan: document, sealed: Store.SealedPlan(plan), factors: table, now: head.made,
            software: PlanReportContent.Software(name: head.software, version: head.version))
    }
}

extension EvidenceCatalog {
    /// That each round closed with the figures of what had come by then.
    fileprivate func checkClosings(
        _ reading: PlanReading, _ source: EvidenceSource, _ findings: inout EvidenceFindings
    ) throws {
        guard let sealed = reading.request.sealed else { return }
        for one in revisions where one.facts.revision == 1 {
            let title = "round \(one.facts.round)"
            guard let index = Int(exactly: one.facts.round).map({ $0 - 1 }),
                reading.closed.contains(where: { $0.round.number == index })
            else {
                findings.tell("\(title) has figures that it closed with, and is not closed")
                continue
            }
            let computed = try RoundDocument.closing(
                index, of: sealed, reading.plan, source, factors: reading.request.factors)
            let isOther =
                reading.request.keepsOtherWords
                || one.facts.software != reading.request.software.text
            if let computed, isOther,
                let kept = try? RoundDocument(decoding: one.bytes), computed.isSame(as: kept)
            {
                continue
            }
            if try computed?.encode() != one.bytes {
                findings.tell(
                    "the figures that \(title) closed with are not those of what had come by then")
            }
        }
    }
}

extension EvidenceCatalog.Revision {
    /// `before` is the one that stands before it.
    fileprivate func check(
        of plan: PlanHash?, after before: EvidenceRevision?, _ findings: inout EvidenceFindings
    ) {
        let title = "revision \(facts.revision) of round \(facts.round)"
        if Array(SHA256.hash(data: bytes)) != facts.digest {
            findings.tell("\(title) was altered: its digest is another")
        } else if let document = try? RoundDocument(decoding: bytes),
            UInt64(document.round) != facts.round || document.plan != plan
        {
            findings.tell("\(title) is of round \(document.round) of the plan \(document.plan)")
        }
        let follows =
            before.map { $0.round == facts.round && $0.revision &+ 1 == facts.revision } ?? false
        let begins = facts.revision == 1 && (before?.round ?? 0) < facts.round
        if !follows, !begins { findings.tell("\(title) is not in its place") }
    }
}

extension EvidenceCatalog.Plan {
    fileprivate func check(_ findings: inout EvidenceFindings) {
        let title = "the plan \(facts.hash)"
        guard Array(SHA256.hash(data: document)) == facts.hash.bytes else {
            return findings.tell("\(title) has a text of another hash")
        }
        // Plans of other times may be of a format that is not read any more.
        if let plan = try? PlanDocument.decode(document), plan.schedule.start != facts.start {
            findings.tell(
                "\(title) begins at \(plan.schedule.start.rfc3339) and is told to begin at "
                    + facts.start.rfc3339)
        }
        for (index, one) in lodgings.enumerated()
        where lodgings[..<index].contains(where: { $0 == one }) {
            findings.tell("\(title): a proof (\(one.kind)) is in it twice")
        }
        for (kind, _, proof) in lodgings {
            guard let kind = Lodging.Kind(rawValue: kind) else {
                findings.tell("\(title): a proof of the unknown kind \(kind)")
                continue
            }
            guard case .timeStamp = kind else { continue }
            do throws(TimeStampError) {
                let stamp = try TimeStampResponse(proof)
                if stamp.hash != facts.hash {
                    findings.tell("\(title): its time stamp is of the hash \(stamp.hash)")
                }
            } catch { findings.tell("\(title): its time stamp cannot be read: \(error)") }
        }
    }
}

extension EvidenceCatalog.Import {
    fileprivate var title: String { "import \(facts.id) (\(facts.kind), \(facts.file))" }

    fileprivate func check(_ findings: inout EvidenceFindings) {
        if Array(SHA256.hash(data: bytes)) != facts.digest {
            findings.tell("\(title) was altered: its digest is another")
        } else if ImportContent(canonical: bytes, kind: facts.kind) == nil {
            findings.tell("\(title) cannot be read")
        }
    }
}
