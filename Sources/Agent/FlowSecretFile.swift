import Glibc
import Scenarios
package import Settings

/// The file `flow_secret`, for people.
package enum FlowSecretSummary {
    /// Says that the file the settings name can be used; `nil` where they name none. Throws where
    /// the agent would not start with it.
    package static func line(
        _ settings: AgentSettings, in language: SentenceLanguage
    ) throws(SecretFileError) -> String? {
        guard let path = settings.flowKeys.secret else { return nil }
        _ = try FlowSecretFile.secret(path, else: path)
        let user = ProcessIdentity.current.whoLooked(language)
        return language.say(
            "The secret in \(path) can be used by \(user): its length is right, and its owner alone "
                + "may read it.",
            "\(path) 中的密钥可由\(user)使用：长度符合要求，且仅其所有者可读。")
    }
}

/// The secret that the keys of flows are hashed with, in a file.
enum FlowSecretFile {
    static let lengths = FlowSecret.lengths

    /// The secret in the file that the settings name, or else the host's own, which is made where
    /// it is missing.
    static func secret(
        _ named: String?, else own: String
    ) throws(SecretFileError) -> FlowSecret {
        let file = SecretFile(
            named ?? own, of: named == nil ? .ownFlowKeys : .sharedFlowKeys)
        let bytes =
            named == nil ? try file.readOrMake { FlowSecret.random().bytes } : try file.read()
        guard let secret = FlowSecret(bytes) else {
            throw file.error(.badLength(bytes.count))
        }
        return secret
    }
}
