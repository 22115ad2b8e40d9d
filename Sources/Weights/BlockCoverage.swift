package import Metering

extension LoadSchedule {
    /// How far a record may reach over an end of a stretch, as a part of it.
    package static let overhang = 0.05
    /// The part of a block's measured time that records cover on every host, or it is not whole. What one
    /// host used beside what another counted is off by no more than the rest.
    package static let coverage = 0.9...1.05

    /// Lengths of windows that are named where others do not do.
    private static let usual: [Nanoseconds] = [1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600].map {
        .seconds($0)
    }

    /// Throws where agents' windows of this length, which begin at its multiples in UTC, leave more of a
    /// block uncovered than `experiment read` accepts; names lengths that do not.
    package func check(window: Nanoseconds) throws(ScheduleError) {
        guard let covered = unfit(window) else { return }
        let fitting = Self.usual.filter { unfit($0) == nil }
        throw .window(window, covered: covered, fitting: fitting)
    }

    /// The part of a block's measured time that whole windows cover, of the first block where it is too
    /// little or too much; `nil` where there is none.
    private func unfit(_ window: Nanoseconds) -> Double? {
        guard window > .zero else { return 0 }
        return blocks.lazy.map { $0.coverage(by: window.rawValue) }
            .first { !Self.coverage.contains($0) }
    }
}

extension LoadSchedule.Block {
    /// A window belongs to the block where its middle lies in it and its ends not far outside.
    fileprivate func coverage(by window: UInt64) -> Double {
        let length = end.since(measuredFrom)
        let overhang = UInt64(length.seconds * LoadSchedule.overhang * 1e9)
        let early = measuredFrom.rawValue - min(measuredFrom.rawValue, min(overhang, window / 2))
        // The middle of the last lies before the end.
        let late = end.rawValue.addingClamped(min(overhang, (window - 1) / 2))
        let first = early / window + (early.isMultiple(of: window) ? 0 : 1)
        let last = late / window
        guard first < last else { return 0 }
        return Double((last - first) * window) / Double(length.rawValue)
    }
}
