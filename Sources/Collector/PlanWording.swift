import Assessment
import Metering
import Report
import Rounds
import SCI

/// What the stages say, in both languages of reports: the English is the stages' own.
extension Wording {
    init(_ problem: RoundProblem) {
        self.init(zh: problem.chinese, en: problem.description)
    }

    init(_ reason: VolumeUnknown) { self.init(zh: reason.chinese, en: reason.description) }

    init(_ reason: UnitsUnknown) { self.init(zh: reason.chinese, en: reason.description) }

    init(_ reason: IntensityUnknown) { self.init(zh: reason.chinese, en: reason.description) }

    init(_ reason: EmbodiedUnknown) { self.init(zh: reason.chinese, en: reason.description) }

    static let noEnergy = Wording(zh: "电能未知", en: "the energy is not known")
    static let noPUE = Wording(zh: "计划未给出该站点的 PUE", en: "the plan tells no PUE of the site")
    static let noValidRound = Wording(zh: "没有计入结果的轮次", en: "no round is in the result")
    static let noRecord = Wording(zh: "本轮无记录", en: "no record in the round")

    /// A round whose grace is not over.
    static func notClosed(until closing: Timestamp) -> Wording {
        let time = Notation.utc(closing)
        return Wording(zh: "本轮尚未关闭，\(time) 关闭", en: "the round is not closed before \(time)")
    }
}

extension Known {
    /// The same with another reason.
    func because<Other>(_ change: (Reason) -> Other) -> Known<Value, Other> {
        switch self {
        case .known(let value): .known(value)
        case .unknown(let reason): .unknown(change(reason))
        }
    }
}

extension Optional {
    /// Known where there is a value.
    func orUnknown(_ reason: Wording) -> Known<Wrapped, Wording> {
        map { .known($0) } ?? .unknown(reason)
    }
}

private func list(_ names: [String]) -> String { names.joined(separator: "、") }

extension ScenarioID {
    /// As people call it.
    var wording: Wording {
        switch name {
        case "credit": Wording(zh: "授信", en: "Credit")
        case "drawdown": Wording(zh: "支用", en: "Drawdown")
        case "repayment": Wording(zh: "还款", en: "Repayment")
        case "query": Wording(zh: "查询", en: "Query")
        default: Wording(name)
        }
    }
}

extension RoundProblem {
    /// Rounded down, so that 94.99 % does not read as the limit.
    private static func percent(_ fraction: Double) -> String {
        let hundredths = Int(fraction * 10_000)
        let rest = hundredths % 100
        return "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest) %"
    }

