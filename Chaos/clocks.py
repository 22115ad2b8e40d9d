"""The wall clock of one program jumps by an hour and back, by libfaketime; the machine's never."""
from pathlib import Path

from fault import Fault

LIBRARIES = [Path("/usr/lib") / machine / "faketime" / "libfaketimeMT.so.1"
             for machine in ("x86_64-linux-gnu", "aarch64-linux-gnu")]


class Clock(Fault):
    part, offset, bound = "agents", "+3600", 30
    # Time that comes twice, or never, comes so in the windows too.
    covers = False

    def skipped(self):
        if not any(library.exists() for library in LIBRARIES):
            return "libfaketime is missing: scripts/install-dependencies --chaos"
        return None

    def happen(self):
        library = next(library for library in LIBRARIES if library.exists())
        with self.site(agents=2) as site:
            clock = site.folder / "clock"
            clock.write_text("+0\n")
            for program in getattr(site, self.part):
                program.environment = {
                    "LD_PRELOAD": str(library), "FAKETIME_TIMESTAMP_FILE": str(clock),
                    "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
            site.start()
            for offset in (self.offset, "+0"):
                replace(clock, f"{offset}\n")
                self.pause(self.seconds(15, 5))
                for program in getattr(site, self.part):
                    self.require(program.is_running(), f"{program.name} has ended")
            self.runs += 1
            self.recover(site)


def replace(path, text):
    """At once: a reader sees the old text or the new."""
    new = path.with_suffix(".new")
    new.write_text(text)
    new.rename(path)


class AgentAhead(Clock):
    name = "clock_agent_ahead"
    promise = "Records stay complete and unique while an agent's clock is an hour ahead, and after."


class AgentBehind(Clock):
    name = "clock_agent_behind"
    promise = "The same of an hour behind."
    offset = "-3600"


class CollectorAhead(Clock):
    name = "clock_collector_ahead"
    promise = "The collector's clock, an hour ahead, changes no record."
    part = "collectors"


class CollectorBehind(Clock):
    name = "clock_collector_behind"
    promise = "The same of an hour behind."
    part, offset = "collectors", "-3600"
