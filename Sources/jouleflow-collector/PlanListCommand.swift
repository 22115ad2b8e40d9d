import ArgumentParser
import Assessment
import Bundle
import CommandLines
import Metering
import Settings
import Store

/// `jouleflow-collector plan list`.
struct PlanListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Lists every plan that was ever sealed, also late and abandoned ones.",
        discussion: """
            One line a plan, in the order of sealing: the first digits of its hash, its first round, \
            its rounds, what became of it, its title. `plan show HASH` tells more. With --format json, a \
            list of objects with the keys that the manual plan.md tells.
            """)

    enum Format: String, ExpressibleByArgument, CaseIterable { case lines, json }

    @OptionGroup var source: StoreArguments
    @Option(help: "lines for people, json for machines.")
    var format: Format = .lines

    func run() throws {
        let store = try source.reading()
        let plans = try Failure.opening { () throws(StoreError) in try store.plans() }
        if format == .json {
            let list = CanonicalJSON.array(try plans.map { try $0.json })
            return try write(try list.bytes() + [0x0A])
        }
        guard !plans.isEmpty else {
            print("No plan was sealed in this store.")
            return
        }
        for plan in plans { print(try plan.line) }
    }
}

/// `jouleflow-collector plan show`.
struct PlanShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Shows a sealed plan: in plain sentences, as its canonical text, or as its file.",
        discussion: """
            The plan is named by the first digits of its hash, at least four.

              jouleflow-collector plan show 3fa9c1d2 --config collector.yaml --language zh
              jouleflow-collector plan show 3fa9c1d2 --config collector.yaml --format json | sha256sum
            """)

    enum Format: String, ExpressibleByArgument, CaseIterable { case sentences, json, yaml }

    @Argument(help: "The first digits of the plan's hash.")
    var hash: String
    @OptionGroup var source: StoreArguments
    @OptionGroup var language: PlanLanguage
    @Option(
        help: """
            sentences; json for the canonical text, whose SHA-256 is the hash; yaml for the file as \
            it was sealed.
            """)
    var format: Format = .sentences

    func run() throws {
        let plan = try source.reading().sealed(hash)
        switch format {
        case .json: try write(plan.document)
        case .yaml: try write(plan.yaml)
        case .sentences:
            print("Plan \(plan.hash)")
            print(plan.sentence)
            for lodging in plan.lodgings { print(lodging.sentence) }
            if let abandoned = plan.abandonment {
                print(
                    "abandoned at \(abandoned.at.rfc3339InShanghai): \(abandoned.reason.printable)")
            }
            for line in try PlanSentences.lines(of: plan, in: language.chosen) { print(line) }
        }
    }
}

extension SealedPlan {
    private var plan: Plan {
        get throws {
            do throws(DocumentError) { return try PlanDocument.decode(document) } catch {
                throw Failure(.unreadable, "plan \(hash): \(error)")
            }
        }
    }

    /// For machines: whole numbers, texts, and times in UTC.
    fileprivate var json: CanonicalJSON {
        get throws {
            let plan = try plan
            let schedule = plan.schedule
            return .object([
                .init("hash", .string(hash.description)), .init("title", .string(plan.title)),
                .init("organization", .string(plan.organization)),
                .init("start", .string(start.rfc3339)), .init("sealed", .string(sealedAt.rfc3339)),
                .init("late", .bool(isLate)),
                .init("rounds", .integer(UInt64(max(0, schedule.rounds)))),
                .init("reserve", .integer(UInt64(max(0, schedule.reserve)))),
                .init("length_ns", .integer(schedule.length.rawValue)),
                .init("grace_ns", .integer(schedule.grace.rawValue)),
                .init("lodgings", .array(lodgings.map(\.json))),
                .init("abandoned", abandonment?.json ?? .null),
            ])
        }
    }

    /// Hash, first round, rounds, state and title, in columns.
    fileprivate var line: String {
        get throws {
            let plan = try plan
            var state: [String] = [isLate ? "late" : "sealed"]
            if lodgings.contains(where: { $0.kind == .timeStamp }) { state.append("stamped") }
            if lodgings.contains(where: { $0.kind == .note }) { state.append("lodged") }
            if abandonment != nil { state.append("abandoned") }
            let rounds = "\(plan.schedule.rounds)+\(plan.schedule.reserve)"
            return [
                hash.short, start.rfc3339InShanghai, rounds, state.joined(separator: ","),
                plan.title.printable,
            ].joined(separator: "\t")
        }
    }
}

extension Abandonment {
    fileprivate var json: CanonicalJSON {
        .object([.init("at", .string(at.rfc3339)), .init("reason", .string(reason))])
    }
}

extension Lodging {
    /// A time stamp has the authority's time in it too.
    fileprivate var json: CanonicalJSON {
        var members: [CanonicalJSON.Member] = [
            .init("kind", .string(kind.rawValue)), .init("at", .string(at.rfc3339)),
        ]
        switch kind {
        case .note: members.append(.init("note", .string(String(decoding: proof, as: UTF8.self))))
        case .timeStamp:
            if let stamp = try? TimeStampResponse(proof) {
                members.append(.init("stamped", .string(stamp.time.rfc3339)))
            }
        }
        return .object(members)
    }

    /// Who was told of the hash, and when.
    var sentence: String {
        switch kind {
        case .note:
            "lodged, as noted at \(at.rfc3339InShanghai): "
                + String(decoding: proof, as: UTF8.self).printable
        case .timeStamp:
            if let time = (try? TimeStampResponse(proof))?.time {
                "stamped by a time-stamp authority at \(time.rfc3339InShanghai), kept at "
                    + at.rfc3339InShanghai
            } else {
                "a time stamp that cannot be read any more, kept at \(at.rfc3339InShanghai)"
            }
        }
    }
}

extension String {
    /// The text without characters that would move a terminal's cursor.
    fileprivate var printable: String {
        var text = String.UnicodeScalarView()
        for scalar in unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator: text.append("?")
            default: text.append(scalar)
            }
        }
        return String(text)
    }
}
