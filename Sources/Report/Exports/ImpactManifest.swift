import Metering

extension PlanReportContent {
    /// A manifest for the Impact Framework: one child a host, one input for each counted round and
    /// factor segment; `nil` where no round counts or energy, factor or R of one is not known.
    ///
    /// The figures are inputs: the framework multiplies and adds them anew. `scicf-units` is the R
    /// of the whole boundary in each input, so that the `sci` of all inputs of a round sum to its
    /// SCI^j. M stands in the first input of a host's round.
    package func impactManifestYAML() -> String? {
        let counted = rounds.filter(\.use.isCounted)
        guard !counted.isEmpty else { return nil }
        var children: [String: [String]] = [:]
        for round in counted {
            guard let units = round.units.value else { return nil }
            for host in round.hosts {
                for (index, segment) in host.segments.enumerated() {
                    guard let input = input(round, host, segment, units, isFirst: index == 0)
                    else { return nil }
                    children[host.host, default: []].append(input)
                }
            }
        }
        let names = Self.unique(counted.flatMap(\.hosts).map(\.host))
        return (head + names.flatMap { child($0, children[$0] ?? []) }).joined(separator: "\n")
            + "\n"
    }

    private var isFacility: Bool { plan.scope == .facility }

    private var head: [String] {
        let terms = ["energy", "grid/carbon-intensity"] + (isFacility ? ["pue"] : [])
        let sum = ["carbon-operational"] + (plan.embodied.isIncluded ? ["embodied-carbon"] : [])
        return [
            "name: " + YAML.quoted(plan.title),
            "description: "
                + YAML.quoted(
                    "\(figureName.en), T/CQJR 032.2-2025 Annex A, plan "
                        + "\(plan.hash.value ?? "none"); sum the sci of a round's inputs "
                        + "over all children, then take the mean over rounds"
                ),
            "tags:",
            "  organization: " + YAML.quoted(plan.organization),
            "  standing: " + standing.name,
            "  simulated: \(YAML.quoted(isSimulated ? "true" : "false"))",
            "initialize:", "  plugins:", "    o:", "      path: builtin",
            "      method: Multiply", "      config:",
            "        input-parameters: [\(terms.joined(separator: ", "))]",
            "        output-parameter: carbon-operational",
            "    c:", "      path: builtin", "      method: Sum", "      config:",
            "        input-parameters: [\(sum.joined(separator: ", "))]",
            "        output-parameter: carbon",
            "    sci:", "      path: builtin", "      method: Sci", "      config:",
            "        functional-unit: scicf-units",
            "tree:", "  children:",
        ]
    }

    private func child(_ name: String, _ inputs: [String]) -> [String] {
        guard !inputs.isEmpty else { return [] }
        return [
            "    \(YAML.quoted(name)):", "      pipeline:", "        compute: [o, c, sci]",
            "      inputs:",
        ] + inputs
    }

    private func input(
        _ round: Round, _ host: HostRound, _ segment: Segment, _ units: UInt64, isFirst: Bool
    ) -> String? {
        guard let energy = segment.boundary.value?.total.kilowattHours,
            let factor = segment.gramsPerKilowattHour.value
        else { return nil }
        var members = [
            "timestamp: '\(Notation.utc(segment.span.from))'",
            "duration: " + YAML.number(segment.span.to.since(segment.span.from).seconds),
            "energy: " + YAML.number(energy), "grid/carbon-intensity: " + YAML.number(factor),
        ]
        if isFacility {
            guard let pue = segment.pue.value else { return nil }
            members.append("pue: " + YAML.number(pue))
        }
        if plan.embodied.isIncluded {
            guard let mass = host.embodied.grams.value else { return nil }
            members.append("embodied-carbon: " + YAML.number(isFirst ? mass : 0))
        }
        members += ["scicf-units: \(units)", "scicf-round: \(round.number)"]
        return "        - {" + members.joined(separator: ", ") + "}"
    }
}
