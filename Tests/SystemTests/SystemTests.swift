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

extension Trait where Self == ConditionTrait {
    static var hasCapture: Self {
        .enabled("no right to capture: CAP_NET_RAW is missing") { Host.mayCapture }
    }
    static var hasWebLoad: Self {
        .enabled("nginx or wrk is missing: apt-get install nginx-light wrk") {
            Host.has("nginx", "wrk")
        }
    }
}
