import Testing

/// The programs as they are installed, on loopback, with this machine's own tools. One test at a time has
/// the machine: they load it, and count exactly what passes.
@Suite("The programs", .serialized, .hasPrograms, .hasTools)
struct SystemTests {}

/// The same, of tests that wait more than they work and measure nothing: one beside another.
@Suite("The programs, side by side", .hasPrograms, .hasTools)
struct SideBySideTests {}

extension Trait where Self == ConditionTrait {
    static var hasPrograms: Self {
        .enabled("JOULEFLOW_BIN is not set: it names the folder of the built programs") {
            Host.programs != nil
        }
    }
    static var hasTools: Self {
        .enabled("python3 or setpriv is missing") { Host.has("python3", "setpriv") }
    }
    static var hasCapture: Self {
        .enabled("no right to capture: CAP_NET_RAW is missing") { Host.mayCapture }
    }
    static var hasWebLoad: Self {
        .enabled("nginx or wrk is missing: apt-get install nginx-light wrk") {
            Host.has("nginx", "wrk")
        }
    }
}
