import Agent
import ArgumentParser
import CommandLines
import Settings

extension ParsableCommand {
    /// The settings at `path`, or the end of the program with what is wrong in them.
    func settings(at path: String) throws -> AgentSettings {
        do throws(SettingsErrors) {
            return try AgentSettings.load(path: path, hostName: HostIdentity.systemHostName())
        } catch {
            switch error.fileFailure {
            case .permissionDenied?: throw Failure(.permission, "\(error)")
            default: throw Failure(.configuration, "\(error)")
            }
        }
    }
}
