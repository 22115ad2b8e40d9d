import Testing

/// The programs as they are installed, on loopback, with this machine's own tools.
@Suite(
    "The programs", .serialized,
    .enabled("JOULEFLOW_BIN is not set: it names the folder of the built programs") {
        Host.programs != nil
    },
    .enabled("python3 or setpriv is missing") { Host.has("python3", "setpriv") }
)
struct SystemTests {}
