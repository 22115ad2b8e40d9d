package import Metering

extension PlanReportContent {
    /// What the grams of the result weigh.
    package enum EmissionUnit: String, Sendable, Hashable {
        case carbonDioxide = "gCO2"
        case equivalent = "gCO2e"
        /// O in CO₂ and M in CO₂ equivalent: 混合口径.
        case mixed
    }

    /// The 95 % interval of a mean.
    package struct MeanInterval: Sendable, Hashable {
        package var low: Double
        package var high: Double

        package init(low: Double, high: Double) {
            self.low = low
            self.high = high
        }
    }

    /// The result of the plan. Intensities are grams per unit of business.
    package struct Result: Sendable, Hashable {
        package var unit = EmissionUnit.carbonDioxide
        package var plannedRounds = 0
        package var validRounds = 0
        /// Unweighted over m valid rounds: the headline.
        package var mean: Figure = .unknown(.notGiven)
        /// Over the valid rounds where they are fewer than m: information.
        package var partialMean: Figure = .unknown(.notGiven)
        /// Standard deviation of the sample.
        package var deviation: Figure = .unknown(.notGiven)
        package var interval: Known<MeanInterval, Wording> = .unknown(.notGiven)
        package var ratioOfSums: Figure = .unknown(.notGiven)
        package var relativeDifference: Figure = .unknown(.notGiven)
        /// They differ by more than 5 %.
        package var meansDiffer = false
        /// Of the sums and their ratio, the rounds that the mean is not of: invalid for nothing but R = 0.
        package var roundsWithoutBusiness: [Int] = []
        package var operationalSum: Figure = .unknown(.notGiven)
        package var operationalITSum: Figure = .unknown(.notGiven)
        package var operationalFacilitySum: Figure = .unknown(.notGiven)
        package var operationalMarketSum: Figure = .unknown(.notGiven)
        package var embodiedSum: Known<Embodied, Wording> = .unknown(.notGiven)
        package var unitsSum: Count = .unknown(.notGiven)
        /// The mean with refusals left out of TA.
        package var withoutRefusals: Figure = .unknown(.notGiven)
        /// The mean of the figures that the rounds closed with, whatever came later.
        package var meanAtClosing: Figure = .unknown(.notGiven)
        /// The mean under contracts and certificates: a second line.
        package var marketMean: Figure = .unknown(.notGiven)

        package init() {}
    }

    /// The result under one other choice.
    package struct SensitivityLine: Sendable, Hashable {
        /// What is varied: factor level, M, refusals, scope.
        package var group: Wording
        package var choice: Wording
        package var mean: Figure
        /// Against the headline; 0.1 is 10 % more.
        package var relativeChange: Figure
        /// The choice that the plan made.
        package var isHeadline: Bool

        package init(
            group: Wording, choice: Wording, mean: Figure, relativeChange: Figure,
            isHeadline: Bool = false
        ) {
            self.group = group
            self.choice = choice
            self.mean = mean
            self.relativeChange = relativeChange
            self.isHeadline = isHeadline
        }
    }

    /// A site's electricity and emissions of a calendar month, independent of rounds.
    package struct MonthOfSite: Sendable, Hashable {
        /// `2026-11`.
        package var month: String
        package var site: String
        package var kilowattHours: Figure
        /// Location-based, of O alone.
        package var tonnes: Figure
        /// `tCO2` or `tCO2e`.
        package var unit: String
        package var isSimulated: Bool

        package init(
            month: String, site: String, kilowattHours: Figure, tonnes: Figure, unit: String,
            isSimulated: Bool = false
        ) {
            self.month = month
            self.site = site
            self.kilowattHours = kilowattHours
            self.tonnes = tonnes
            self.unit = unit
            self.isSimulated = isSimulated
        }
    }

    /// TA beside the business ledger over a stretch of time.
    package struct LedgerReconciliation: Sendable, Hashable {
        package var scenario: String
        package var span: Span
        package var counted: Count
        package var ledger: Count
        /// Counted less ledger; `nil` where either is not known.
        package var difference: Int64?
        /// SHA-256 of the import, in hexadecimal digits.
        package var digest: String

        package init(
            scenario: String, span: Span, counted: Count, ledger: Count, difference: Int64?,
            digest: String
        ) {
            self.scenario = scenario
            self.span = span
            self.counted = counted
            self.ledger = ledger
            self.difference = difference
            self.digest = digest
        }
    }

    /// An imported meter beside the sum of the hosts behind it.
    package struct MeterComparison: Sendable, Hashable {
        package var meter: String
        package var span: Span
        package var metered: EnergyPart
        package var summed: Known<EnergyPart, Wording>
        /// Summed over metered.
        package var ratio: Figure
        /// SHA-256 of the import, in hexadecimal digits.
        package var digest: String

        package init(
            meter: String, span: Span, metered: EnergyPart, summed: Known<EnergyPart, Wording>,
            ratio: Figure, digest: String
        ) {
            self.meter = meter
            self.span = span
            self.metered = metered
            self.summed = summed
            self.ratio = ratio
            self.digest = digest
        }
    }

    /// What was imported beside the records.
    package struct ImportLine: Sendable, Hashable {
        /// `meter`, `ledger` or `assets`.
        package var kind: String
        /// SHA-256 of the canonical bytes, in hexadecimal digits.
        package var digest: String
        package var time: Timestamp
        /// Who vouches for it, as was said.
        package var signer: String?
        /// `verified`, `none`, `no_key` or `wrong`.
        package var signature: String
        /// The same in words.
        package var told: Wording

        package init(
            kind: String, digest: String, time: Timestamp, signer: String?, signature: String,
            told: Wording
        ) {
            self.kind = kind
            self.digest = digest
            self.time = time
            self.signer = signer
            self.signature = signature
            self.told = told
        }
    }

    /// The figures of a closed round: those that it closed with, or what later data made of them.
    package struct Revision: Sendable, Hashable {
        package var round: Int
        /// 1 is what the round closed with, the largest what it is now.
        package var revision: Int
        /// When it was computed.
        package var time: Timestamp
        /// What came, and of which host.
        package var reason: Wording
        /// Against the revision before; none of the first.
        package var changes: [Change]
        /// SHA-256 of the figures' document, in hexadecimal digits.
        package var digest = ""
        /// The program that computed it.
        package var software = ""
        /// Whether the store has it, for ever.
        package var isKept = true

        /// Later data made it.
        package var isLate: Bool { revision > 1 }

        package init(
            round: Int, revision: Int, time: Timestamp, reason: Wording, changes: [Change]
        ) {
            self.round = round
            self.revision = revision
            self.time = time
            self.reason = reason
            self.changes = changes
        }

        /// A figure before and after.
        package struct Change: Sendable, Hashable {
            package var figure: Wording
            package var before: Figure
            package var after: Figure

            package init(figure: Wording, before: Figure, after: Figure) {
                self.figure = figure
                self.before = before
                self.after = after
            }
        }
    }
}
