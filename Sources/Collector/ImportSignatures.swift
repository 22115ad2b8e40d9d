package import Assessment
package import Chain
import Metering
import Report
import Rounds
import Store

/// What an import's signature is worth.
enum ImportSignature: Hashable {
    /// Its bytes were signed with this key.
    case verified(VerifyingKey)
    case missing
    /// It is there, and there is no key to verify it with.
    case noKey
    /// It is no signature of the bytes with any of the keys.
    case wrong

    init(of stored: StoredImport, by keys: [VerifyingKey]) {
        guard let signature = stored.signature else {
            self = .missing
            return
        }
        if let key = keys.first(where: { $0.verifies(signature, ofBytes: stored.bytes) }) {
            self = .verified(key)
        } else {
            self = keys.isEmpty ? .noKey : .wrong
        }
    }

    /// The word that machines read.
    var word: String {
        switch self {
        case .verified: "verified"
        case .missing: "none"
        case .noKey: "no_key"
        case .wrong: "wrong"
        }
    }

    var wording: Wording {
        switch self {
        case .verified(let key):
            Wording(
                zh: "签名已用公钥 \(key.fingerprint) 验证",
                en: "its signature is verified with key \(key.fingerprint)")
        case .missing: Wording(zh: "未签名", en: "it is not signed")
        case .noKey:
            Wording(
                zh: "已签名，但未指定公钥，未验证", en: "its signature is not verified: no key is named")
        case .wrong:
            Wording(
                zh: "签名与所指定的公钥不符", en: "its signature is of none of the keys that are named")
        }
    }
}

extension Plan {
    /// The keys that may sign the ledger's totals; those that are none are left out.
    package var ledgerVerifyingKeys: [VerifyingKey] {
        ledgerKeys.compactMap { VerifyingKey(hexadecimal: $0) }
    }
}

extension PlanReading {
    /// The keys that the plan names, and those that the report was asked to take.
    var ledgerKeys: [VerifyingKey] { plan.ledgerVerifyingKeys + request.ledgerKeys }

    /// Of scenarios whose TA is the ledger's: totals of the round in imports whose signature is not
    /// verified.
    func unsignedVolumes(in round: PlannedRound) -> [Wording] {
        let ledger = round.scenarios.filter {
            if case .ledger = $0.source { true } else { false }
        }
        return ledger.flatMap { scenario in
            let sources = imports.totals.filter {
                $0.value.scenario == scenario.id
                    && $0.value.interval.clamped(to: round.interval) != nil
            }.map(\.source)
            return Set(sources).sorted().compactMap { source -> Wording? in
                guard let stored = imports.stored(source) else { return nil }
                let signature = ImportSignature(of: stored, by: ledgerKeys)
                if case .verified = signature { return nil }
                let digest = imports.digest(source).prefix(16)
                return Wording(
                    zh: "\(scenario.id) 的 TA 来自台账导入 \(digest)，\(signature.wording.zh)",
                    en: "TA of \(scenario.id) is the word of the ledger's import \(digest): "
                        + signature.wording.en)
            }
        }
    }

    /// Every import whose values count.
    var importLines: [PlanReportContent.ImportLine] {
        imports.counting.map { stored in
            let isLedger = stored.kind == .ledger
            let signature = ImportSignature(of: stored, by: isLedger ? ledgerKeys : [])
            return PlanReportContent.ImportLine(
                kind: stored.kind.rawValue, digest: stored.digest.hexadecimal, time: stored.at,
                signer: stored.signedBy, signature: signature.word, told: signature.wording)
        }
    }
}
