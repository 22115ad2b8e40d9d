import Assessment
import Foundation
import Metering
import Report
import Store
import Testing

@testable import Collector

@Suite("Usage by the sites of a plan, computed without the program")
struct SiteUsageTests {
    let directory: TemporaryDirectory
    /// 2026-10-31T16:00Z, midnight in China.
    private static let start: Int64 = 1_793_462_400 / 3_600
    private static let hours: Int64 = 24 * 40

    init() throws { directory = try TemporaryDirectory() }

    /// Of an hour, in µJ; even, so that half of it is whole.
    private static func energy(_ host: String, _ hour: Int64) -> UInt64 {
        let seed = host.utf8.reduce(UInt64(3)) { $0 &* 131 &+ UInt64($1) } &+ UInt64(hour)
        return 700_000_000_000 + ((seed &* 0x9E37_79B9_7F4A_7C15) >> 34) * 2
    }

    private static func time(_ halfHours: Int64) -> Timestamp {
        Timestamp(UInt64((start * 2 + halfHours) * 1_800) * 1_000_000_000)
    }

    /// Host a1 moves from site a to site b after 241 half hours; a's electricity changes after 1,001; b1 leaves
    /// after 1,500.
    private static var plan: Plan {
        var plan = PlanFleet.plan
        plan.sites[0].supplies[1].from = time(1_001)
        plan.sites[1].pue = nil
        plan.hosts[0].assignments = [
            Assignment(site: "a", to: time(241)), Assignment(site: "b", from: time(241)),
        ]
        plan.hosts[3].assignments = [Assignment(site: "b", to: time(1_500))]
        return plan
    }

    private func filled() throws -> SQLiteRecordStore {
        let store = try SQLiteRecordStore(path: directory.path + "/records.db")
        let parts = ["a1", "a2", "b1", "other"].map { host in
            let parts = (0..<Self.hours).map { offset in
                var sums = Rollup()
                sums[.records] = 1
                sums[.measured] = Self.energy(host, offset)
                sums[.energyTime] = HourPart.length
                sums.flags = .simulated
                return HourPart(hour: Self.start + offset, sums: sums)
            }
            return (agent: host, parts: parts)
        }
        try store.add(simulated: parts)
        return store
    }

    /// By site and electricity, half hour by half hour.
    private func truth(
        _ halves: Range<Int64>
    ) -> [String: (energy: UInt64, products: Double)] {
        var sums: [String: (energy: UInt64, products: Double)] = [:]
        for half in halves {
            for host in ["a1", "a2", "b1", "other"] {
                let site =
                    switch host {
                    case "a1": half < 241 ? "a" : "b"
                    case "a2": "a"
                    case "b1": half < 1_500 ? "b" : ""
                    default: ""
                    }
                let factor = site == "a" && half >= 1_001 ? PlanFleet.diesel : PlanFleet.grid
                let energy = Self.energy(host, half / 2) / 2
                sums[site, default: (0, 0)].energy += energy
                sums[site, default: (0, 0)].products += Double(energy) * Double(factor)
            }
        }
        return sums
    }

    @Test("by month and by day, with the hour in which something changes divided by time")
    func sites() throws {
        let store = try filled()
        let plan = Self.plan
        let hash = try #require(PlanHash([UInt8](repeating: 7, count: 32)))
        func usage(_ step: UsageRequest.Step, _ to: Int64) throws -> SiteUsageContent {
            try Pipeline.siteUsage(
                UsageRequest(
                    from: Self.time(0), to: Self.time(to), step: step, byHost: false),
                of: plan, hash, from: store)
        }
        // November has 30 days in China.
        let months = try usage(.month, Self.hours * 2)
        #expect(months.lines.map(\.site) == ["a", "b", nil, "a", "b", nil])
        #expect(months.lines.map(\.hosts) == [2, 2, 1, 1, 2, 2])
        for (index, line) in months.lines.enumerated() {
            let halves = index < 3 ? 0..<Int64(1_440) : 1_440..<Self.hours * 2
            let truth = try #require(truth(halves)[line.site ?? ""])
            #expect(line.energy.rawValue == truth.energy)
            #expect(line.isSimulated)
            guard let site = line.site else {
                #expect(line.tonnes == nil && line.facilityTonnes == nil)
                continue
            }
            let tonnes = try #require(line.tonnes)
            #expect(abs(tonnes / (truth.products / 3.6e24) - 1) < 1e-9)
            #expect(line.unit == "tCO2" && line.known == 1)
            #expect(
                line.factors
                    == (site == "a" && index < 3
                        ? ["diesel", "grid"] : site == "a" ? ["diesel"] : ["grid"]))
            if site == "a" {
                let facility = try #require(line.facilityTonnes)
                #expect(abs(facility / tonnes - 1.35) < 1e-9)
            } else {
                #expect(line.facilityTonnes == nil)
            }
        }
        // Days sum to months.
        let days = try usage(.day, 1_440)
        for site in ["a", "b", nil] {
            let sum = days.lines.filter { $0.site == site }.reduce(UInt64(0)) {
                $0 + $1.energy.rawValue
            }
            #expect(sum == months.lines.first { $0.site == site }?.energy.rawValue)
        }
        #expect(days.lines.filter { $0.site == "a" }.count == 30)
    }

    @Test("by the command, for a sealed plan alone")
    func command() async throws {
        let store = try filled()
        let sealed = try PlanFleet.seal(in: store)
        try store.close()
        func usage(_ more: String...) async throws -> Finished {
            let arguments =
                [
                    "usage", "--store", directory.path + "/records.db", "--from",
                    "2026-11-01T00:00+08:00", "--to", "2026-12-01T00:00+08:00", "--by", "month",
                ] + more
            return try await offPool {
                try run(products.appending(path: "jouleflow-collector"), arguments)
            }
        }
        let end = try await usage("--per", "site", "--plan", sealed.hash.short, "--format", "csv")
        #expect(end.status == 0, "\(end.errors)")
        let lines = end.output.split(separator: "\r\n")
        #expect(lines.count == 4 && lines[0].hasPrefix("assessment,simulated,from,to,site,hosts,"))
        #expect(lines[1].hasPrefix("no,yes,2026-10-31T16:00:00Z,2026-11-30T16:00:00Z,a,2,"))
        let json = try await usage("--per", "site", "--plan", sealed.hash.short, "--format", "json")
        let object = try #require(
            try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any])
        #expect(object["plan"] as? String == sealed.hash.description)
        #expect((object["lines"] as? [[String: Any]])?.count == 3)
        let table = try await usage("--per", "site", "--plan", sealed.hash.short)
        #expect(table.output.hasPrefix("非评估结果 / not an assessment"))
        #expect(table.output.contains("(no site)"))
        #expect(try await usage("--per", "site").status == 2)
        #expect(try await usage("--plan", sealed.hash.short).status == 2)
        #expect(try await usage("--per", "site", "--plan", "ffff").status == 1)
    }
}
