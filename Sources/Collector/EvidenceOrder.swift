import Bundle

/// Holds the entries of a bundle to the order that docs/bundle.md tells.
struct EvidenceOrder {
    private var before = 0

    /// What is wrong where an entry of this type comes next; `nil` where nothing is.
    mutating func note(_ type: EvidenceType) -> String? {
        guard let stage = Self.stage(type) else { return nil }
        defer { before = stage }
        return stage < before ? "type \(type.rawValue) is not in its order" : nil
    }

    /// Entries of one stage stand beside each other; bytes stand behind any document, the end behind all.
    private static func stage(_ type: EvidenceType) -> Int? {
        switch type {
        case .head: 0
        case .factors: 1
        case .plan, .lodging: 2
        case .imported: 3
        case .revision: 4
        case .manifest: 5
        case .run, .batch, .loss, .part, .deletion: 6
        case .alert: 7
        case .figures: 8
        case .bytes, .end: nil
        }
    }
}
