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
    private let language: SentenceLanguage
    private let procfs = "/proc"

    /// - Parameters:
    ///   - file: the settings, which may be missing or wrong.
    ///   - unit: the agent's unit of systemd.
    package init(file: String, unit: String, language: SentenceLanguage) {
        self.file = file
        self.unit = unit
        self.language = language
    }

    /// Takes some seconds: counters are read for one, and collectors are connected to.
    package func run() async throws -> DoctorReport {
        let configuration = ConfigurationCheck(
            file: file, hostName: HostIdentity.systemHostName(), language: language)
        let (settings, findings) = configuration.run()
        // Where there are no settings, the host is looked at as if nothing were configured.
        let standard = try? AgentSettings.unconfigured(name: file, hostName: "host")
        var all = findings + userFindings + clockAndKernel(settings)
        if let energy = (settings ?? standard)?.energy { all += try energyFindings(energy) }
        if let settings {
            all += try hostFindings(settings)
            all += await collectorFindings(settings)
        }
        let order = Dictionary(
            uniqueKeysWithValues: DoctorFinding.Topic.allCases.enumerated().map { ($1, $0) })
        let sorted = all.enumerated().sorted { first, second in
            let (one, other) = (order[first.element.topic] ?? 0, order[second.element.topic] ?? 0)
            return one != other ? one < other : first.offset < second.offset
        }
        return DoctorReport(findings: sorted.map(\.element), file: file, language: language)
    }

    private var userFindings: [DoctorFinding] {
        UserCheck(identity: .current, language: language).findings()
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

    // MARK: What the settings are about

    private func hostFindings(_ settings: AgentSettings) throws -> [DoctorFinding] {
        let state = StateDirectory(at: settings.state)
        let survey = surveyed(settings, state)
        let found = try? survey.get()
        let kept = found.map { KeptWindows($0.parts) } ?? KeptWindows()
        let isInUse = found?.isInUse ?? false
        let lock = SpoolSurvey.lockPath(in: state.spool)
        let pid = isInUse ? AgentCheck.holder(ofLock: lock, procfs: procfs) : nil
        let process = pid.flatMap { ProcessStatus.of($0, procfs: procfs) }
        var all = AgentCheck(
            settings: settings, isInUse: isInUse, pid: pid, kept: kept,
            now: ClockReading.now().realtime, language: language
        ).findings()
        let properties = SystemdProperties.of(unit)
        all += SandboxCheck(
            process: process, unit: properties, unitName: unit, user: geteuid(), language: language
        ).findings()
        all += UnitViewCheck(
            settings: settings, unit: properties ?? [:], unitName: unit,
            resolve: UnitViewCheck.resolved, language: language
        ).findings()
        all += StateCheck(settings: settings, identity: .current, language: language).findings()
        all += SpoolCheck(
            settings: settings, now: ClockReading.now().realtime, survey: survey, kept: kept,
            room: Self.room(for: settings.state),
            language: language
        ).findings()
        guard !settings.isUnconfigured else { return all }
        let mayCapture = (process?.effective ?? 0) & ProcessStatus.netRaw != 0
        all += captureFindings(settings, agentMayCapture: mayCapture)
        all += RingCheck(
            kept: kept, ringMebibytes: settings.capture.ringMebibytes, language: language
        ).findings()
        all += try ServiceCheck.of(settings, language: language).findings()
        return all + RulesCheck(settings: settings, kept: kept, language: language).findings()
    }

    private func surveyed(
        _ settings: AgentSettings, _ state: StateDirectory
    ) -> Result<SpoolSurvey, SpoolError> {
        do throws(SpoolError) {
            return .success(
                try SpoolSurvey(
                    directory: state.spool, identity: state.identity,
                    destinations: Destination.all(of: settings).map(\.name)))
        } catch {
            return .failure(error)
        }
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
