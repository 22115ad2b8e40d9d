/// An upper bound for the share of exchanges that a window's counts may lack or have twice.
package struct CountLoss: Sendable, Hashable, Comparable {
    /// Above this share, one in a thousand, counts are doubtful.
    package static let doubtful = CountLoss(partsPerMillion: 1000)

    /// 0 to 1,000,000.
    package let partsPerMillion: UInt64

    package init(partsPerMillion: UInt64) {
        self.partsPerMillion = min(partsPerMillion, 1_000_000)
    }

    /// The bound for `tally`, counted over `duration`.
    ///
    /// The sum, rounded up and 1,000,000 at most, of
    ///
    /// - lost / (lost + exchanges), where lost = the larger of `kernelDrops` and `undatedDrops`
    ///   + `interfaceDrops` + `gaps` + `evicted` + `unread` + `shed` + `keyless` +
    ///   `forgottenKeys` + `unjoined`: each is taken to hide one exchange, or to have one counted
    ///   twice, and a drop that left a gap counts as both;
    /// - `uncaptured` / `duration`: the time without capture is taken to have had as many
    ///   exchanges as the rest.
    ///
    /// Without losses it is 0. A window with losses and no exchange has 1,000,000.
    package init(of tally: Tally, over duration: Nanoseconds) {
        let losses = tally.losses
        let lost = max(losses.kernelDrops, losses.undatedDrops)
            .addingClamped(losses.interfaceDrops).addingClamped(losses.gaps)
            .addingClamped(losses.evicted).addingClamped(losses.unread)
            .addingClamped(losses.shed).addingClamped(losses.keyless)
            .addingClamped(losses.forgottenKeys).addingClamped(losses.unjoined)
        let share = Self.share(lost, of: lost.addingClamped(tally.exchanges))
        let away = Self(uncaptured: losses.uncaptured, of: duration)
        self.init(partsPerMillion: share + away.partsPerMillion)
    }

    /// The part of it that `uncaptured` nanoseconds without capture are.
    package init(uncaptured: UInt64, of duration: Nanoseconds) {
        self.init(partsPerMillion: Self.share(uncaptured, of: duration.rawValue))
    }

    /// The part of the packets of services that were left out, `shed` beside `followed`.
    package init(shed: UInt64, beside followed: UInt64) {
        self.init(partsPerMillion: Self.share(shed, of: shed.addingClamped(followed)))
    }

    package static func < (one: Self, other: Self) -> Bool {
        one.partsPerMillion < other.partsPerMillion
    }

    /// In percent, rounded up to a hundredth: `0.11 %`.
    package var percent: String {
        let hundredths = (partsPerMillion + 99) / 100
        let rest = hundredths % 100
        return "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest) %"
    }

    /// In parts per million, rounded up; all of it where the whole is smaller than the part.
    private static func share(_ part: UInt64, of whole: UInt64) -> UInt64 {
        guard part > 0 else { return 0 }
        guard part < whole else { return 1_000_000 }
        let product = part.multipliedFullWidth(by: 1_000_000)
        let (quotient, remainder) = whole.dividingFullWidth(product)
        return remainder > 0 ? quotient + 1 : quotient
    }
}

extension TrafficLosses {
    /// Exchanges whose request and response were captured, perhaps, and not joined: a request and a
    /// response that are unpaired may be of one. Those of one kind alone are of none: what was not
    /// answered, or asked before the capture began.
    package var unjoined: UInt64 { min(unpairedRequests, unpairedResponses) }
}
