package import Assessment
package import CSV

/// What is wrong with a factor file, and in which line.
package struct FactorFileError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What is wrong; the cases carry what was found.
    package enum Problem: Error, Sendable, Hashable {
        case notUTF8
        case tooLong(bytes: Int)
        case noHeader
        case header(expected: String)
        case columns(expected: Int, got: Int)
        case csv(CSVProblem)
        case emptyID
        case duplicateID(String)
        case year(String)
        case factor(String)
    }

    package let file: String
    /// Counts from 1.
    package let line: Int
    package let problem: Problem

    package var description: String { "\(file):\(line): \(problem.sentence)" }
}

extension FactorFileError.Problem {
    var sentence: String {
        switch self {
        case .notUTF8: "not UTF-8"
        case .tooLong(let bytes):
            "\(bytes) bytes exceed the limit of \(FactorTable.maximumBytes)"
        case .noHeader: "the file is empty; the first line is \(FactorTable.header)"
        case .header(let expected): "the first line must be \(expected)"
        case .columns(let expected, let got): "\(expected) columns expected, \(got) found"
        case .csv(let problem): problem.description
        case .emptyID: "the id is empty"
        case .duplicateID(let id): "the id \(id) is there already"
        case .year(let text): "the year must be 1900 to 2200, not \"\(text)\""
        case .factor(let text):
            "kgCO2_per_kWh must be a decimal number from 0 to 5, such as 0.5306, not \"\(text)\""
        }
    }
}

/// Emission factors by id.
package struct FactorTable: Sendable {
    /// The first line of a factor file.
    package static let header = "id,level,area,year,basis,kgCO2_per_kWh,grade,source"
    /// Longest factor file; a longer one is refused.
    package static let maximumBytes = 4 << 20
    /// Above this a number is taken for a slip of units (coal alone stays below 1.5 kg/kWh).
    static let maximumFactor = 5.0

    /// In the order of the file.
    package let factors: [EmissionFactor]
    /// The file's bytes.
    package let csv: [UInt8]
    private let indexByID: [String: Int]

    /// The grid factors of China that come with the program.
    package static func builtIn() throws(FactorFileError) -> FactorTable {
        try FactorTable(csv: PackageResources.factors_csv, file: "factors.csv")
    }

    /// Reads a factor file; `file` names it in errors.
    package init(csv: [UInt8], file: String) throws(FactorFileError) {
        func fail(_ line: Int, _ problem: FactorFileError.Problem) -> FactorFileError {
            FactorFileError(file: file, line: line, problem: problem)
        }
        guard csv.count <= Self.maximumBytes else { throw fail(1, .tooLong(bytes: csv.count)) }
        guard let text = String(validating: csv, as: UTF8.self) else { throw fail(1, .notUTF8) }
        var reader = CSVReader(text)
        var line = 1
        func next() throws(FactorFileError.Problem) -> [String]? {
            do throws(CSVProblem) { return try reader.next() } catch { throw .csv(error) }
        }
        do throws(FactorFileError.Problem) {
            guard let header = try next() else { throw .noHeader }
            guard header.joined(separator: ",") == Self.header else {
                throw .header(expected: Self.header)
            }
            var factors: [EmissionFactor] = []
            var indexByID: [String: Int] = [:]
            while true {
                line = reader.line
                guard let fields = try next() else { break }
                let factor = try EmissionFactor(fields)
                guard indexByID.updateValue(factors.count, forKey: factor.id) == nil else {
                    throw .duplicateID(factor.id)
                }
                factors.append(factor)
            }
            self.factors = factors
            self.csv = csv
            self.indexByID = indexByID
        } catch {
            throw fail(line, error)
        }
    }

    /// These, and behind them those of another table whose ids are none of these; their numbers to nine digits
    /// behind the kilogram's point, which is as far as they are computed with. The bytes begin with these bytes, so
    /// that whoever has a bundle can tell both apart.
    package func followed(by own: FactorTable, file: String) throws(FactorFileError) -> FactorTable
    {
        let lines = own.factors.filter { self[$0.id] == nil }.map(\.line)
        guard !lines.isEmpty else { return self }
        let end: [UInt8] = csv.last == 0x0A ? [] : [0x0A]
        return try FactorTable(
            csv: csv + end + lines.flatMap { Array($0.utf8) + [0x0A] }, file: file)
    }

    /// With the factors of a plan: those that come with the program, then the plan's as it has them, then the others.
    /// So a plan's factor is there in whatever file its report is made with, and stands before a row that is not
    /// the plan's. Where the bytes begin with those of the program's file, they still do.
    package func holding(_ planned: [EmissionFactor]) -> FactorTable {
        var indexByID: [String: Int] = [:]
        var ordered: [EmissionFactor] = []
        let first = factors.filter(Self.isPublished)
        for factor in first + planned + factors where indexByID[factor.id] == nil {
            indexByID[factor.id] = ordered.count
            ordered.append(factor)
        }
        var bytes = Array((Self.header + "\n").utf8)
        if let own = Self.published?.csv, csv.starts(with: own) {
            bytes = own + (own.last == 0x0A ? [] : [0x0A])
        } else {
            for factor in first { bytes += Array(factor.line.utf8) + [0x0A] }
        }
        for factor in ordered.dropFirst(first.count) { bytes += Array(factor.line.utf8) + [0x0A] }
        return FactorTable(factors: ordered, csv: bytes, indexByID: indexByID)
    }

    private static let published = try? FactorTable.builtIn()

    private init(factors: [EmissionFactor], csv: [UInt8], indexByID: [String: Int]) {
        self.factors = factors
        self.csv = csv
        self.indexByID = indexByID
    }

    /// Whether a factor comes with the program.
    static func isPublished(_ factor: EmissionFactor) -> Bool { published?[factor.id] != nil }

    /// The factor with this id, or `nil`.
    package subscript(id: String) -> EmissionFactor? { indexByID[id].map { factors[$0] } }
}

extension EmissionFactor {
    /// A line of a factor file.
    fileprivate var line: String {
        let parts = microgramsPerKilowattHour.quotientAndRemainder(dividingBy: 1_000_000_000)
        let digits = "\(parts.remainder)"
        let number =
            "\(parts.quotient)." + String(repeating: "0", count: 9 - digits.count) + digits
        return [id, level, area, "\(year)", basis, number, grade, source]
            .map(CSVField.written).joined(separator: ",")
    }

    init(_ fields: [String]) throws(FactorFileError.Problem) {
        guard fields.count == 8 else { throw .columns(expected: 8, got: fields.count) }
        guard !fields[0].isEmpty else { throw .emptyID }
        guard let year = Int(fields[3]), (1900...2200).contains(year) else {
            throw .year(fields[3])
        }
        let digits = fields[5].utf8.allSatisfy { $0 == 0x2E || (0x30...0x39).contains($0) }
        guard digits, let factor = Double(fields[5]), (0...FactorTable.maximumFactor) ~= factor
        else { throw .factor(fields[5]) }
        self.init(
            id: fields[0], level: fields[1], area: fields[2], year: year, basis: fields[4],
            kilogramsPerKilowattHour: factor, grade: fields[6], source: fields[7])
    }
}
