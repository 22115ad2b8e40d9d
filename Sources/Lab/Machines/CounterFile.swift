import Glibc

/// A file whose number changes, written in place and padded with line feeds to one length: a
/// reader that keeps its descriptor goes on reading, and no read falls between a truncation and a
/// write.
final class CounterFile {
    private let path: String
    private let descriptor: Int32

    /// The longest number and at least one line feed.
    static let length = 24

    /// Makes the file; one that exists already is an error.
    init(_ path: String, mode: mode_t) throws(SystemFailure) {
        self.path = path
        descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw SystemFailure("open", path, errno: errno) }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Shows a number, or nothing but line feeds for `nil`: a plain file cannot refuse a read.
    func show(_ number: UInt64?) throws(SystemFailure) {
        var text = Array(number.map { "\($0)" }?.utf8 ?? "".utf8)
        text += repeatElement(UInt8(ascii: "\n"), count: Self.length - text.count)
        let put = pwrite(descriptor, text, text.count, 0)
        guard put == text.count else {
            throw SystemFailure("pwrite", path, errno: put < 0 ? errno : ENOSPC)
        }
    }
}
