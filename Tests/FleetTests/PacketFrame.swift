extension FleetScript.Packet {
    /// Ethernet, IPv4 and TCP around the text. A connection is one request and one response, each in
    /// one segment.
    var frame: [UInt8] {
        let payload = text.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }
        var frame = [UInt8](repeating: 0, count: 12) + [0x08, 0x00, 0x45, 0]
        frame += Self.big(UInt16(40 + payload.count)) + [0, 0, 0x40, 0, 64, 6, 0, 0]
        frame += toServer ? [10, 0, 0, 1, 10, 0, 0, 2] : [10, 0, 0, 2, 10, 0, 0, 1]
        frame += toServer ? Self.big(client) + Self.big(port) : Self.big(port) + Self.big(client)
        let numbers: [UInt16] = toServer ? [0, 1_000, 0, 9_000] : [0, 9_000, 0, 1_000 + answers]
        frame += numbers.flatMap(Self.big)
        return frame + [0x50, 0x10, 0xff, 0xff, 0, 0, 0, 0] + payload
    }

    private static func big(_ number: UInt16) -> [UInt8] {
        [UInt8(number >> 8), UInt8(number & 0xff)]
    }
}
