import Testing

@testable import Settings

@Suite("Text that is no settings file")
struct HostileTextTests {
    /// Reads `bytes` as both files; a refusal must name at least one error.
    private func read(_ bytes: [UInt8]) -> Bool {
        var isAccepted = true
        do throws(SettingsErrors) {
            _ = try AgentSettings.parse(bytes, name: "agent.yaml", hostName: "h")
        } catch {
            isAccepted = false
            #expect(!error.errors.isEmpty && !error.description.isEmpty)
        }
        do throws(SettingsErrors) {
            _ = try CollectorSettings.parse(bytes, name: "collector.yaml")
        } catch {
            #expect(!error.errors.isEmpty && !error.description.isEmpty)
        }
        return isAccepted
    }

    private func isUnconfigured(_ bytes: [UInt8]) -> Bool {
        let settings = try? AgentSettings.parse(bytes, name: "agent.yaml", hostName: "host")
        return settings?.isUnconfigured ?? false
    }

    @Test(
        "made by cutting a good one anywhere is read or refused",
        arguments: [false, true])
    func truncations(withFlows: Bool) {
        let bytes = Array((withFlows ? Samples.flows : Samples.agent).utf8)
        let accepted = bytes.indices.filter { read(Array(bytes[..<$0])) }
        // Only the end of the last line may be missing, or all that configures something.
        #expect(
            accepted.allSatisfy { end in
                end >= bytes.count - 1 || isUnconfigured(Array(bytes[..<end]))
            })
        for end in Samples.collector.utf8.indices {
            _ = read(Array(Samples.collector.utf8[..<end]))
        }
    }

    @Test(
        "made by 12,000 random changes of a good one is read or refused",
        arguments: [false, true])
    func mutations(withFlows: Bool) {
        let bytes = Array((withFlows ? Samples.flows : Samples.agent).utf8)
        let special = Array("{}[],:#&*!|>'\"%@`-? \n\t\r\0\u{85}0x~".utf8)
        var random = Seeded(state: 20_322)
        var accepted = 0
        for _ in 0..<12_000 {
            var changed = bytes
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let at = Int.random(in: 0..<changed.count, using: &random)
                let end = min(changed.count, at + Int.random(in: 1...20, using: &random))
                switch Int.random(in: 0..<5, using: &random) {
                case 0: changed[at] = UInt8.random(in: 0...255, using: &random)
                case 1: changed[at] = special.randomElement(using: &random) ?? 0
                case 2: changed.insert(special.randomElement(using: &random) ?? 0, at: at)
                case 3: changed.removeSubrange(at..<end)
                default: changed.insert(contentsOf: changed[at..<end], at: at)
                }
            }
            if read(changed) { accepted += 1 }
        }
        // Changes inside comments and names leave some valid: both ways are exercised.
        #expect((200..<9000).contains(accepted), "\(accepted) accepted")
    }
}
