import Settings
import Store

extension StoreError {
    /// The error in a language; what no report meets is told in English alone.
    func told(in language: SentenceLanguage) -> String {
        language == .chinese ? chinese ?? description : description
    }

    private static let restore = "：请从备份恢复存储；jouleflow-collector verify 指明每一处位置"

    private var chinese: String? {
        switch self {
        case .permissionDenied(let path):
            "没有读写 \(path) 的权限：请将该文件及其目录交给本用户，或以采集端的用户运行"
        case .folderDenied(let path):
            "没有写入 \(path) 所在目录的权限：即使只读，SQLite 也要在存储旁放两个文件；请以采集端的用户运行，"
                + "或读取 `jouleflow-collector backup` 制作的副本"
        case .missing(let path):
            "无法打开存储 \(path)：文件不存在；请给出采集端设置中 `store.sqlite` 的路径，该文件由 "
                + "`jouleflow-collector run` 建立"
        case .cannotOpen(let path, let reason): "无法打开存储 \(path)：\(reason)"
        case .notAStore(let path): "\(path) 不是 jouleflow-collector 的存储"
        case .newerSchema(let path): "\(path) 由更新版本的 jouleflow-collector 建立：请使用该版本"
        case .noPlanHash(let text): "\(text) 不是计划哈希的开头：请给出其前 4 位或更多十六进制数字"
        case .planUnknown(let prefix): "没有哈希以 \(prefix) 开头的已封存计划"
        case .planAmbiguous(let prefix, let plans):
            "有 \(plans) 个计划的哈希以 \(prefix) 开头：请多给几位"
        case .planAltered(let hash): "计划 \(hash) 的文本与其哈希不符：文本被改动" + Self.restore
        case .importAltered(let id): "第 \(id) 号导入在导入后被改动：请从备份恢复存储"
        case .revisionAltered(let hash, let round, let revision):
            "计划 \(hash) 第 \(round) 轮的修订 \(revision) 被改动" + Self.restore
        case .revisionMoved(let hash, let round, let revision):
            "存为计划 \(hash) 第 \(round) 轮修订 \(revision) 的数值不属于该处，或其前一修订被取走"
                + Self.restore
        case .revisionStray(let hash, let round, let revision):
            "计划 \(hash) 的数值被存为另一计划第 \(round) 轮的修订 \(revision)" + Self.restore
        case .strangeEntry(let agent, let row):
            "\(agent) 的记录第 \(row) 行不属于任何类别：该行被改动" + Self.restore
        case .database(let code, let message) where isDamage:
            "存储已损坏（SQLite 错误 \(code)：\(Self.tamed(message))）" + Self.restore
        default: nil
        }
    }
}
