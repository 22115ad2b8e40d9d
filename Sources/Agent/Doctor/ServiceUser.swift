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

    /// Where root runs this program, starts it once more with the rights of the agent's user: of
    /// `named`, or else that of the unit, of the running agent, or the owner of the state folder, or
    /// else the user that the package makes. `nil` where root does not run it, where the agent runs
    /// as root, or there is no such user: this process is the one that looks then.
    package static func start(
        named: String?, settings file: String, unit: String
    ) throws(Failure) -> UserProcess? {
        guard geteuid() == 0 else { return nil }
        let properties = SystemdProperties.of(unit)
        guard let user = try user(named: named, settings: file, properties), user.number != 0
        else { return nil }
        SystemdProperties.carry(of: unit)
        let groups = AgentUser.groups(of: properties, file: file, user: user.number)
        guard
            let process = UserProcess.start(
                as: user.number, group: groups.own ?? user.group, further: groups.further)
        else {
            let code = errno
            throw .refused(user: ProcessIdentity.name(ofUser: user.number), errno: code)
        }
        return process
    }

    /// The user, and its group where the unit gives it no other.
    private static func user(
        named: String?, settings file: String, _ unit: [String: String]?
    ) throws(Failure) -> (number: uid_t, group: gid_t)? {
        if let named {
            guard let entry = getpwnam(named) else { throw .unknownUser(named) }
            return (entry.pointee.pw_uid, entry.pointee.pw_gid)
        }
        let settings = try? AgentSettings.load(
            path: file, hostName: HostIdentity.systemHostName())
        if let found = AgentUser.number(unit: unit, file: file, state: settings?.state) {
            if let entry = getpwuid(found) { return (found, entry.pointee.pw_gid) }
            let folder = settings.flatMap { AgentUser.owner(of: $0.state) }
            let group = folder.flatMap { $0.user == found ? $0.group : nil }
            return (found, group ?? gid_t(found))
        }
        for name in names {
            guard let entry = getpwnam(name) else { continue }
            return (entry.pointee.pw_uid, entry.pointee.pw_gid)
        }
        return nil
    }
}
