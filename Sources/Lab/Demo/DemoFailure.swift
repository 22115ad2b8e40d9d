/// Why the demonstration could not be carried through. Each sentence says what to do.
package enum DemoFailure: Error, CustomStringConvertible {
    case system(SystemFailure)
    /// A program is not in the folder named.
    case missingProgram(path: String)
    /// Neither this process nor the agent's file has the right to capture.
    case noCaptureRight(agent: String)
    /// The work folder holds something already.
    case workInUse(String)
    /// A program ended or did not get ready; `tail` is the end of its log.
    case program(name: String, what: String, tail: String)
    /// A program's output does not read as expected.
    case unreadable(name: String, what: String)
    case interrupted(signal: Int32)

    /// The exit status as all programs use it, or 128 + the signal.
    package var status: Int32 {
        switch self {
        case .missingProgram, .workInUse: 2
        case .noCaptureRight: 4
        case .system, .unreadable: 5
        case .program: 1
        case .interrupted(let signal): 128 + signal
        }
    }

    package var description: String {
        switch self {
        case .system(let failure): "\(failure)"
        case .missingProgram(let path):
            "\(path): no such program; build with `swift build -c release` and name the folder of"
                + " the programs with --bin"
        case .noCaptureRight(let agent):
            "the right to capture packets (CAP_NET_RAW) is missing; grant it with"
                + " `sudo setcap cap_net_raw+ep \(agent)`, or run the demonstration as root"
        case .workInUse(let path):
            "\(path): is not empty; name an empty or new folder with --work"
        case .program(let name, let what, let tail):
            "\(name) \(what)" + (tail.isEmpty ? "" : "; the end of its log:\n\(tail)")
        case .unreadable(let name, let what): "\(name): \(what)"
        case .interrupted(let signal): "interrupted by signal \(signal)"
        }
    }
}
