import Agent
import ArgumentParser
import CommandLines
import Settings

extension ParsableCommand {
    /// The settings at `path`, or those that hold where there is no such file yet, so that the
    /// service starts on a host that nobody has configured; `isThere` says which. What is wrong in
    /// a file that is there ends the program.
    func settingsOrUnconfigured(
        at path: String
    ) throws -> (settings: AgentSettings, isThere: Bool) {
        let hostName = HostIdentity.systemHostName()
        do throws(SettingsErrors) {
            return (try AgentSettings.load(path: path, hostName: hostName), true)
        } catch {
            guard error.fileFailure == .missing else { throw failure(error) }
        }
        do throws(SettingsErrors) {
            return (try AgentSettings.unconfigured(name: path, hostName: hostName), false)
        } catch {
            throw failure(error)
        }
    }

    private func failure(_ error: SettingsErrors) -> Failure {
        let isPermission = error.fileFailure == .permissionDenied
        return Failure(isPermission ? .permission : .configuration, "\(error)")
    }

    /// The settings at `path`, or the end of the program with what is wrong in them.
    func settings(at path: String) throws -> AgentSettings {
        do throws(SettingsErrors) {
            return try AgentSettings.load(path: path, hostName: HostIdentity.systemHostName())
        } catch {
            throw failure(error)
        }
    }
}
