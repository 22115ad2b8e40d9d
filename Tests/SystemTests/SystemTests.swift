import Testing

/// The programs as they are installed, on loopback, with this machine's own tools.
@Suite(
    "The programs", .serialized,
    .enabled("JOULEFLOW_BIN names no folder with the three programs") { Host.programs != nil },
    .enabled("python3 or setpriv is missing") { Host.has("python3", "setpriv") }
)
struct SystemTests {}
