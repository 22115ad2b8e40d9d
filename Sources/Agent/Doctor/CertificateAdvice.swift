import Glibc
import Settings

// How the files for TLS become the agent's.
extension CertificateCheck {
    /// No folder is laid open: that of an authority has `ca.key` in it.
    func give(_ path: String) -> String {
        if identity.isNobody { return identity.refusal(language) }
        if let link = FileWay.changeableLink(to: path) {
            return linkAdvice(link, setting: "tls", language)
        }
        if let blocked = BlockedWay.to(path),
            FileWay.resolved(blocked.folder) == StateCheck.folder(above: folder)
        {
            return blocked.fix(for: identity, own: [blocked.folder])
                ?? blocked.apart(for: identity, language)
        }
        guard BlockedWay.to(path) == nil,
            let command = identity.command(toGive: path, mode: path == files.key ? "600" : "u+r")
        else { return copy }
        return command
    }

    /// As docs/tls.md has it. From where another than root may change something root copies nothing:
    /// a link there would lead to any file.
    var copy: String {
        if identity.isNobody { return identity.refusal(language) }
        let isRoots = [files.ca, files.certificate, files.key].allSatisfy {
            FileWay.foreignFolder(to: $0, user: 0) == nil
        }
        guard isRoots else { return issueAnew }
        let (user, group) = (identity.user, identity.group)
        let opening = "install -d -m 0750 -g \(group) \(shellWord(folder))"
        let all = [files.ca, files.certificate, files.key]
        guard all.contains(where: { source(of: $0) != nil }) else {
            let (ca, certificate) = (shellWord(files.ca), shellWord(files.certificate))
            let key = shellWord(files.key)
            return "`\(opening) && chmod 0644 \(ca) \(certificate) && chown \(user) \(key) && "
                + "chmod 0600 \(key)`"
        }
        let (open, key) = ([files.ca, files.certificate].compactMap(source), source(of: files.key))
        let target = shellWord(folder) + "/"
        let copies =
            (open.isEmpty ? [] : ["install -m 0644 \(open.joined(separator: " ")) \(target)"])
            + (key.map { ["install -m 0600 -o \(user) \($0) \(target)"] } ?? [])
        let commands = "`" + ([opening] + copies).joined(separator: " && ") + "`"
        return language.say(
            "copy the files and name the copies under tls: \(commands); the folder where they lie "
                + "stays closed: the unit hides homes, and that of an authority has its ca.key",
            "复制文件并在 tls 下指定副本：\(commands)；原目录保持关闭：单元会隐藏用户主目录，"
                + "而签发机构的目录中有 ca.key")
    }

    /// A file as a shell takes it that is to be copied to the folder; `nil` where it lies there. Of a
    /// link there what it leads to, whose copy takes its place.
    private func source(of path: String) -> String? {
        let own = FileWay.resolved(folder)
        let isThere = FileWay.resolved(StateCheck.folder(above: path)) == own
        guard isThere else { return shellWord(path) }
        return UnitViewCheck.linked(path).map(shellWord)
    }

    private var issueAnew: String {
        language.say(
            "others than root may change what lies there: fetch the three files from the authority's host "
                + "to \(folder), a folder of root's, name those under tls, the key of \(identity.user) and "
                + "mode 0600",
            "root 以外的用户可更改该处内容：从签发机构主机取得这三个文件，放到属于 root 的目录 \(folder)，"
                + "并在 tls 下指定，密钥属主 \(identity.user)，权限 0600")
    }
}
