import Traffic

/// The paths of a service's selectors in the form that scanners read.
final class JSONPaths {
    private let paths: [[String]]
    /// Where each path begins in `bytes`.
    private let offsets: [Int]
    private let bytes: UnsafeMutablePointer<UInt8>

    convenience init(_ service: EngineService) {
        self.init(
            service.selectors.map { if case .responseJSON(let path) = $0 { path } else { [] } })
    }

    init(_ paths: [[String]]) {
        self.paths = paths
        var text: [UInt8] = []
        offsets = paths.map { path in
            let start = text.count
            for key in path { text += Array(key.utf8.filter { $0 != 0 }) + [0] }
            text.append(0)
            return start
        }
        bytes = .allocate(capacity: max(1, text.count))
        bytes.initialize(from: text, count: text.count)
    }

    deinit { bytes.deallocate() }

    var count: Int { offsets.count }

    func scanner(_ index: Int) -> JSONFieldScanner {
        JSONFieldScanner(path: bytes + offsets[index])
    }

    /// The number here of another's path; `nil` where it is none of these.
    func index(of other: JSONPaths, _ index: Int) -> Int? {
        paths.firstIndex(of: other.paths[index])
    }

    /// A scanner of a path that goes on where another of the same path is.
    func scanner(_ index: Int, continuing scanner: JSONFieldScanner) -> JSONFieldScanner {
        scanner.moved(to: bytes + offsets[index])
    }
}

/// Room for the fields of an exchange while it is handed over.
struct FieldRoom: ~Copyable {
    let values: UnsafeMutablePointer<FieldValue>
    let bytes: UnsafeMutablePointer<UInt8>

    init(_ services: [EngineService]) {
        let most = max(1, services.map(\.selectors.count).max() ?? 0)
        values = .allocate(capacity: most)
        values.initialize(repeating: .absent, count: most)
        bytes = .allocate(capacity: most * (JSONFieldScanner.maximumValue + 1))
    }

    deinit {
        values.deallocate()
        bytes.deallocate()
    }
}
