package import Metering

/// Everything the report on a plan shows, computed elsewhere: this target only writes it down.
///
/// What is not known says why, and is never a zero. Grams are of the gas that `Result.unit` names;
/// times are UTC, spans half-open. Lists are shown in the order in which they stand.
package struct PlanReportContent: Sendable, Hashable {
    /// A half-open stretch of time.
    package typealias Span = ReportContent.Span
    /// A number, or why there is none.
    package typealias Figure = Known<Double, Wording>
    /// A whole number, or why there is none.
    package typealias Count = Known<UInt64, Wording>

    /// What the report may be called.
    package enum Standing: Sendable, Hashable {
        /// A plan sealed before its first round, and all of its rounds valid: 评估报告.
        case assessment
        /// A plan sealed in time, and fewer valid rounds than planned, or records that are not those that
        /// came: 评估未完成.
        case incomplete(Wording)
        /// No plan sealed in time: 非评估结果, and no figure is called SCI_CF.
        case notAssessment(Wording)
    }

    /// The program that computed the figures.
    package struct Software: Sendable, Hashable {
        package var name: String
        package var version: String

        package init(name: String, version: String) {
            self.name = name
            self.version = version
        }
    }

    /// A heading and what is said under it.
    package struct Statement: Sendable, Hashable {
        package var subject: Wording
        package var text: Wording

        package init(subject: Wording, text: Wording) {
            self.subject = subject
            self.text = text
        }
    }

    /// What lets an assessor verify the report without trusting it.
    package struct Evidence: Sendable, Hashable {
        /// Root over the records of all rounds, in hexadecimal digits.
        package var recordsRoot: Known<String, Wording> = .unknown(.notGiven)
        /// Whose keys signed what: agents, imports.
        package var signers: [String] = []
        /// The command that recomputes every figure offline.
        package var verifierCommand: Known<String, Wording> = .unknown(.notGiven)

        package init() {}
    }

    package var standing: Standing
    package var generated: Timestamp
    package var software: Software
    /// Energy of simulated counters is in the figures.
    package var isSimulated = false
    package var plan: PlanIdentity
    /// Every plan sealed for the boundary, abandoned ones too, this one among them.
    package var plans: [SealedPlan] = []
    package var assets: Known<AssetComparison, Wording> = .unknown(.notGiven)
    package var hosts: [Host] = []
    package var factors: [FactorDocument] = []
    /// All rounds, the invalid and the reserve ones too, in the order of time.
    package var rounds: [Round] = []
    package var result = Result()
    /// Of the rounds that the result is the mean of.
    package var scenarios: [Scenario] = []
    /// Of the rounds that the result is the mean of.
    package var energy: Known<Energy, Wording> = .unknown(.notGiven)
    /// Of the rounds that the result is the mean of, by source and scope.
    package var sources: [SourceEnergy] = []
    /// Of the rounds that the result is the mean of.
    package var sites: [SiteEnergy] = []
    package var sensitivity: [SensitivityLine] = []
    package var months: [MonthOfSite] = []
    package var reconciliations: [LedgerReconciliation] = []
    package var meterComparisons: [MeterComparison] = []
    /// Every import whose values count.
    package var imports: [ImportLine] = []
    /// Every revision of every closed round of a sealed plan, by round and revision.
    package var revisions: [Revision] = []
    package var rules: [ReportContent.Rule] = []
    package var losses: [ReportContent.Loss] = []
    package var alerts: [ReportContent.Alert] = []
    package var uncertainties: [Statement] = []
    /// Why the records are not those that came, where they are not.
    package var damage: Wording?
    /// What was found of Table 2's weights in this boundary.
    package var weightsCheck: Known<Wording, Wording> = .unknown(
        Wording(zh: "未检验", en: "not checked"))
    /// How the result compares with an earlier one by the identical method.
    package var baseline: Known<Wording, Wording> = .unknown(
        Wording(zh: "未作基线比较", en: "not compared with a baseline"))
    package var evidence = Evidence()

    package init(
        standing: Standing, generated: Timestamp, software: Software, plan: PlanIdentity
    ) {
        self.standing = standing
        self.generated = generated
        self.software = software
        self.plan = plan
    }
}

extension PlanReportContent {
    /// When the last of the rounds in reserve ends that take the place of others; `nil` where none does.
    var reserveEnd: Timestamp? {
        rounds.compactMap { round in
            if case .replaces = round.use { round.span.to } else { nil }
        }.max()
    }
}
