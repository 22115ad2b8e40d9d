import Metering

/// The parts of a period of which each is told from the others.
enum HeldOut {
    /// A stretch held out, where the windows span at least three of them: a day.
    private static let stretch = Nanoseconds.seconds(86_400)
    /// Parts that are held out of shorter spans.
    private static let parts = 8

    /// Windows of one day after another from the first; of shorter spans as many in each part.
    static func parts(of starts: [Timestamp]) -> [Range<Int>] {
        guard let first = starts.first, let last = starts.last else { return [] }
        if last.since(first) >= Nanoseconds(2 * stretch.rawValue) {
            let days = starts.map { $0.since(first).rawValue / stretch.rawValue }
            var bounds = [0]
            for index in 1..<days.count where days[index] != days[index - 1] {
                bounds.append(index)
            }
            if bounds.count >= 3 {
                return zip(bounds, bounds.dropFirst() + [days.count]).map { $0..<$1 }
            }
        }
        let parts = min(Self.parts, starts.count)
        return (0..<parts).map { part in
            starts.count * part / parts..<starts.count * (part + 1) / parts
        }
    }
}
