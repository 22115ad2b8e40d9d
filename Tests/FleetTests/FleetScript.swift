import Foundation

/// What happens to a fleet, second by second, as `fleet_play.py` wrote it.
struct FleetScript: Decodable, Sendable {
    /// What begins to hold at a full second of a host's life, before anything of that second.
    struct Event: Decodable, Sendable {
        enum Kind: String, Decodable {
            /// The agent's process starts, or ends as if it was killed.
            case start, stop
            /// The kernel starts anew, with it the counters and CLOCK_BOOTTIME.
            case boot
            /// The counters alone start anew.
            case reset
            /// No counter can be read, or each can again.
            case fail, mend
            /// The spool and where the counters stood are lost; the key stays.
            case forget
            /// Somebody sets the wall clock, by so many nanoseconds.
            case step
        }

        let at: Int
        let kind: Kind
        let value: Int64?
    }

    /// A segment of TCP on a connection of its own.
    struct Packet: Decodable, Sendable {
        /// Nanoseconds since 1970.
        let time: UInt64
        let client: UInt16
        let port: UInt16
        let toServer: Bool
        /// Of a response: bytes of the request.
        let answers: UInt16
        /// One byte a character.
        let text: String
    }

    struct Host: Decodable, Sendable {
        let id: String
        /// `agent.yaml`, with ROOT for the host's folder, COLLECTOR-0 and COLLECTOR-1 for addresses.
        let settings: String
        let software: String
        /// Nanojoules of a step of each register; empty for a host with a wall meter.
        let units: [UInt64]
        let raw: [UInt32]
        /// For each second the microjoules of each register, or the microwatts of the meter.
        let energies: [[UInt64]]
        let events: [Event]
        let packets: [Packet]
    }

    /// Where the first second begins.
    let start: UInt64
    let seconds: Int
    let plan: String
    let factors: String
    let ledger: String
    let readings: String
    let sealed: UInt64
    /// When the report is made.
    let now: UInt64
    let hosts: [Host]

    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    private static let python = URL(fileURLWithPath: "/usr/bin/python3")

    static var isPossible: Bool {
        let isPossible = FileManager.default.isExecutableFile(atPath: python.path)
        if !isPossible { print("skipped: there is no \(python.path)") }
        return isPossible
    }

    /// Runs a script beside this file, on a thread of its own, and gives what it wrote and its status.
    static func run(
        _ script: String, _ arguments: [String]
    ) async throws -> (output: Data, status: Int32) {
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async {
                continuation.resume(with: Result { try runToEnd(script, arguments) })
            }
        }
    }

    private static func runToEnd(
        _ script: String, _ arguments: [String]
    ) throws -> (output: Data, status: Int32) {
        let process = Process()
        process.executableURL = python
        process.arguments = ["-B", folder.appending(path: script).path] + arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (output, process.terminationStatus)
    }
}
