import Glibc

/// A system call that failed.
package struct SystemFailure: Error, CustomStringConvertible {
    /// The call, e.g. `open`.
    package let call: String
    /// The path or address it was made on.
    package let subject: String
    package let errno: Int32

    package init(_ call: String, _ subject: String, errno: Int32) {
        self.call = call
        self.subject = subject
        self.errno = errno
    }

    package var description: String { "\(subject): \(call): \(Self.text(errno))" }

    /// The kernel's sentence for an error number.
    package static func text(_ number: Int32) -> String {
        strerror(number).map { String(cString: $0) } ?? "error \(number)"
    }
}
