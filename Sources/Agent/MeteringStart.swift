import Metering
import Processes

/// The moment from which an agent meters, and what follows from it and from the run before.
struct MeteringStart: Sendable {
    let reading: ClockReading
    /// How the agent's run before this one ended.
    let resumption: Resumption
    /// The windows since then, in which no agent ran.
    let missed: [ClosedWindow]
    /// The windows from now on.
    let windows: WindowSequence
    let schedule: WindowSchedule

    /// - Parameters:
    ///   - length: of a window.
    ///   - waker: wakes the capture's thread.
    init(
        at reading: ClockReading, resuming resumption: Resumption, length: Nanoseconds,
        waking waker: Waker? = nil
    ) {
        self.reading = reading
        self.resumption = resumption.limited(to: reading, length: length)
        (windows, missed) = self.resumption.windows(from: reading, length: length)
        schedule = WindowSchedule(windows, waking: waker)
    }
}

extension ProcessorMeter {
    /// A meter that has looked for its services, and reads nothing yet.
    init(lookingFor settings: MeterSettings, now reading: ClockReading) {
        self.init(
            procfs: settings.energy.procfs, services: settings.services, from: reading.boottime)
        look(now: reading.boottime)
    }
}
