package import Assessment
package import Metering

/// What a plan's file says, checked and with its defaults filled in.
///
/// docs/plan.md is the manual of its keys.
package struct PlanFile: Sendable {
    package let plan: Plan
    /// The machines of the asset list, in its order; `nil` where the plan names none.
    package let assets: [Asset]?
    /// The bytes of the file, which are kept beside the sealed plan.
    package internal(set) var text: [UInt8] = []
    /// What is doubtful, in the order of the file.
    package internal(set) var warnings: [SettingsWarning] = []

    /// Reads the plan at `path`, and the asset list that it names.
    package static func load(
        path: String, _ surroundings: PlanSurroundings
    ) throws(SettingsErrors) -> PlanFile {
        try parse(try SettingsFile.read(path), name: path, surroundings)
    }

    /// Reads a plan from the bytes of the file `name`, in whose folder relative paths begin.
    package static func parse(
        _ text: [UInt8], name: String, _ surroundings: PlanSurroundings
    ) throws(SettingsErrors) -> PlanFile {
        var (file, warnings) = try SettingsFile.decodeWithWarnings(
            text, name: name, keys: PlanKeys.top
        ) { section in
            PlanFile(section, file: name, surroundings)
        }
        file.text = text
        file.warnings = warnings
        return file
    }
}

/// What a plan's file is read with.
package struct PlanSurroundings: Sendable {
    /// The emission factor with an id, or `nil`.
    package let factor: @Sendable (String) -> EmissionFactor?
    /// The ids there are, to name those near an unknown one.
    package let factorIDs: [String]
    /// SHA-256 in hexadecimal digits.
    package let digest: @Sendable ([UInt8]) -> String
    /// When it is read; `nil` where that is of no matter.
    package let now: Timestamp?

    package init(
        factorIDs: [String], now: Timestamp? = nil,
        factor: @escaping @Sendable (String) -> EmissionFactor?,
        digest: @escaping @Sendable ([UInt8]) -> String
    ) {
        self.now = now
        self.factor = factor
        self.factorIDs = factorIDs
        self.digest = digest
    }

    /// Ids that an unknown one is compared with at most: the first of them.
    private static let comparable = 2_000

    /// Up to three ids that `written` may have been meant to be, the nearest first.
    func near(_ written: String) -> [String] {
        let longest = 64
        guard written.utf8.count <= longest else { return [] }
        let length = written.utf8.count
        return factorIDs.prefix(Self.comparable).map {
            (id: $0, distance: edits(from: written, to: $0))
        }
        .filter { $0.distance <= max(3, min(length, $0.id.utf8.count) / 2) }
        .sorted { ($0.distance, $0.id) < ($1.distance, $1.id) }
        .prefix(3).map(\.id)
    }
}
