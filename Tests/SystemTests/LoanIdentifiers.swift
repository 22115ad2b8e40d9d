import Foundation
import Testing

/// Searches files for what only the traffic holds.
enum LoanIdentifiers {
    /// What the load's bodies and targets hold: an identity card's number, a mobile's, a bank
    /// card's, a user's, and the keys of its flows.
    static let patterns = [
        "11010119900307[0-9]{4}", "1380000[0-9]{4}", "622202[0-9]{13}", "U[0-9]{9}",
        "[A-Z]\(LoanLoad.seed)-[0-9]+",
    ]

    /// Those found, and the number of files that hold anything.
    struct Found: Decodable {
        let searched: [String]
        /// By file.
        let patterns: [String: [String]]
    }

    /// Files of the folder and below, but those whose name begins with one of `leavingOut`.
    static func search(_ folder: String, leavingOut: [String] = []) throws -> Found {
        let parts = [patterns, leavingOut].map { $0.joined(separator: " ") }
        let outcome = try Host.run(["python3", "-c", script, folder] + parts, within: 60)
        guard outcome.status == 0 else { throw Trouble("searching: \(outcome.said)") }
        return try JSONDecoder().decode(Found.self, from: Data(outcome.printed.utf8))
    }

    private static let script = """
        import json, re, sys
        from pathlib import Path
        folder, patterns, left_out = Path(sys.argv[1]), sys.argv[2].split(), sys.argv[3].split()
        searched, found = [], {}
        for path in sorted(folder.rglob("*")):
            name = str(path.relative_to(folder))
            if not path.is_file() or any(name.startswith(one) for one in left_out):
                continue
            data = path.read_bytes()
            if data:
                searched.append(name)
            if hits := [one for one in patterns if re.search(one.encode(), data)]:
                found[name] = hits
        print(json.dumps({"searched": searched, "patterns": found}))
        """
}

extension Site {
    /// No program that measures wrote anything of the traffic, anywhere.
    func expectNoIdentifier(_ place: SourceLocation = #_sourceLocation) throws {
        // The application, the load and the recording have it.
        let found = try LoanIdentifiers.search(
            folder, leavingOut: ["loan", "flows", "truth", "traffic"])
        #expect(found.patterns == [:], sourceLocation: place)
        for name in ["agent-", "collector-", "state-", "store.db", "report.json"] {
            #expect(
                found.searched.contains { $0.hasPrefix(name) }, "\(name)… was not searched",
                sourceLocation: place)
        }
    }
}
