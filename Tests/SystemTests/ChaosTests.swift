import Foundation
import Testing

extension SystemTests {
    @Suite(
        "When things break",
        .enabled("needs root: it makes namespaces and file systems") { Host.isRoot },
        .enabled("ip, nft or mkfs.ext4 is missing: scripts/install-dependencies --chaos") {
            Host.has("ip", "nft", "nsenter", "mkfs.ext4", "fsck.ext4", "losetup", "mount")
        })
    struct ChaosTests {
        /// What must not happen in any fault.
        private static let losses = [
            "missing", "duplicated", "altered", "undeclared_losses", "false_losses", "conflicts",
        ]

        @Test("every record arrives once and unaltered, and what is lost is declared")
        func quick() throws {
            try Site.with { site in
                let file = site.path("chaos.json")
                let outcome = try Host.run(
                    [
                        "python3", "\(Host.sources)/Chaos/chaos", "--quick", "--bin",
                        try #require(Host.programs), "--out", file,
                    ], within: 150)
                #expect(outcome.status == 0, "\(outcome.printed)\n\(outcome.said)")

                let result = try dictionary(read(file))
                let faults = try #require(result["faults"] as? [String: [String: Any]])
                #expect(faults.count >= 7)
                for (name, figures) in faults {
                    #expect(figures["runs"] as? Int ?? 0 > 0, "\(name) did not happen")
                    #expect(figures["records"] as? Int ?? 0 > 0, "\(name) made no records")
                    for loss in Self.losses {
                        #expect(figures[loss] as? Int == 0, "\(name): \(loss)")
                    }
                    let bound = try #require(figures["recovery_bound_seconds"] as? Double)
                    #expect(figures["recovery_seconds"] as? Double ?? .infinity <= bound, "\(name)")
                }
                #expect(result["kills"] as? Int ?? 0 >= 30)
            }
        }

        @Test("a fault of each kind that is planted in a store is found")
        func selfTest() throws {
            let outcome = try Host.run(
                ["python3", "\(Host.sources)/Chaos/chaos", "--self-test"], within: 30)
            #expect(outcome.status == 0, "\(outcome.printed)\(outcome.said)")
        }

        @Test("an unknown fault is named, and nothing begins")
        func unknownFault() throws {
            let outcome = try Host.run(
                ["python3", "\(Host.sources)/Chaos/chaos", "--faults", "flood"], within: 10)
            #expect(outcome.status == 2)
            #expect(outcome.said.contains("there is no fault flood; --help lists them"))
        }
    }
}
