import Glibc

/// Something in the state folder, looked at where it lies: a link is not followed.
///
/// The folder belongs to the agent's user, who may put anything there, and root acts on what is told.
struct StateEntry {
    /// What it is.
    enum Kind: Hashable {
        case file, folder, link
        /// A FIFO, a socket or a device.
        case special
        /// A file of another user that has a name elsewhere too.
        case otherName
    }

    let path: String
    let kind: Kind
    let owner: uid_t
    let mode: mode_t

    /// `nil` where there is nothing, or it may not be looked at.
    ///
    /// - Parameter user: whose the state is.
    init?(_ path: String, of user: uid_t) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return nil }
        self.path = path
        owner = status.st_uid
        mode = status.st_mode & 0o7777
        kind =
            switch status.st_mode & S_IFMT {
            case S_IFREG: status.st_nlink > 1 && status.st_uid != user ? .otherName : .file
            case S_IFDIR: .folder
            case S_IFLNK: .link
            default: .special
            }
    }
}
