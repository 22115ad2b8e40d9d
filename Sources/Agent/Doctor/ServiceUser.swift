import CLinux
import Glibc
import Settings

/// Whose rights the agent has, where root asks.
package enum ServiceUser {
    /// Names that packages give the agent's user.
    static let names = ["jouleflow", "jouleflow-agent"]

    /// Why the program cannot go on as the agent's user.
    package enum Failure: Error, CustomStringConvertible {
        case unknownUser(String)
        case refused(user: String, errno: Int32)

        package var description: String {
            switch self {
            case .unknownUser(let name): "there is no user \(name)"
            case .refused(let user, let code):
                "cannot go on as \(user): \(String(cString: strerror(code)))"
            }
        }
    }

    /// Where root runs this program, goes on as the agent's user with the agent's rights: `named`, or
    /// else that of the unit, of the running agent, or the owner of the state folder, or else the user
    /// that the package makes. Returns where root does not run it, where the agent runs as root, or
    /// there is no such user; does not return otherwise.
    package static func become(
        named: String?, settings file: String, unit: String
    ) throws(Failure) {
        guard geteuid() == 0 else { return }
        if let named {
            guard let entry = getpwnam(named) else { throw .unknownUser(named) }
            return try restart(entry.pointee.pw_uid, entry.pointee.pw_gid, unit)
        }
        let settings = try? AgentSettings.load(
            path: file, hostName: HostIdentity.systemHostName())
        if let found = AgentUser.number(
            unit: SystemdProperties.of(unit), file: file, state: settings?.state)
        {
            var status = stat()
            let isThere = settings.map { stat($0.state, &status) == 0 } ?? false
            return try restart(found, isThere ? status.st_gid : gid_t(found), unit)
        }
        for name in names {
            guard let entry = getpwnam(name) else { continue }
            return try restart(entry.pointee.pw_uid, entry.pointee.pw_gid, unit)
        }
    }

    private static func restart(
        _ user: uid_t, _ group: gid_t, _ unit: String
    ) throws(Failure) {
        guard user != 0 else { return }
        SystemdProperties.carry(of: unit)
        _ = clinux_restart_as(user, group)
        throw .refused(user: ProcessIdentity.name(ofUser: user), errno: errno)
    }
}
