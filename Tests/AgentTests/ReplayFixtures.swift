import Foundation
import Metering
import Scenarios
import Traffic
import Transactions

@testable import Agent

/// A capture file of made-up HTTP traffic on port 8080: Ethernet and IPv4, microseconds.
///
/// Source: pcap-savefile(5).
struct MadeCapture {
    static let header: [UInt8] =
        word(0xa1b2_c3d4) + word(0x0004_0002) + word(0) + word(0) + word(65_535) + word(1)

    /// Records of the file, one per packet.
    private(set) var records: [[UInt8]] = []
    private var time: UInt64
    private var sequences: [UInt16: (client: UInt32, server: UInt32)] = [:]

    /// Packets come a millisecond apart from `start` on, in microseconds.
    init(start: UInt64 = 1_700_000_000_000_000) { time = start }

    var bytes: [UInt8] { Self.header + records.flatMap { $0 } }

    /// A request and its response, whole segments of the connection of `port`.
    mutating func exchange(
        port: UInt16 = 40_000, method: String = "GET", target: String, status: Int = 200,
        body: String = ""
    ) {
        send(port, true, "\(method) \(target) HTTP/1.1\r\nHost: x\r\nX-Secret: SECRET\r\n\r\n")
        send(
            port, false,
            "HTTP/1.1 \(status) OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
    }

    mutating func send(_ port: UInt16, _ toServer: Bool, _ text: String) {
        let payload = Array(text.utf8)
        var numbers = sequences[port] ?? (1000, 9000)
        let sequence = toServer ? numbers.client : numbers.server
        let acknowledged = toServer ? numbers.server : numbers.client
        if toServer {
            numbers.client &+= UInt32(payload.count)
        } else {
            numbers.server &+= UInt32(payload.count)
        }
        sequences[port] = numbers
        let length = UInt16(40 + payload.count)
        var frame = [UInt8](repeating: 0, count: 12) + [0x08, 0x00, 0x45, 0]
        frame += Self.big(length) + [0, 0, 0x40, 0, 64, 6, 0, 0]
        frame += toServer ? [10, 0, 0, 1, 10, 0, 0, 2] : [10, 0, 0, 2, 10, 0, 0, 1]
        frame += toServer ? Self.big(port) + Self.big(8080) : Self.big(8080) + Self.big(port)
        frame += Self.big(UInt16(sequence >> 16)) + Self.big(UInt16(truncatingIfNeeded: sequence))
        frame += Self.big(UInt16(acknowledged >> 16))
        frame += Self.big(UInt16(truncatingIfNeeded: acknowledged))
        frame += [0x50, 0x10, 0xff, 0xff, 0, 0, 0, 0] + payload
        time += 1000
        let stamp = Self.word(UInt32(time / 1_000_000)) + Self.word(UInt32(time % 1_000_000))
        let size = Self.word(UInt32(frame.count))
        records.append(stamp + size + size + frame)
    }

    private static func word(_ number: UInt32) -> [UInt8] {
        withUnsafeBytes(of: number.littleEndian, Array.init)
    }

    private static func big(_ number: UInt16) -> [UInt8] {
        [UInt8(number >> 8), UInt8(number & 0xff)]
    }
}

/// Rules of one scenario on port 8080, as a configuration would give them.
let madePlan = ReplayPlan(
    names: ["gate"],
    services: [EngineService(ports: [8080], selectors: madeCounter.rules.selectors)],
    scenarios: madeScenarios, counter: madeCounter)

private let madeCounter = FlowCounter(madeScenarios, countsFlows: [true])

private let madeScenarios = [
    scenario(
        .credit, "/credit/{id}/apply", method: "POST",
        [
            OutcomeCondition(
                .refused, statuses: [],
                fields: [
                    FieldCondition(
                        field: .message(.responseJSON(["code"])),
                        values: [Array("E1001".utf8)])
                ]),
            OutcomeCondition(.completed, statuses: [.hundred(2)]),
        ])
]

/// A scenario of one step, without a key.
func scenario(
    _ id: ScenarioID, _ path: String, method: String, _ outcomes: [OutcomeCondition]
) -> FlowScenario {
    let segments = path.dropFirst().split(separator: "/").map { segment in
        segment.hasPrefix("{")
            ? PathTemplate.Segment.parameter("\(segment.dropFirst().dropLast())")
            : .literal("\(segment)")
    }
    return FlowScenario(
        id: id,
        steps: [
            FlowStep(
                name: "step",
                request: RequestMatch(methods: [method], path: PathTemplate(segments: segments)),
                key: nil, requires: [], completes: true, count: nil, outcomes: outcomes)
        ], refusalCounts: id.refusalIsCompleteFlow, expiry: .seconds(60), deduplication: .none)
}

/// A book that knows no flows.
func emptyBook() -> FlowBook {
    FlowBook(
        secret: FlowSecret.random().secret,
        limits: FlowBookLimits(keys: 1000, remember: .seconds(60)))
}

/// Runs `body` with files of these contents in a folder that is removed after it.
func withFiles<Result>(
    _ contents: [[UInt8]], _ body: ([String]) throws -> Result
) throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let paths = try contents.enumerated().map { index, content in
        let url = folder.appending(path: "\(index).pcap")
        try Data(content).write(to: url)
        return url.path
    }
    return try body(paths)
}
