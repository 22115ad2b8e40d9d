import Capture
import Settings

/// Opens each interface that is to be captured, with its ring and the kernel filter, and closes it
/// again: the right, the memory and the kind of its frames are all tried.
struct CaptureCheck {
    let selection: WantedInterfaces.Selection
    let ringMebibytes: Int
    /// Whether an agent runs that has the right, whatever this process may do.
    let agentMayCapture: Bool
    /// Opens and closes one.
    let open: (Link) throws(CaptureError) -> Void
    let language: SentenceLanguage

    /// Tries an interface as the agent captures it.
    static func opening(
        _ settings: AgentSettings
    ) -> (Link) throws(CaptureError) -> Void {
        let filter = CaptureFilter(settings)
        let ring = settings.capture.ringMebibytes
        return { link throws(CaptureError) in
            _ = try LiveCapture(link: link, ringMiB: ring, filter: filter) { _ in }
        }
    }

    func findings() -> [DoctorFinding] {
        let absent = selection.absent.map { fault($0, .noSuchInterface($0)) }
        let crowded = selection.leftOut.map {
            DoctorFinding(
                .capture, $0, .fault,
                language.say(
                    "beyond the \(WantedInterfaces.maximum) interfaces that are captured at most",
                    "超出最多采集 \(WantedInterfaces.maximum) 个接口的上限"),
                fix: language.say(
                    "narrow the patterns in capture.interfaces", "缩小 capture.interfaces 的模式范围"))
        }
        let room = max(1, CaptureSet.maximumRingMebibytes / ringMebibytes)
        let links = selection.links.enumerated().map { index, link in
            index < room ? finding(link) : roomless(link)
        }
        let all = absent + links + crowded
        return all.isEmpty ? [nothing] : all
    }

    private var nothing: DoctorFinding {
        DoctorFinding(
            .capture, .fault,
            language.say(
                "no interface that is up matches capture.interfaces: no flow is counted",
                "没有已启用的接口符合 capture.interfaces：不统计任何流程"),
            fix: language.say(
                "`ip -br link` lists them; bring one up, or correct capture.interfaces",
                "`ip -br link` 列出接口；请启用，或改正 capture.interfaces"))
    }

    private func finding(_ link: Link) -> DoctorFinding {
        guard link.isUp else { return fault(link.name, .interfaceDown(link.name)) }
        do throws(CaptureError) { try open(link) } catch {
            if case .noPermission = error, agentMayCapture { return untried(link) }
            return fault(link.name, error)
        }
        return DoctorFinding(
            .capture, link.name, .ok,
            language.say(
                "can be captured, with a ring of \(ringMebibytes) MiB",
                "可以采集，环形缓冲区 \(ringMebibytes) MiB"))
    }

    private func untried(_ link: Link) -> DoctorFinding {
        DoctorFinding(
            .capture, link.name, .unknown,
            language.say(
                "this user has no right to try it; the running agent has it",
                "此用户无权尝试；运行中的代理有此权限"),
            fix: language.say(
                "run doctor as root: it takes the agent's user and rights by itself",
                "以 root 运行 doctor：它会自动采用代理的用户和权限"))
    }

    private func roomless(_ link: Link) -> DoctorFinding {
        let most = CaptureSet.maximumRingMebibytes
        return DoctorFinding(
            .capture, link.name, .fault,
            language.say(
                "no ring for it within the \(most) MiB of all rings",
                "所有环形缓冲区合计不超过 \(most) MiB，无法再分配"),
            fix: language.say(
                "lower capture.ring_mib, now \(ringMebibytes), or name fewer interfaces",
                "调低 capture.ring_mib（现为 \(ringMebibytes)），或减少接口"))
    }

    private func fault(_ name: String, _ error: CaptureError) -> DoctorFinding {
        let (found, fix) = words(error)
        let isOfRights = if case .noPermission = error { true } else { false }
        return DoctorFinding(.capture, name, .fault, found, fix: fix, isOfRights: isOfRights)
    }

    private func words(_ error: CaptureError) -> (found: String, fix: String) {
        switch error {
        case .noPermission:
            (
                language.say("no right to capture: CAP_NET_RAW is missing", "无权采集：缺少 CAP_NET_RAW"),
                language.say(
                    "in the unit: AmbientCapabilities=CAP_NET_RAW, and in CapabilityBoundingSet; without "
                        + "systemd `setcap cap_net_raw+ep /usr/bin/jouleflow-agent`",
                    "在单元中设置 AmbientCapabilities=CAP_NET_RAW 和 CapabilityBoundingSet；不用 systemd "
                        + "时 `setcap cap_net_raw+ep /usr/bin/jouleflow-agent`")
            )
        case .noSuchInterface:
            (
                language.say("there is no such interface", "没有该接口"),
                language.say(
                    "`ip -br link` lists them: correct capture.interfaces; it is captured as soon as "
                        + "it is there",
                    "`ip -br link` 列出接口：请改正 capture.interfaces；接口出现后立即采集")
            )
        case .interfaceDown(let name):
            (
                language.say("it is down: nothing passes it", "未启用：没有流量通过"),
                "`ip link set \(shellWord(name)) up`"
            )
        case .unknownLinkType(_, let number):
            (
                language.say(
                    "its frames have link type \(number), which is not decoded",
                    "其帧的链路类型为 \(number)，无法解析"),
                language.say(
                    "name another interface in capture.interfaces",
                    "在 capture.interfaces 中指定其他接口")
            )
        case .replaced, .filter, .failed:
            (
                "\(error)",
                language.say(
                    "lower capture.ring_mib if memory is short; `dmesg` may say more",
                    "内存不足时调低 capture.ring_mib；`dmesg` 可能有更多信息")
            )
        }
    }
}
