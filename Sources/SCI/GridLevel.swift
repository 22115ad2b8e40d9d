package import Assessment

/// How wide an area a grid factor speaks of.
package enum GridLevel: String, Sendable, Hashable, CaseIterable {
    case province, region, national

    /// The provinces of the seven regions that grid factors are announced for, by the usual division
    /// of the grids, which was not compared with the announcements: good for a line of sensitivity, and
    /// for no result. 内蒙古, divided between two grids, is with 华北.
    private static let provinces: [String: [String]] = [
        "华北": ["北京", "天津", "河北", "山西", "山东", "内蒙古"],
        "东北": ["辽宁", "吉林", "黑龙江"],
        "华东": ["上海", "江苏", "浙江", "安徽", "福建"],
        "华中": ["江西", "河南", "湖北", "湖南"],
        "西北": ["陕西", "甘肃", "青海", "宁夏", "新疆"],
        "南方": ["广东", "广西", "海南", "贵州", "云南"],
        "西南": ["重庆", "四川"],
    ]

    /// The region of a province; `nil` for any other area.
    static func region(of province: String) -> String? {
        provinces.first { $0.value.contains(province) }?.key
    }
}

extension FactorTable {
    /// The factor that stands for another at a level: itself where it is of that level or none of the
    /// grid's, else that of the wider area with the same basis, of the same year or the newest before.
    /// Of several of one year it is the one that comes with the program, else the first, so that no row of a user's
    /// own takes the place of a published one, nor of one of the plan's, which ``holding(_:)`` puts before it. `nil` where there is none, and for a narrower area, which nothing tells.
    package func counterpart(of factor: EmissionFactor, at level: GridLevel) -> EmissionFactor? {
        guard let own = GridLevel(rawValue: factor.level), own != level else { return factor }
        let area: String?
        switch (own, level) {
        case (_, .national): area = "全国"
        case (.province, .region): area = GridLevel.region(of: factor.area)
        default: area = nil
        }
        return factors.filter {
            $0.level == level.rawValue && $0.area == area && $0.basis == factor.basis
                && $0.year <= factor.year
        }.max { one, other in
            (one.year, Self.isPublished(one) ? 1 : 0)
                < (other.year, Self.isPublished(other) ? 1 : 0)
        }
    }
}
