import Metering
import Processes
import Settings

/// Looks whether somebody listens on the services' ports, and whether their CPU time can be told.
struct ServiceCheck {
    let settings: AgentSettings
    /// The ports on which somebody listens, or why they are not known.
    let listening: Known<Set<UInt16>, ProcessorUnknown>
    /// CPU time of each service.
    let times: [Known<Nanoseconds, ProcessorUnknown>]
    let language: SentenceLanguage

    /// Asks the kernel and reads the services' CPU time twice.
    static func of(_ settings: AgentSettings, language: SentenceLanguage) throws -> ServiceCheck {
        var listening: Known<Set<UInt16>, ProcessorUnknown>
        do throws(ProcessorUnknown) {
            listening = .known(Set(try kernelListeners().map(\.port)))
        } catch {
            listening = .unknown(error)
        }
        let meter = MeterSettings(settings)
        let start = ClockReading.now()
        var processor = ProcessorMeter(
            procfs: settings.energy.procfs, services: meter.services, from: start.boottime)
        processor.read(now: start.boottime, awake: start.monotonic)
        try Waker().wait(milliseconds: 50)
        let end = ClockReading.now()
        processor.read(now: end.boottime, awake: end.monotonic)
        return ServiceCheck(
            settings: settings, listening: listening,
            times: processor.close(at: end.boottime).services, language: language)
    }

    func findings() -> [DoctorFinding] {
        zip(settings.services, times).flatMap { service, time in
            guard service.direction == .incoming else { return [outgoing(service)] }
            let silent = deaf(service)
            return silent.isEmpty ? [heard(service, time)] : silent
        }
    }

    private func outgoing(_ service: ServiceSettings) -> DoctorFinding {
        DoctorFinding(
            .services, service.name, .ok,
            language.say(
                "calls that this host makes to port \(ports(service))",
                "本机对端口 \(ports(service)) 的调用"))
    }

    private func ports(_ service: ServiceSettings) -> String {
        service.ports.map { "\($0)" }.joined(separator: ", ")
    }

    /// The ports of the service on which nobody listens.
    private func deaf(_ service: ServiceSettings) -> [DoctorFinding] {
        guard let listening = listening.value else {
            return [
                DoctorFinding(
                    .services, service.name, .unknown,
                    language.say(
                        "the kernel does not tell who listens", "内核未提供监听信息"),
                    fix: language.say(
                        "see that sock_diag is there: `modprobe inet_diag`",
                        "请确认 sock_diag 可用：`modprobe inet_diag`"))
            ]
        }
        return service.ports.filter { !listening.contains($0) }.map { port in
            DoctorFinding(
                .services, service.name, .warning,
                language.say(
                    "nobody listens on port \(port) in this network namespace",
                    "此网络命名空间中无人监听端口 \(port)"),
                fix: language.say(
                    "start the service, or correct services[].ports; `ss -ltn` lists ports. In a "
                        + "container that is captured at its veth nothing is to be done",
                    "启动该服务，或改正 services[].ports；`ss -ltn` 列出端口。经 veth 采集的容器无需处理"))
        }
    }

    private func heard(
        _ service: ServiceSettings, _ time: Known<Nanoseconds, ProcessorUnknown>
    ) -> DoctorFinding {
        guard let reason = time.reason, reason != .firstReading, reason != .processEnded else {
            return DoctorFinding(
                .services, service.name, .ok,
                language.say(
                    "listens on port \(ports(service)); its CPU time is known",
                    "监听端口 \(ports(service))；CPU 时间可知"))
        }
        let source = MeterSettings.source(of: service)
        return DoctorFinding(
            .services, service.name, .warning,
            language.say(
                "its CPU time is unknown, its energy undivided: \(reason.sentence(of: source))",
                "CPU 时间未知，其电能不划分：\(reason.sentence(of: source))"),
            fix: language.say(
                "choose services[].cpu for it (\(Manual.path(of: "configuration")))",
                "为其选择 services[].cpu（\(Manual.path(of: "configuration"))）"),
            isOfRights: reason == .permissionDenied)
    }
}
