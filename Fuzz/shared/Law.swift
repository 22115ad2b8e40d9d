import Glibc

/// Ends the fuzzer's run where a law does not hold, and says which.
func check(_ condition: Bool, _ sentence: @autoclosure () -> String) {
    guard !condition else { return }
    let line = "law broken: \(sentence())\n"
    _ = write(STDERR_FILENO, line, line.utf8.count)
    abort()
}
