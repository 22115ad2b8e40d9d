import Metering

/// Roll-ups ↔ bytes. docs/store.md tells the layout: a version, then whole numbers in 7-bit groups, the
/// lowest first (LEB128), each list with its length before it, so that figures of later versions are
/// passed over, and those that an earlier version did not have are 0.
enum RollupCoding {
    static let version: UInt8 = 1

    /// `id` gives the number of a scenario.
    static func encode(
        _ rollup: Rollup, id: (ScenarioID) throws -> UInt64
    ) rethrows -> [UInt8] {
        var bytes: [UInt8] = [version]
        bytes.reserveCapacity(256)
        append(rollup.flags.rawValue, &bytes)
        append(rollup.sources, &bytes)
        append(rollup.scopes, &bytes)
        append(rollup.clockError.map { $0.addingClamped(1) } ?? 0, &bytes)
        append(UInt64(rollup.sums.count), &bytes)
        for sum in rollup.sums { append(sum, &bytes) }
        append(UInt64(rollup.scenarios.count), &bytes)
        append(UInt64(Rollup.width), &bytes)
        for (index, scenario) in rollup.scenarios.enumerated() {
            append(try id(scenario), &bytes)
            for figure in 0..<Rollup.width {
                append(rollup.scenarioSums[index * Rollup.width + figure], &bytes)
            }
        }
        return bytes
    }

    /// `nil` where the bytes are no roll-up. `name` gives the scenario of a number.
    static func decode(_ bytes: [UInt8], name: (UInt64) -> ScenarioID?) -> Rollup? {
        var reader = Reader(bytes: bytes, at: 1)
        guard bytes.first == version, let flags = reader.next(), let sources = reader.next(),
            let scopes = reader.next(), let clock = reader.next(), let figures = reader.next()
        else { return nil }
        var rollup = Rollup()
        rollup.flags = RecordFlags(rawValue: flags)
        rollup.note(sources: sources, scopes: scopes)
        rollup.clockError = clock == 0 ? nil : clock - 1
        guard figures <= UInt64(bytes.count) else { return nil }
        for index in 0..<Int(figures) {
            guard let sum = reader.next() else { return nil }
            if index < rollup.sums.count { rollup.sums[index] = sum }
        }
        guard let scenarios = reader.next(), let width = reader.next(),
            scenarios <= UInt64(bytes.count), width <= UInt64(bytes.count)
        else { return nil }
        for hint in 0..<Int(scenarios) {
            guard let scenario = reader.next().flatMap(name) else { return nil }
            let place = rollup.place(of: scenario, hint: hint)
            for figure in 0..<Int(width) {
                guard let sum = reader.next() else { return nil }
                if figure < Rollup.width {
                    // Those beyond the numbered ones share a number, and are one.
                    let index = place * Rollup.width + figure
                    rollup.scenarioSums[index] = rollup.scenarioSums[index].addingClamped(sum)
                }
            }
        }
        return reader.isAtEnd ? rollup : nil
    }

    private static func append(_ number: UInt64, _ bytes: inout [UInt8]) {
        var rest = number
        while rest > 0x7F {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    private struct Reader {
        let bytes: [UInt8]
        var at: Int

        var isAtEnd: Bool { at == bytes.count }

        mutating func next() -> UInt64? {
            var (number, shift): (UInt64, UInt64) = (0, 0)
            while at < bytes.count, shift < 64 {
                let byte = bytes[at]
                at += 1
                // The tenth byte has room for one bit.
                guard shift < 63 || byte <= 1 else { return nil }
                number |= UInt64(byte & 0x7F) << shift
                if byte < 0x80 { return number }
                shift += 7
            }
            return nil
        }
    }
}
