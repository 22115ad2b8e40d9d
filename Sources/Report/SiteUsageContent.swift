package import Metering

/// What the sites of a plan used by roll-ups, ready to be shown: information, no assessment.
package struct SiteUsageContent: Sendable {
    /// A stretch of time of one site.
    package struct Line: Sendable {
        package let from: Timestamp
        package let to: Timestamp
        /// The site's id; `nil` for hosts that the plan has at no site at the time.
        package let site: String?
        /// Hosts with a record.
        package var hosts = 0
        package var energy: Microjoules = .zero
        /// Time of hosts for which energy is known, over the hosts' time at the site; `nil` without any.
        package var known: Double?
        /// O of the hosts, location-based, in tonnes; `nil` where no factor is planned.
        package var tonnes: Double?
        /// O times the site's PUE; `nil` where the plan tells none.
        package var facilityTonnes: Double?
        /// `tCO2`, `tCO2e` or `mixed`.
        package var unit = ""
        /// The ids of the factors, in order.
        package var factors: [String] = []
        package var isSimulated = false

        package init(from: Timestamp, to: Timestamp, site: String?) {
            self.from = from
            self.to = to
            self.site = site
        }
    }

    /// SHA-256 of the plan that says where hosts stand.
    package let plan: String
    package let from: Timestamp
    package let to: Timestamp
    /// Hours that days and months are ahead of UTC.
    package let offsetHours: Int64
    /// Stored entries that are not in these figures yet, at most.
    package let waiting: UInt64
    /// By start, then in the order of the plan's sites.
    package let lines: [Line]

    package init(
        plan: String, from: Timestamp, to: Timestamp, offsetHours: Int64, waiting: UInt64,
        lines: [Line]
    ) {
        self.plan = plan
        self.from = from
        self.to = to
        self.offsetHours = offsetHours
        self.waiting = waiting
        self.lines = lines
    }

    /// Version of the JSON below; docs/store.md tells its keys. A key never changes its meaning.
    package static let schemaVersion: UInt64 = 1
    private static let heading = "非评估结果 / not an assessment"
    private var isSimulated: Bool { lines.contains(where: \.isSimulated) }

    /// The figures for people, in lines of text.
    package func table() -> String {
        var text = [Self.heading + " (sums of roll-ups, by the sites of plan \(plan.prefix(8)))"]
        if isSimulated {
            text.append("SIMULATED: energy of simulated counters is in these figures")
        }
        if waiting > 0 {
            text.append("INCOMPLETE: up to \(waiting) stored records are not in these figures yet")
        }
        let head = ["From", "Site", "Hosts", "kWh", "Energy known", "t, IT", "t, facility", "Unit"]
        let rows = lines.map { line in
            [
                Notation.utc(line.from), line.site ?? "(no site)", "\(line.hosts)",
                Notation.significant(line.energy.kilowattHours), Notation.percent(line.known),
                Notation.significant(line.tonnes), Notation.significant(line.facilityTonnes),
                line.unit,
            ]
        }
        text += Columns.lines(head, rows)
        text.append("")
        text.append(
            "Recorded energy of whole hosts: without devices, wall ratios, shares and imputation.")
        return TerminalText.joined([text])
    }

    /// The figures for machines. What is not known is `null`; units are in the keys' names.
    package func json() -> String {
        JSON.object([
            ("schema_version", .integer(Self.schemaVersion)), ("heading", .string(Self.heading)),
            ("assessment", .bool(false)), ("simulated", .bool(isSimulated)),
            ("plan", .string(plan)), ("from", .string(Notation.utc(from))),
            ("to", .string(Notation.utc(to))),
            ("day_offset_hours", .number(Double(offsetHours))),
            ("records_waiting", .integer(waiting)),
            (
                "lines",
                .array(
                    lines.map { line in
                        .object([
                            ("from", .string(Notation.utc(line.from))),
                            ("to", .string(Notation.utc(line.to))), ("site", JSON(line.site)),
                            ("hosts", .integer(UInt64(line.hosts))),
                            ("energy_microjoules", .integer(line.energy.rawValue)),
                            ("energy_kwh", .number(line.energy.kilowattHours)),
                            ("energy_known", JSON(line.known)), ("o_it_tonnes", JSON(line.tonnes)),
                            ("o_facility_tonnes", JSON(line.facilityTonnes)),
                            ("unit", .string(line.unit)),
                            ("factors", .array(line.factors.map(JSON.string))),
                            ("simulated", .bool(line.isSimulated)),
                        ])
                    })
            ),
        ]).text
    }

    /// One line for each stretch and site. RFC 4180.
    package func csv() -> String {
        let head = [
            "assessment", "simulated", "from", "to", "site", "hosts", "energy_kwh",
            "energy_microjoules", "energy_known", "o_it_tonnes", "o_facility_tonnes", "unit",
            "factors",
        ]
        let rows = lines.map(\.cells)
        return ([head] + rows).map { $0.map(UsageContent.quoted).joined(separator: ",") }
            .joined(separator: "\r\n") + "\r\n"
    }
}

extension SiteUsageContent.Line {
    /// Of a line of CSV; what is not known is empty.
    fileprivate var cells: [String] {
        func number(_ value: Double?) -> String { value.map { "\($0)" } ?? "" }
        var cells = ["no", isSimulated ? "yes" : "no", Notation.utc(from), Notation.utc(to)]
        cells += [site ?? "", "\(hosts)", number(energy.kilowattHours), "\(energy.rawValue)"]
        cells += [number(known), number(tonnes), number(facilityTonnes), unit]
        cells.append(factors.joined(separator: " "))
        return cells
    }
}
