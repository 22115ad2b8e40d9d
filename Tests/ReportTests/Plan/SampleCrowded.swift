import Metering

@testable import Report

extension Sample {
    /// Sealed and lodged after its first round began.
    func late() -> Content {
        var content = full()
        let why = Wording(
            zh: "计划在第一轮开始后封存", en: "the plan was sealed after its first round began")
        content.standing = .notAssessment(why)
        content.plan.sealed = .known(content.plan.period.from)
        content.plan.lodging = .known(
            .init(
                holder: name("国家授时中心时间戳服务"), time: content.plan.period.from,
                proof: String(repeating: "4f1a09c2", count: 8)))
        content.result.meansDiffer = true
        content.result.relativeDifference = .known(0.0613)
        content.isSimulated = true
        return content
    }

    /// A late plan of many rounds, with as much text in every place as anybody writes, and more.
    func crowded() -> Content {
        var content = late()
        let long = String(repeating: "消费金融核心系统、数据库与网关 core systems of lending ", count: 40)
        let why = Wording(zh: long, en: long)
        content.standing = .incomplete(why)
        content.plan.title = long
        content.plan.organization = long
        content.plan.contact = long
        content.plan.boundary = long
        content.plan.lodging = .known(
            .init(holder: long, time: content.plan.period.from, proof: long))
        content.plan.embodied = .included(sources: [long, long])
        content.assets = .unknown(why)
        content.energy = .known(energy(884.9, imputed: 0.02, simulated: true))
        content.result.partialMean = content.result.mean
        content.result.mean = .unknown(why)
        content.result.roundsWithoutBusiness = [3]
        for index in content.rounds.indices where !content.rounds[index].isReserve {
            content.rounds[index].use = .invalid(replacedBy: index + 40)
            content.rounds[index].problems = [why, why, why]
            content.rounds[index].countLoss = CountLoss(partsPerMillion: 1_000_000)
        }
        let factors = content.factors
        content.factors = (0..<5).flatMap { _ in factors }
        for index in content.factors.indices { content.factors[index].factor.source = long }
        for index in content.hosts.indices {
            content.hosts[index].id = "\(index) \(long)"
        }
        content.sources = (0..<6).flatMap { _ in content.sources }
        content.scenarios += content.scenarios
        for index in content.scenarios.indices {
            content.scenarios[index].name = why
            content.scenarios[index].volume = .unknown(why)
        }
        return content
    }
}
