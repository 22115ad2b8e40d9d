import Assessment
import Bundle
import Foundation
import Metering
import Store
import Testing

@testable import Collector

@Suite("jouleflow-collector plan", .serialized)
struct PlanCommandTests {
    let directory: TemporaryDirectory
    var database: String { directory.path + "/records.db" }

    init() throws { directory = try TemporaryDirectory() }

    private func plan(_ arguments: String...) async throws -> Finished {
        try await offPool {
            try run(products.appending(path: "jouleflow-collector"), ["plan"] + arguments)
        }
    }

    /// A plan whose first round begins on a day; 2190 is still to come.
    private func file(start: String = "2190-01-01", title: String = "T") throws -> String {
        let text = """
            version: 1
            title: \(title)
            organization: O
            contact: C
            boundary: B
            schedule: {start: \(start)}
            sites: [{id: s, name: S, supplies: [{source: grid, factor: 全国-2023-average}]}]
            hosts: [{id: h, role: r, site: s}]
            embodied: {omitted: n}

            """
        let path = directory.path + "/\(title)-\(start).yaml"
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }

    private func names(_ suffix: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: directory.path)
            .filter { $0.hasSuffix(suffix) }.sorted()
    }

    private func seal(_ file: String, _ more: String...) async throws -> Finished {
        try await offPool { [database, directory] in
            try run(
                products.appending(path: "jouleflow-collector"),
                ["plan", "seal", file, "--store", database, "--out", directory.path] + more)
        }
    }

    @Test("new prints a plan that is wrong only where it is to be filled in, and right when it is")
    func template() async throws {
        let template = try await plan("new")
        #expect(template.status == 0)
        let path = directory.path + "/plan.yaml"
        try template.output.write(toFile: path, atomically: true, encoding: .utf8)
        let empty = try await plan("check", path)
        #expect(empty.status == 3)
        let wanted = template.output.split(separator: "\n").filter { line in
            !line.drop(while: { $0 == " " }).hasPrefix("#")
                && line.prefix { $0 != "#" }.contains("\"\"")
        }.count
        let errors = empty.errors.components(separatedBy: "plan.yaml:").count - 1
        // The host's line has two.
        #expect(errors == wanted + 1)
        let filled = template.output.replacing("factor: \"\"", with: "factor: 全国-2023-average")
            .replacing("id: \"\"", with: "id: h").replacing("\"\"", with: "x")
        try filled.write(toFile: path, atomically: true, encoding: .utf8)
        let check = try await plan("check", path, "--language", "en")
        #expect(check.status == 0)
        #expect(check.errors == "")
        #expect(check.output.contains("\nHost h (x) at site-1.\n"))
        #expect(check.output.contains("warning: scenarios[0]: names no counting hosts"))
    }

    @Test("new fills in the agents that the store knows, and their rule sets")
    func hosts() async throws {
        let store = try SQLiteRecordStore(path: database)
        #expect(try await plan("new", "--hosts-from-store", "--store", database).status == 1)
        for name in ["loan-2", "loan-1"] {
            let agent = try SampleAgent(name)
            try agent.signer.keep(agent.records(1...2), from: 1, under: agent.manifest, in: store)
        }
        let template = try await plan("new", "--hosts-from-store", "--store", database)
        #expect(
            template.output.contains(
                """
                  - {id: "loan-1", role: "", site: site-1}
                  - {id: "loan-2", role: "", site: site-1}

                """))
        let zeros = String(repeating: "0", count: 64)
        #expect(template.output.contains("\nrules:"))
        #expect(template.output.contains("\n  - \"\(zeros)\"  # loan-1, loan-2\n"))
        let filled = template.output.replacing("factor: \"\"", with: "factor: 全国-2023-average")
            .replacing("\"\"", with: "x")
        let path = directory.path + "/plan.yaml"
        try filled.write(toFile: path, atomically: true, encoding: .utf8)
        let check = try await plan("check", path, "--language", "zh")
        #expect(check.status == 0)
        #expect(check.output.contains("\n主机 loan-1（x），位于 site-1。\n"))
        #expect(check.output.contains("\n主机仅按规则集 \(zeros) 统计。\n"))
        #expect(try await plan("new", "--hosts-from-store").status == 2)
        #expect(try await plan("new", "--store", database).status == 2)
    }

    @Test("check says what is wrong with status 3, what cannot be read with 5")
    func check() async throws {
        let wrong = try await plan("check", try file(start: "2026-02-30"))
        #expect(wrong.status == 3)
        #expect(wrong.output == "")
        #expect(wrong.errors.contains(":6:19: schedule.start: \"2026-02-30\" is neither a day"))
        let missing = try await plan("check", directory.path + "/none.yaml")
        #expect(missing.status == 5)
        #expect(missing.errors.contains("cannot read the file: No such file or directory"))
        #expect(try await plan("check").status == 2)
        #expect(try await plan("check", try file(), "--factors", "/nonexistent").status == 5)
    }

    @Test("takes the user's own factors beside those of the program")
    func factors() async throws {
        let own = directory.path + "/factors.csv"
        try """
        id,level,area,year,basis,kgCO2_per_kWh,grade,source
        sun,own,roof,2026,average,0.041,A,meter
        """.write(toFile: own, atomically: true, encoding: .utf8)
        let path = try file()
        let text = try String(contentsOfFile: path, encoding: .utf8)
        try text.replacing(
            "[{source: grid, factor: 全国-2023-average}]",
            with: "[{source: grid, factor: 全国-2023-average}, "
                + "{from: 2190-01-02, source: sun, factor: sun}]"
        ).write(toFile: path, atomically: true, encoding: .utf8)
        let without = try await plan("check", path)
        #expect(without.status == 3)
        #expect(without.errors.contains("\"sun\" is the id of no factor"))
        let with = try await plan("check", path, "--factors", own, "--language", "en")
        #expect(with.status == 0)
        #expect(with.output.contains("factor sun, 41 gCO2/kWh, grade A, from meter."))
        try """
        id,level,area,year,basis,kgCO2_per_kWh,grade,source
        全国-2023-average,national,全国,2023,average,0.01,A,nobody
        """.write(toFile: own, atomically: true, encoding: .utf8)
        let other = try await plan("check", path, "--factors", own)
        #expect(other.status == 3)
        #expect(
            other.errors.contains("全国-2023-average comes with the program, with another value"),
            "\(other.errors)")
    }

    @Test("seal keeps a plan once, and writes its canonical text and a request")
    func seal() async throws {
        let file = try file()
        let first = try await seal(file)
        #expect(first.status == 0)
        #expect(first.errors.contains("warning: "))
        let chinese = try await seal(file, "--language", "zh")
        #expect(chinese.errors.contains("警告：") && !chinese.errors.contains("warning: "))
        let store = try SQLiteRecordStore(reading: database)
        let sealed = try #require(try store.plans().first)
        #expect(first.output.hasPrefix("Plan \(sealed.hash)\nsealed at "))
        #expect(sealed.yaml == Array(try Data(contentsOf: URL(filePath: file))))
        #expect(PlanDocument.hash(of: sealed.document) == sealed.hash)
        #expect(try PlanDocument.decode(sealed.document).hosts.map(\.id) == ["h"])
        let stem = "plan-\(sealed.hash.short)"
        #expect(try names(".json") == [stem + ".json"] && names(".tsq") == [stem + ".tsq"])
        let written = try Data(contentsOf: URL(filePath: "\(directory.path)/\(stem).json"))
        #expect(written.elementsEqual(sealed.document))
        let request = try Data(contentsOf: URL(filePath: "\(directory.path)/\(stem).tsq"))

        let again = try await seal(file)
        #expect(again.status == 0)
        #expect(again.output.contains("\(stem).json is there already\n"))
        #expect(try store.plans() == [sealed])
        #expect(try Data(contentsOf: URL(filePath: "\(directory.path)/\(stem).tsq")) == request)
        try Data("x".utf8).write(to: URL(filePath: "\(directory.path)/\(stem).json"))
        let other = try await seal(file)
        #expect(other.status == 2)
        #expect(other.errors.contains("\(stem).json exists with other bytes"))
    }

    @Test("seal refuses a plan whose first round has begun, but for --late, which is seen for ever")
    func late() async throws {
        let file = try file(start: "2020-01-01")
        let refused = try await seal(file)
        #expect(refused.status == 1)
        #expect(refused.errors.contains("the first round began at 2020-01-01T00:00:00+08:00"))
        #expect(try names(".json") == [])
        #expect(try await seal(file, "--late").output.contains("\nLATE, sealed at "))
        // It is sealed already: the same once more is no new sealing.
        #expect(try await seal(file).status == 0)
        let list = try await plan("list", "--store", database)
        #expect(list.output.contains("\t2020-01-01T00:00:00+08:00\t7+2\tlate\tT\n"))
    }

    @Test("seal ends with 3 for wrong plans, 5 for what is no store, 4 without permission")
    func statuses() async throws {
        #expect(try await seal(try file(start: "nothing")).status == 3)
        try "not a store".write(toFile: database, atomically: true, encoding: .utf8)
        #expect(try await seal(try file()).status == 5)
        #expect(try await plan("list", "--store", directory.path + "/none.db").status == 5)
        #expect(try await plan("list").status == 2)
    }

    @Test("list and show tell what was sealed, lodged and abandoned")
    func listed() async throws {
        _ = try SQLiteRecordStore(path: database)
        let none = try await plan("list", "--store", database)
        #expect(none.status == 0)
        #expect(none.output == "No plan was sealed in this store.\n")
        for title in ["first", "second"] { _ = try await seal(try file(title: title)) }
        let plans = try SQLiteRecordStore(reading: database).plans()
        let (first, second) = (plans[0].hash.short, plans[1].hash.short)
        let lodged = try await plan(
            "lodge", first, "--store", database, "--note", "mail to the assessor")
        #expect(lodged.status == 0)
        #expect(lodged.output.contains(": mail to the assessor\n"))
        let gone = ["abandon", second, "--store", database, "--reason", "other hosts"]
        #expect(try await plan(gone[0], gone[1], gone[2], gone[3], gone[4], gone[5]).status == 0)
        #expect(try await plan(gone[0], gone[1], gone[2], gone[3], gone[4], gone[5]).status == 1)
        let list = try await plan("list", "--store", database)
        #expect(
            list.output == """
                \(first)\t2190-01-01T00:00:00+08:00\t7+2\tsealed,lodged\tfirst
                \(second)\t2190-01-01T00:00:00+08:00\t7+2\tsealed,abandoned\tsecond

                """)
        let show = try await plan("show", second, "--store", database, "--language", "zh")
        #expect(show.output.hasPrefix("Plan \(plans[1].hash)\nsealed at "))
        #expect(show.output.contains(": other hosts\n评估方案：second\n"))
        let json = try await plan("show", first, "--store", database, "--format", "json")
        #expect(Array(json.output.utf8) == plans[0].document)
        let yaml = try await plan("show", first, "--store", database, "--format", "yaml")
        #expect(Array(yaml.output.utf8) == plans[0].yaml)
        let unknown = try await plan("show", "ffffffff", "--store", database)
        #expect(unknown.status == 1)
        #expect(unknown.errors.contains("no sealed plan's hash begins with ffffffff"))
        #expect(try await plan("abandon", first, "--store", database, "--reason", " ").status == 2)
    }

    @Test("lodge takes a time stamp of this plan's hash alone")
    func stamped() async throws {
        for title in ["first", "second"] { _ = try await seal(try file(title: title)) }
        let plans = try SQLiteRecordStore(reading: database).plans()
        let folder = directory.path
        let settings = """
            [req]
            distinguished_name = name
            x509_extensions = stamping
            [name]
            [stamping]
            extendedKeyUsage = critical,timeStamping
            [tsa]
            default_tsa = authority
            [authority]
            serial = \(folder)/serial
            signer_cert = \(folder)/authority.pem
            signer_key = \(folder)/authority.key
            signer_digest = sha256
            default_policy = 1.2.3.4.1
            digests = sha256
            """
        try settings.write(toFile: folder + "/tsa.cnf", atomically: true, encoding: .utf8)
        try "01\n".write(toFile: folder + "/serial", atomically: true, encoding: .utf8)
        let request = "\(folder)/plan-\(plans[0].hash.short).tsq"
        let answer = folder + "/a.tsr"
        try await offPool {
            let openssl = URL(filePath: "/usr/bin/openssl")
            let made = try run(
                openssl,
                [
                    "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-keyout", "\(folder)/authority.key", "-out",
                    "\(folder)/authority.pem", "-days", "2", "-subj", "/CN=Stamps", "-config",
                    "\(folder)/tsa.cnf",
                ])
            #expect(made.status == 0)
            let replied = try run(
                openssl,
                [
                    "ts", "-reply", "-config", "\(folder)/tsa.cnf", "-queryfile", request, "-out",
                    answer,
                ])
            #expect(replied.status == 0, "\(replied.errors)")
        }
        let wrong = try await plan(
            "lodge", plans[1].hash.short, "--store", database, "--response", answer)
        #expect(wrong.status == 1)
        #expect(wrong.errors.contains("is a time stamp of \(plans[0].hash), not of plan"))
        let right = try await plan(
            "lodge", plans[0].hash.short, "--store", database, "--response", answer)
        #expect(right.status == 0)
        #expect(right.output.contains("stamped by a time-stamp authority at 20"))
        #expect(
            try SQLiteRecordStore(reading: database).plans()[0].lodgings.map(\.kind) == [.timeStamp]
        )
        #expect(
            try await plan("list", "--store", database).output.contains("\tsealed,stamped\tfirst"))
        let request2 = try await plan(
            "lodge", plans[0].hash.short, "--store", database, "--response", request)
        #expect(request2.status == 5)
        #expect(request2.errors.contains("is no time stamp: "))
        #expect(try await plan("lodge", plans[0].hash.short, "--store", database).status == 2)
    }

    @Test("--help teaches the way from a file to a lodged plan")
    func help() async throws {
        let help = try await plan("--help")
        #expect(help.status == 0)
        for word in [
            "plan new", "plan check", "plan seal", "plan lodge", "Annex A", "never deleted",
        ] {
            #expect(help.output.contains(word), "\(word)")
        }
        for command in ["new", "check", "seal", "list", "show", "lodge", "abandon"] {
            #expect(try await plan(command, "--help").status == 0)
        }
    }
}
