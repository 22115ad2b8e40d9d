import Assessment
import Metering

extension RoundDocument {
    /// The canonical text. Throws where a round has more in it than a document may have bytes.
    package func encode() throws(DocumentError) -> [UInt8] {
        do throws(CanonicalError) { return try json.bytes() } catch { throw .json(error) }
    }

    /// The figures that these bytes are the canonical text of. They may come from anybody.
    package init(decoding bytes: [UInt8]) throws(DocumentError) {
        let value: CanonicalJSON
        do throws(CanonicalError) { value = try CanonicalJSON(reading: bytes) } catch {
            throw .json(error)
        }
        try self.init(DocumentField(value: value, path: ""))
    }

    private var json: CanonicalJSON {
        .object(
            [
                .init("format", .string(Self.format)), .init("plan", .string(plan.description)),
                .init("round", .integer(UInt64(max(0, round)))),
                .init("reserve", .bool(isReserve)),
                .init("from", .string(interval.start.rfc3339)),
                .init("to", .string(interval.end.rfc3339)),
                .init("valid", .bool(isValid)),
                .init("problems", .array(problems.map(CanonicalJSON.string))),
                .init("machines", .array(machines.map(\.json))),
                .init("scenarios", .array(scenarios.map(\.json))),
                .init("coverage", .string(coverage)),
                .init("imports", .array(imports.map(CanonicalJSON.string))),
            ] + member("r", units) + member("o_grams", operational)
                + member("m_grams", embodied) + member("sci_grams_per_unit", intensity)
                + member("records_root", recordsRoot))
    }

    private init(_ field: DocumentField) throws(DocumentError) {
        let fields = try field.members([
            "format", "plan", "round", "reserve", "from", "to", "valid", "problems", "machines",
            "scenarios", "coverage", "imports", "r", "o_grams", "m_grams", "sci_grams_per_unit",
            "records_root",
        ])
        let format = try fields.required("format")
        guard try format.string() == Self.format else {
            throw format.reject("is not \(Self.format)")
        }
        let number = try fields.required("round")
        self.init(
            plan: try fields.required("plan").hash(), round: try number.count(),
            interval: Interval(
                start: try DocumentField.time(fields.required("from")),
                end: try DocumentField.time(fields.required("to"))))
        guard round >= 1 else { throw number.reject("is not from 1") }
        isReserve = try fields.required("reserve").bool()
        isValid = try fields.required("valid").bool()
        problems = try fields.required("problems").list(DocumentField.text)
        machines = try fields.required("machines").list(Machine.init)
        scenarios = try fields.required("scenarios").list(Scenario.init)
        coverage = try fields.required("coverage").decimal()
        imports = try fields.required("imports").list(DocumentField.text)
        units = try fields.optional("r", DocumentField.whole)
        operational = try fields.optional("o_grams", DocumentField.number)
        embodied = try fields.optional("m_grams", DocumentField.number)
        intensity = try fields.optional("sci_grams_per_unit", DocumentField.number)
        recordsRoot = try fields.optional("records_root", DocumentField.text)
    }
}

private func member(_ key: String, _ text: String?) -> [CanonicalJSON.Member] {
    text.map { [CanonicalJSON.Member(key, .string($0))] } ?? []
}

/// Counts and energies may exceed the whole numbers of every JSON reader: they are texts.
private func member(_ key: String, _ number: UInt64?) -> [CanonicalJSON.Member] {
    member(key, number.map { String($0) })
}

extension RoundDocument.Machine {
    fileprivate var json: CanonicalJSON {
        var members: [CanonicalJSON.Member] = [
            .init("id", .string(id)), .init("device", .bool(isDevice)),
            .init("runs", .array(runs.map(\.json))),
        ]
        members += member("expected_ns", expected.rawValue)
        members += member("covered_ns", covered.rawValue)
        if let energy {
            members += member("measured_uj", energy.measured.rawValue)
            members += member("bridged_uj", energy.bridged.rawValue)
            members += member("estimated_uj", energy.estimated.rawValue)
            members += member("imputed_uj", energy.imputed.rawValue)
        }
        return .object(members + member("records_root", recordsRoot))
    }

