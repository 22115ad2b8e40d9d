import Settings

/// Compares the kernel's version with what the agent asks of it.
struct KernelCheck {
    /// As uname(2) gives it, such as `6.1.0-13-amd64`.
    let release: String
    /// Whether a service's CPU time is that of its socket's cgroup.
    let usesSocketCgroups: Bool
    let language: SentenceLanguage

    func findings() -> [DoctorFinding] {
        guard let version = Self.version(of: release) else {
            return [
                DoctorFinding(
                    .kernel, .unknown,
                    language.say(
                        "the release \"\(release)\" says no version", "内核版本号“\(release)”无法识别"))
            ]
        }
        // Source: Linux 4.20, PACKET_IGNORE_OUTGOING; Linux 5.8, INET_DIAG_CGROUP_ID.
        if version < (4, 20) {
            return [
                warning(
                    language.say(
                        "Linux \(release): packets dropped on loopback may count twice",
                        "Linux \(release)：环回接口丢弃的数据包可能重复计数"),
                    language.say("use Linux 4.20 or later", "请使用 Linux 4.20 或更高版本"))
            ]
        }
        if version < (5, 8), usesSocketCgroups {
            return [
                warning(
                    language.say(
                        "Linux \(release) does not tell a socket's cgroup: the services' energy is "
                            + "undivided",
                        "Linux \(release) 不提供套接字的 cgroup：各服务的电能无法划分"),
                    language.say(
                        "name the cgroup's folder or `process` in services[].cpu, or use Linux 5.8 "
                            + "or later",
                        "在 services[].cpu 中填写 cgroup 目录或 `process`，或使用 Linux 5.8 或更高版本"))
            ]
        }
        return [DoctorFinding(.kernel, .ok, "Linux \(release)")]
    }

    private func warning(_ found: String, _ fix: String) -> DoctorFinding {
        DoctorFinding(.kernel, .warning, found, fix: fix)
    }

    static func version(of release: String) -> (Int, Int)? {
        let parts = release.split(separator: ".", maxSplits: 2)
        guard parts.count >= 2, let major = Int(parts[0]),
            let minor = Int(parts[1].prefix { ("0"..."9").contains($0) })
        else { return nil }
        return (major, minor)
    }
}
