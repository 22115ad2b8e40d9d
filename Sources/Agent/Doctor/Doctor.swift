import Capture
import CLinux
import EnergySources
import Glibc
import KernelFiles
import Metering
import NIOPosix
package import Settings
import Spool
import TransportSecurity

/// Looks at all that metering on this host stands on, and changes nothing.
///
/// Each check is a small type whose roots, clocks and calls are parameters; here they get those of
/// this host.
package struct Doctor: Sendable {
    private let file: String
    private let unit: String
    private let isAgentsUser: Bool
    private let language: SentenceLanguage
    private let procfs = "/proc"

    /// - Parameters:
    ///   - file: the settings, which may be missing or wrong.
    ///   - unit: the agent's unit of systemd.
    ///   - isAgentsUser: whether this process is known to have the rights of the agent's user.
    package init(file: String, unit: String, isAgentsUser: Bool, language: SentenceLanguage) {
        self.file = file
        self.unit = unit
        self.isAgentsUser = isAgentsUser
        self.language = language
    }

    /// Takes some seconds: counters are read for one, and collectors are connected to.
    package func run() async throws -> DoctorReport {
        let configuration = ConfigurationCheck(
            file: file, hostName: HostIdentity.systemHostName(), language: language)
        let (settings, findings) = configuration.run()
        let standard = try? AgentSettings.unconfigured(name: file, hostName: "host")
        let properties = SystemdProperties.of(unit)
        let user =
            isAgentsUser
            ? nil
            : AgentUser.other(
                unit: properties, file: file, state: (settings ?? standard)?.state)
        let userCheck = UserCheck(
            identity: .current, agent: user?.name(beside: .current), file: file, language: language)
        let seen = settings.map { SeenAgent($0, unit: properties, procfs: procfs) }
        var all = findings + userCheck.findings() + clockAndKernel(settings)
        all +=
            try settings.map { try energyFindings($0.energy) } ?? [EnergyCheck.unjudged(language)]
        all += unitFindings(properties, settings, seen, other: user)
        if let settings, let seen {
            all += try hostFindings(settings, seen, properties)
            all += await collectorFindings(settings)
        }
        let order = Dictionary(
            uniqueKeysWithValues: DoctorFinding.Topic.allCases.enumerated().map { ($1, $0) })
        let sorted = all.map(userCheck.unseen).enumerated().sorted { first, second in
            let (one, other) = (order[first.element.topic] ?? 0, order[second.element.topic] ?? 0)
            return one != other ? one < other : first.offset < second.offset
        }
        return DoctorReport(
            findings: sorted.map(\.element), file: file, isRunning: seen?.isRunning,
            language: language)
    }

    private func clockAndKernel(_ settings: AgentSettings?) -> [DoctorFinding] {
        let usesCgroups = settings?.services.contains { $0.cpu == .cgroup } ?? false
        let kernel = KernelCheck(
            release: (try? readLine(of: procfs + "/sys/kernel/osrelease")) ?? "",
            usesSocketCgroups: usesCgroups, language: language)
        let clock = ClockCheck(
            now: ClockReading.now().realtime, errorBound: ClockReading.errorBound(),
            language: language)
        return kernel.findings() + clock.findings()
    }

    private func energyFindings(_ energy: EnergySettings) throws -> [DoctorFinding] {
        let length = energy.source == .none ? .zero : EnergyCheck.length
        return EnergyCheck(
            reading: try readEnergy(EnergyOptions(energy), for: length), settings: energy,
            group: ProcessIdentity.current.group, language: language
        ).findings()
    }

    // MARK: The unit

    /// Looked at also where the settings are wrong.
    private func unitFindings(
        _ unit: [String: String]?, _ settings: AgentSettings?, _ seen: SeenAgent?,
        other: ProcessIdentity?
    ) -> [DoctorFinding] {
        let name = self.unit
        let sandbox = SandboxCheck(
            process: seen?.process, unit: unit, unitName: name,
            user: other == nil ? geteuid() : seen?.process?.user ?? geteuid(),
            state: settings?.state ?? "",
            seesProcesses: settings?.services.contains { $0.cpu == .process } ?? false,
            language: language)
        if let unit, unit["LoadState"] == "loaded", !AgentUser.isRun(by: unit, file) {
            return agentFindings(settings, seen, []) + sandbox.ofProcess + [otherSettings]
        }
        let life = UnitCheck(
            unit: unit, unitName: name, isInUse: seen?.isInUse, language: language)
        let needs = UnitNeedsCheck(unit: unit ?? [:], unitName: name, language: language)
        return agentFindings(settings, seen, life.findings()) + sandbox.findings()
            + needs.findings()
            + StatusTextCheck(
                unit: unit ?? [:], unitName: name,
                destinations: settings.map { Destination.all(of: $0).map(\.name) } ?? [],
                language: language
            ).findings()
    }

    private func agentFindings(
        _ settings: AgentSettings?, _ seen: SeenAgent?, _ unit: [DoctorFinding]
    ) -> [DoctorFinding] {
        guard let settings, let seen else { return unit }
        return AgentCheck(
            settings: settings, file: file, isInUse: seen.isInUse, unit: unit, pid: seen.pid,
            age: seen.age, kept: seen.kept, now: ClockReading.now().realtime, language: language
        ).findings()
    }

    private var otherSettings: DoctorFinding {
        DoctorFinding(
            .sandbox, "unit", .unknown,
            language.say(
                "\(unit) does not run on \(file)", "\(unit) 使用的配置不是 \(file)"),
            fix: language.say(
                "`systemctl cat \(unit)` names its settings: look at those with --config, or name "
                    + "another unit with --unit",
                "`systemctl cat \(unit)` 会显示其配置文件：用 --config 指定它，或用 --unit 指定其他单元"))
    }

    // MARK: What the settings are about

    private func hostFindings(
        _ settings: AgentSettings, _ seen: SeenAgent, _ unit: [String: String]?
    ) throws -> [DoctorFinding] {
        let unit = unit.flatMap { AgentUser.isRun(by: $0, file) ? $0 : nil } ?? [:]
        let isDown = ["inactive", "failed"].contains(unit["ActiveState"] ?? "")
        // Root, where it looks as itself, may look for an agent of another user.
        let agent =
            geteuid() == 0
            ? AgentUser.identity(unit: unit, file: file, state: settings.state) ?? .current
            : .current
        var all = UnitViewCheck(
            settings: settings, unit: unit, unitName: self.unit,
            resolve: UnitViewCheck.resolved,
            nameServers: UnitViewCheck.nameServers(
                (try? readText(of: "/etc/resolv.conf", limit: 65_536)) ?? ""),
            target: UnitViewCheck.linked, language: language
        ).findings()
        all += StateCheck(
            settings: settings,
            isMadeByUnit: isDown && UnitViewCheck.made(unit).contains(settings.state),
            identity: .current, owner: agent, language: language
        ).findings()
        all += SpoolCheck(
            settings: settings, now: ClockReading.now().realtime, survey: seen.survey,
            kept: seen.kept, room: Self.room(for: settings.state), identity: agent,
            language: language
        ).findings()
        // Both of this moment: looking at the rest takes seconds.
        let age = seen.age
        let now = ClockReading.now()
        all += HeldSettingsCheck(
            settings: settings, file: file, unit: unit, unitName: self.unit,
            changed: HeldSettingsCheck.change(of: file), kept: seen.kept, now: now.realtime,
            sinceRead: HeldSettingsCheck.sinceRead(unit, now: now.monotonic) ?? age,
            language: language
        ).findings()
        if let address = settings.metrics, address.port != 0 {
            let check = MetricsCheck.of(address, seen, procfs: procfs, language: language)
            all.append(check.finding())
        }
        guard !settings.isUnconfigured else { return all }
        let mayCapture = (seen.process?.effective ?? 0) & ProcessStatus.netRaw != 0
        all += captureFindings(settings, agentMayCapture: mayCapture)
        all += try ServiceCheck.of(settings, language: language).findings()
        return all + recordFindings(settings, seen)
    }

    /// What only the records tell.
    private func recordFindings(
        _ settings: AgentSettings, _ seen: SeenAgent
    ) -> [DoctorFinding] {
        if case .failure = seen.survey {
            return [DoctorFinding.Topic.ring, .rules].map {
                DoctorFinding(
                    $0, .unknown,
                    language.say("the spool could not be looked at", "无法查看待发区"),
                    fix: language.say("see the line spool", "参见 spool 行"))
            }
        }
        return RingCheck(
            kept: seen.kept, ringMebibytes: settings.capture.ringMebibytes, language: language
        ).findings()
            + ProcessorUseCheck(
                attribution: settings.attribution, use: seen.kept.processorUse,
                processors: sysconf(Int32(_SC_NPROCESSORS_ONLN)), language: language
            ).findings()
            + RulesCheck(settings: settings, kept: seen.kept, language: language).findings()
    }

    /// Room on the disk of a folder, or of the nearest one above that is there.
    private static func room(for path: String) -> SpoolCheck.Room? {
        var (at, status) = (path, statvfs())
        while statvfs(at, &status) != 0 {
            let above = StateCheck.folder(above: at)
            guard errno == ENOENT, above != at else { return nil }
            at = above
        }
        let (bytes, isOver) = UInt64(status.f_bavail).multipliedReportingOverflow(
            by: UInt64(status.f_frsize))
        let files = status.f_files == 0 ? nil : UInt64(status.f_favail)
        return SpoolCheck.Room(bytes: isOver ? .max : bytes, files: files)
    }

    private func captureFindings(
        _ settings: AgentSettings, agentMayCapture: Bool
    ) -> [DoctorFinding] {
        let links: [Link]
        do throws(LinkError) { links = try LinkMonitor.current() } catch {
            return [
                DoctorFinding(
                    .capture, .unknown,
                    language.say("interfaces cannot be listed: \(error)", "无法列出网络接口：\(error)"),
                    fix: language.say(
                        "the unit must allow AF_NETLINK", "单元须允许 AF_NETLINK"))
            ]
        }
        let selection = WantedInterfaces(settings).select(
            from: links, addressed: Set(Interfaces.addressed()), open: [])
        return CaptureCheck(
            selection: selection, ringMebibytes: settings.capture.ringMebibytes,
            agentMayCapture: agentMayCapture, open: CaptureCheck.opening(settings),
            language: language
        ).findings()
    }

    // MARK: Collectors

    private func collectorFindings(_ settings: AgentSettings) async -> [DoctorFinding] {
        let group = MultiThreadedEventLoopGroup.singleton
        let now = wallClockSeconds()
        var certificates: [DoctorFinding] = []
        for collector in settings.collectors {
            guard case .tls(let files) = collector.transport else { continue }
            certificates += CertificateCheck(
                address: "\(collector.address)", files: files, agent: settings.id, now: now,
                identity: .current, language: language
            ).findings()
        }
        let checks = settings.collectors.map {
            CollectorCheck(collector: $0, agent: settings.id, group: group, language: language)
        }
        return certificates
            + (await withTaskGroup(of: (Int, DoctorFinding).self) { tasks in
                for (index, check) in checks.enumerated() {
                    tasks.addTask { (index, await check.finding()) }
                }
                var found: [(Int, DoctorFinding)] = []
                for await finding in tasks { found.append(finding) }
                return found.sorted { $0.0 < $1.0 }.map(\.1)
            })
    }
}