    fileprivate var chinese: String {
        switch self {
        case .noHosts: "没有任何主机的记录"
        case .hostMissing(let host): "\(host) 无记录"
        case .noEnergy(let host): "\(host) 的电能未知"
        case .energyCoverage(let host, let fraction):
            "\(host) 的电能仅 \(Self.percent(fraction)) 的时间已知"
        case .countsCoverage(let host, let fraction):
            "\(host) 的计数仅 \(Self.percent(fraction)) 的时间已知"
        case .countsDoubtful(let host, let windows, let all, let loss):
            "\(host) 的 \(all) 个窗口中有 \(windows) 个计数存疑：本轮在该主机上的交换至多 \(loss.percent) 可能漏计或重复计入"
        case .overlap(let host, let time):
            "\(host) 的记录有 \(time.seconds) s 重复覆盖：其时钟被回拨，或两个代理使用同一标识（此时业务与电能被重复计算）"
        case .mixedScopes(let scopes):
            "不同口径的电能被相加（\(list(scopes.map(\.label)))）：请为全部主机指定同一来源"
        case .digestsMissing(let host, let scenario, let flows):
            "\(host) 上 \(scenario) 的 \(flows) 笔缺少用于比对的摘要：无法识别跨主机重复，TA 为上限"
        case .mixedFlowSecrets(let scenario, let hosts):
            "\(scenario) 在 \(list(hosts)) 上用不同密钥计数：无法识别其间的重复，TA 为上限；请统一 flow_secret"
        case .mixedDeduplication(let scenario, let hosts):
            "\(scenario) 在 \(list(hosts)) 上没有摘要而其他主机有：无法识别其间的重复，TA 为上限"
        case .deviceMissing(let device): "\(device) 的电表在本轮无读数"
        case .clockError(let host, let microseconds):
            "\(host) 的时钟误差可达 \(microseconds) µs，本轮在该主机上的起止时刻亦然"
        case .clocksUnsynchronised(let clocks) where clocks.count == 1:
            "\(clocks[0].host) 的时钟在 \(clocks[0].windows) 个窗口内未同步"
        case .clocksUnsynchronised(let clocks):
            "\(clocks.count) 台主机的时钟未同步（窗口数）："
                + list(clocks.map { "\($0.host) \($0.windows)" })
        case .foreignRules(let host, let digests):
            "\(host) 使用了计划之外的计数规则：\(list(digests))"
        case .ledgerDiffers(let line):
            "台账中 \(line.scenario) 为 \(line.ledger) 笔，计数为 \(line.counted) 笔，区间 \(line.interval.length.seconds) s"
        case .ledgerMissing(let scenario, let time):
            "台账缺少 \(scenario) 在本轮 \(time.length.seconds) s 的数据：TA 未对账"
        case .ledgerContradiction(let scenario, let time):
            "\(scenario) 的台账合计有 \(time.length.seconds) s 相互重叠"
        case .readingsOverlap(let device, let time):
            "\(device) 的电表读数有 \(time.length.seconds) s 相互重叠"
        case .countsWithoutRule(let host, let scenario):
            "\(host) 应计 \(scenario)，但其部分时间没有该场景的规则"
        case .unplannedHosts(let hosts): "不在计划内、未计入：\(list(hosts))"
        case .volumeUnknown(let scenario, let reason):
            "\(scenario) 的 TA 未知：\(reason.chinese)"
        }
    }
}

extension VolumeUnknown {
    fileprivate var chinese: String {
        switch self {
        case .noRecords: "无记录"
        case .noRule: "没有主机有该场景的规则"
        case .nothingSeen: "未见可读流量"
        case .encrypted(let hosts): "\(list(hosts)) 上的流量已加密"
        case .notCaptured(let hosts): "\(list(hosts)) 上的抓包未全程运行"
        case .withoutRule(let hosts): "\(list(hosts)) 上一段时间没有该场景的规则"
        case .zeroUnconfirmed: "无一笔完成，且没有台账证实"
        case .ledgerMissing(let time): "台账缺少本轮 \(time.length.seconds) s 的数据"
        case .ledgerContradiction(let time): "台账合计有 \(time.length.seconds) s 相互重叠"
        }
    }
}

extension UnitsUnknown {
    fileprivate var chinese: String {
        switch self {
        case .unobserved(let ids): "未观察：\(list(ids.map(\.name)))"
        case .notStandard(let ids): "不属于标准的四类场景：\(list(ids.map(\.name)))"
        case .overflow: "合计超出 64 位"
        }
    }
}

extension IntensityUnknown {
    fileprivate var chinese: String {
        switch self {
        case .noEnergy: "电能未知"
        case .noRound: Wording.noValidRound.zh
        case .units(let reason): "R 未知：\(reason.chinese)"
        case .noBusiness: "R = 0：没有完成任何业务"
        case .noPUE(let site): "未给出 \(site) 的 PUE"
        case .noFactor(let id): "计划中没有排放因子 \(id)"
        case .embodied(let reason): "M 未知：\(reason.chinese)"
        }
    }
}

extension EmbodiedUnknown {
    fileprivate var chinese: String {
        switch self {
        case .noModel(let machine): "计划中没有 \(machine) 的机型"
        case .noLifetime(let model): "机型 \(model) 的寿命为零"
        }
    }
}
