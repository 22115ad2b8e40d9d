import Records
package import Store

/// A set of counting rules that agents have or had, as their manifests name it.
package struct RuleSet: Sendable, Hashable {
    /// SHA-256 in 64 lowercase hexadecimal digits.
    package let digest: String
    /// In order.
    package let agents: [String]
}

extension Pipeline {
    /// Every rule set that a stored manifest names, by digest; manifests that do not decode and
    /// digests that are none are left out.
    package static func ruleSets(
        in store: SQLiteRecordStore
    ) throws(StoreError) -> [RuleSet] {
        var agents: [String: Set<String>] = [:]
        for bytes in try store.manifests() {
            guard let manifest = try? RecordCodec.decodeManifest(bytes) else { continue }
            let digest = manifest.rulesDigest.utf8
            let isDigest =
                digest.count == 64
                && digest.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
            if isDigest { agents[manifest.rulesDigest, default: []].insert(manifest.agent) }
        }
        return agents.map { RuleSet(digest: $0, agents: $1.sorted()) }
            .sorted { $0.digest < $1.digest }
    }
}
