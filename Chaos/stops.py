"""SIGSTOP: programs that stand still without being gone."""
import signal

from fault import Fault


class Stops(Fault):
    stops = "agents"

    def happen(self):
        with self.site(agents=3) as site:
            site.start()
            targets = getattr(site, self.stops)
            for target in targets:
                target.child.send(signal.SIGSTOP)
            self.pause(self.seconds(60, 4))
            for target in targets:
                target.child.send(signal.SIGCONT)
            self.runs += 1
            # What the agents make of the time they stood still is part of what must arrive.
            self.pause(1.5)
            self.recover(site)


class StopAgent(Stops):
    name = "stop_agent"
    promise = "The time is covered by records, which say that the agent stood still."
    bound, is_quick = 60, True


class StopCollector(Stops):
    name = "stop_collector"
    promise = "Agents keep their records, notice the silence within 45 s, and deliver all after it."
    bound, stops = 75, "collectors"
