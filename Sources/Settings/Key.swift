/// A key of a settings file: what it means and how it is written, for messages and the manual.
final class Key: Sendable {
    let name: String
    /// Continues "`name` is …".
    let meaning: String
    /// A line that is right, as an example.
    let example: String
    /// Whether the key is known but belongs to a later version; `example` then says what to do
    /// instead.
    let isLater: Bool

    init(_ name: String, _ meaning: String, write example: String) {
        self.name = name
        self.meaning = meaning
        self.example = example
        isLater = false
    }

    init(_ name: String, _ meaning: String, later instead: String) {
        self.name = name
        self.meaning = meaning
        self.example = instead
        isLater = true
    }

    /// Whether `text` is its name.
    func isNamed(_ text: String) -> Bool {
        // Mostly enough to tell two apart.
        name.utf8.count == text.utf8.count && name == text
    }

    /// The sentence below an error about this key.
    var hint: String { hint(isLater ? example : "write, for example, \(example)") }

    /// The same with other advice than the example.
    func hint(_ advice: String) -> String { "\(name) is \(meaning); \(advice)" }
}

/// The key of `names` that `written` is most likely a misspelling of, or `nil`.
func nearest(to written: String, among names: [String]) -> String? {
    let longest = 64
    guard written.utf8.count <= longest else { return nil }
    let folded = written.lowercased()
    let ranked = names.map { (name: $0, distance: edits(from: folded, to: $0.lowercased())) }
    guard let best = ranked.min(by: { $0.distance < $1.distance }) else { return nil }
    let tolerated = max(1, best.name.utf8.count / 3)
    return best.distance <= tolerated ? best.name : nil
}

/// How many insertions, deletions, replacements and swaps of neighbours lead from `a` to `b`.
///
/// The optimal string alignment distance, in bytes.
func edits(from a: String, to b: String) -> Int {
    let a = Array(a.utf8)
    let b = Array(b.utf8)
    var beforePrevious: [Int] = []
    var previous = Array(0...b.count)
    for i in a.indices {
        var row = [i + 1]
        for j in b.indices {
            let replaced = previous[j] + (a[i] == b[j] ? 0 : 1)
            var least = min(replaced, previous[j + 1] + 1, row[j] + 1)
            if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] {
                least = min(least, beforePrevious[j - 1] + 1)
            }
            row.append(least)
        }
        beforePrevious = previous
        previous = row
    }
    return previous[b.count]
}