    fileprivate init(_ field: DocumentField) throws(DocumentError) {
        let fields = try field.members([
            "id", "device", "runs", "expected_ns", "covered_ns", "measured_uj", "bridged_uj",
            "estimated_uj", "imputed_uj", "records_root",
        ])
        self.init(
            id: try fields.required("id").string(), isDevice: try fields.required("device").bool(),
            expected: Nanoseconds(try fields.required("expected_ns").wholeNumber()),
            covered: Nanoseconds(try fields.required("covered_ns").wholeNumber()),
            energy: try Self.energy(fields))
        runs = try fields.required("runs").list(RoundDocument.Run.init)
        recordsRoot = try fields.optional("records_root", DocumentField.text)
    }

    /// All four, or none where it is not known.
    private static func energy(_ fields: DocumentMembers) throws(DocumentError) -> EnergyStates? {
        let keys = ["measured_uj", "bridged_uj", "estimated_uj", "imputed_uj"]
        guard keys.contains(where: { fields[$0] != nil }) else { return nil }
        var energy = EnergyStates()
        energy.measured = Microjoules(try fields.required("measured_uj").wholeNumber())
        energy.bridged = Microjoules(try fields.required("bridged_uj").wholeNumber())
        energy.estimated = Microjoules(try fields.required("estimated_uj").wholeNumber())
        energy.imputed = Microjoules(try fields.required("imputed_uj").wholeNumber())
        return energy
    }
}

extension RoundDocument.Run {
    fileprivate var json: CanonicalJSON {
        .object([
            .init("run", .string(String(run.rawValue, radix: 16))),
            .init("stretches", .array(stretches.map(\.json))),
        ])
    }

    fileprivate init(_ field: DocumentField) throws(DocumentError) {
        let fields = try field.members(["run", "stretches"])
        let name = try fields.required("run")
        let digits = try name.string()
        guard let run = UInt64(digits, radix: 16), String(run, radix: 16) == digits else {
            throw name.reject("is no run in hexadecimal digits")
        }
        self.init(
            RunID(run), try fields.required("stretches").list(RoundDocument.Stretch.init))
    }
}

extension RoundDocument.Stretch {
    fileprivate var json: CanonicalJSON {
        .object(member("first", first) + member("last", last) + member("received", received))
    }

    fileprivate init(_ field: DocumentField) throws(DocumentError) {
        let fields = try field.members(["first", "last", "received"])
        self.init(
            first: try fields.required("first").wholeNumber(),
            last: try fields.required("last").wholeNumber(),
            received: try fields.required("received").wholeNumber())
        guard first <= last, received >= 1, received - 1 <= last - first else {
            throw field.reject("is no stretch of sequences")
        }
    }
}

extension RoundDocument.Scenario {
    fileprivate var json: CanonicalJSON {
        .object(
            member("id", id) + member("ta", volume) + member("approved", approved)
                + member("refused", refused) + member("failed", failed)
                + member("incomplete", incomplete) + member("duplicates", duplicates)
                + member("duplicates_across_hosts", duplicatesAcrossHosts))
    }

    fileprivate init(_ field: DocumentField) throws(DocumentError) {
        let fields = try field.members([
            "id", "ta", "approved", "refused", "failed", "incomplete", "duplicates",
            "duplicates_across_hosts",
        ])
        self.init(id: try fields.required("id").string())
        volume = try fields.optional("ta", DocumentField.whole)
        approved = try fields.optional("approved", DocumentField.whole)
        refused = try fields.optional("refused", DocumentField.whole)
        failed = try fields.optional("failed", DocumentField.whole)
        incomplete = try fields.optional("incomplete", DocumentField.whole)
        duplicates = try fields.optional("duplicates", DocumentField.whole)
        duplicatesAcrossHosts = try fields.optional(
            "duplicates_across_hosts", DocumentField.whole)
    }
}

extension DocumentField {
    fileprivate static func text(_ field: Self) throws(DocumentError) -> String {
        try field.string()
    }

    fileprivate static func whole(_ field: Self) throws(DocumentError) -> UInt64 {
        try field.wholeNumber()
    }

    fileprivate static func number(_ field: Self) throws(DocumentError) -> String {
        try field.decimal()
    }

    /// A text of digits, without zeros before them.
    fileprivate func wholeNumber() throws(DocumentError) -> UInt64 {
        let text = try string()
        guard let number = UInt64(text), String(number) == text else {
            throw reject("is no text of a whole number")
        }
        return number
    }

    /// A text of a finite number, as a Double is written with the fewest digits.
    fileprivate func decimal() throws(DocumentError) -> String {
        let text = try string()
        guard let number = Double(text), number.isFinite, number.description == text else {
            throw reject("is no text of a number")
        }
        return text
    }
}
