import Assessment
import Metering
import Report
import SCI

extension PlanReportContent.MonthOfSite {
    /// Electricity and O of each site by calendar months of Asia/Shanghai, over the closed rounds of the
    /// plan. A segment over the end of a month gives each side its share by time, the last the rest.
    static func all(_ reading: PlanReading) -> [Self] {
        var parts: [Key: [BoundarySegment]] = [:]
        for (round, _) in reading.closed {
            for segment in round.machines.flatMap(\.segments) {
                for part in segment.months {
                    parts[Key(site: segment.site, month: part.month), default: []].append(
                        part.segment)
                }
            }
        }
        return parts.sorted { ($0.key.month, $0.key.site) < ($1.key.month, $1.key.site) }.map {
            Self($0.key, $0.value, reading)
        }
    }

    private struct Key: Hashable {
        let site: String
        let month: String
    }

    private init(_ key: Key, _ segments: [BoundarySegment], _ reading: PlanReading) {
        let carbon = reading.carbon.location(segments)
        let gases = carbon.value?.gases ?? []
        let energy = PlanReportContent.energy(of: segments)
        self.init(
            month: key.month, site: key.site, kilowattHours: energy.map(\.total.kilowattHours),
            tonnes: carbon.grams(of: reading.plan.scope).map { $0 / 1_000_000 },
            unit: gases.count > 1 ? "mixed" : gases == [.equivalent] ? "tCO2e" : "tCO2",
            isSimulated: segments.contains(where: \.isSimulated))
    }
}

extension BoundarySegment {
    /// Its parts by calendar month, with the energy of the boundary alone.
    fileprivate var months: [(month: String, segment: BoundarySegment)] {
        var parts: [(month: String, segment: BoundarySegment)] = []
        var rest = energy?.boundary
        var start = interval.start
        while start < interval.end {
            let month = String(start.rfc3339InShanghai.prefix(7))
            let end = min(interval.end, Self.end(of: month) ?? interval.end)
            var part = self
            part.interval = Interval(start: start, end: end)
            if end < interval.end, let whole = energy?.boundary {
                let share = whole.floored(part.interval.length, of: interval.length)
                rest = rest?.subtracting(share)
                part.energy = SegmentEnergies(metered: share, host: share, boundary: share)
            } else {
                part.energy = rest.map { SegmentEnergies(metered: $0, host: $0, boundary: $0) }
            }
            parts.append((month, part))
            start = end
        }
        return parts
    }

    /// The beginning of the month after one such as `2026-12`.
    private static func end(of month: String) -> Timestamp? {
        let numbers = month.split(separator: "-").compactMap { Int($0) }
        guard numbers.count == 2 else { return nil }
        let (year, next) = numbers[1] == 12 ? (numbers[0] + 1, 1) : (numbers[0], numbers[1] + 1)
        return Timestamp(dayInShanghai: "\(year)-\(next < 10 ? "0" : "")\(next)-01")
    }
}

extension EnergyStates {
    fileprivate func floored(_ part: Nanoseconds, of whole: Nanoseconds) -> Self {
        func floor(_ energy: Microjoules) -> Microjoules {
            let product = UInt128(energy.rawValue) * UInt128(part.rawValue)
            return Microjoules(UInt64(clamping: product / UInt128(max(1, whole.rawValue))))
        }
        var share = Self()
        share.measured = floor(measured)
        share.bridged = floor(bridged)
        share.estimated = floor(estimated)
        share.imputed = floor(imputed)
        return share
    }

    fileprivate func subtracting(_ other: Self) -> Self {
        var rest = Self()
        rest.measured = measured.subtracting(other.measured) ?? .zero
        rest.bridged = bridged.subtracting(other.bridged) ?? .zero
        rest.estimated = estimated.subtracting(other.estimated) ?? .zero
        rest.imputed = imputed.subtracting(other.imputed) ?? .zero
        return rest
    }
}
