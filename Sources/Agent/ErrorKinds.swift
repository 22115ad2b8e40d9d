import Glibc
import Spool

/// Whether an error that kept the agent from starting is a missing right.
package func isPermission(_ error: any Error) -> Bool {
    switch error {
    case let error as SpoolError:
        if case .permission = error { true } else { false }
    case let error as StateError: error.errno == EACCES || error.errno == EPERM
    case let error as SecretFileError: error.isPermission
    case let error as FlowJournalError:
        error.cause.errno == EACCES || error.cause.errno == EPERM
    default: false
    }
}
