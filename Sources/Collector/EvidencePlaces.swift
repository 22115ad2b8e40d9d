import Bundle
import Store

/// A bundle holds more than this program takes into memory.
enum EvidenceLimit: Error, CustomStringConvertible {
    case documents, repeated, altered
    case rounds(Int)

    var description: String {
        switch self {
        case .documents:
            "its documents exceed \(EvidenceDocument.maximumBytes) bytes"
        case .repeated:
            "more than \(RepeatedPlaces.most) places repeat flows: they cannot be compared"
        case .altered: "the file was altered while it was read"
        case .rounds(let count):
            "\(count) rounds of machines exceed \(EvidenceSource.maximumRounds)"
        }
    }
}

extension EvidenceFrame {
    var place: String { "entry \(number), at byte \(offset)" }
}

extension ExportedRun {
    var title: String { "run \(String(run.rawValue, radix: 16)) of \(agent)" }

    /// By the bytes of the agent's name, then the run as a signed number, as stores order them.
    func precedes(_ other: Self) -> Bool {
        if agent.utf8.elementsEqual(other.agent.utf8) {
            return Int64(bitPattern: run.rawValue) < Int64(bitPattern: other.run.rawValue)
        }
        return agent.utf8.lexicographicallyPrecedes(other.agent.utf8)
    }
}

extension ExportedBatch {
    var title: String { "records \(first) to \(first &+ UInt64(records.count) &- 1)" }
}
