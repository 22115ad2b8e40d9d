import Glibc

/// Why the simulated counters cannot be kept. Each sentence ends with what to do.
package enum SimulationFailure: Error, CustomStringConvertible {
    case system(SystemFailure)
    /// The folder holds something this program did not make.
    case notOurs(folder: String, found: String)
    /// Another process keeps the counters of the tree.
    case inUse(folder: String)
    /// The file does not read as `/proc/stat`.
    case notStat(String)

    /// The exit status as all programs use it.
    package var status: Int32 {
        switch self {
        case .notOurs, .inUse: 2
        case .system(let failure): [EACCES, EPERM].contains(failure.errno) ? 4 : 5
        case .notStat: 5
        }
    }

    package var description: String {
        switch self {
        case .system(let failure):
            "\(failure); choose another --root or repair its permissions"
        case .notOurs(let folder, let found):
            "\(folder): is not empty (it holds \(found)) and was not made by jouleflow-lab"
                + " powercap; name an empty or new folder with --root"
        case .inUse(let folder):
            "\(folder): another jouleflow-lab powercap keeps this tree; stop it or name another"
                + " folder with --root"
        case .notStat(let path):
            "\(path): has no line of the sum of all CPUs; run on Linux with /proc mounted"
        }
    }
}
