"""kill -9 at random points, again and again, of agents and collectors that start again."""
import threading, time

from fault import PATIENCE, Fault
from world import Stopped

# How many of the agents that start again do so with other settings, which begins a new segment.
VARIED = 0.3


class Kills(Fault):
    """Each thread kills one program of the site: a third of the kills while it starts, a third just
    after the end of a window, when records are written and sent, a third anywhere."""
    agents, collectors, repeats = 1, 1, False
    kills_agents, kills_collectors = False, False
    kills, quick_kills = 0, 0
    longest_up = 2.5

    def happen(self):
        left = Countdown(self.quick_kills if self.world.quick else self.world.kills(self.kills))
        with self.site(self.agents, self.collectors) as site:
            site.start()
            targets = (site.agents if self.kills_agents else []) \
                + (site.collectors if self.kills_collectors else [])
            waiting = Waiting(self, site)
            threads = [threading.Thread(target=self.cycle, args=(site, target, left, waiting))
                       for target in targets]
            for thread in threads:
                thread.start()
            try:
                while any(thread.is_alive() for thread in threads):
                    waiting.look()
                    self.pause(0.1)
            finally:
                for thread in threads:
                    thread.join()
            self.recover(site)
            waiting.look()
            waiting.finish()

    def cycle(self, site, target, left, waiting):
        try:
            while left.take():
                self.pause(self.moment())
                target.kill()
                self.runs += 1
                marks = {agent: agent.mark(and_next=True) for agent in site.agents
                         if target is agent or target in site.collectors_of(agent)}
                self.pause(self.random.choice((0, 0, self.random.uniform(0, 1))))
                if target in site.agents and self.random.random() < VARIED:
                    target.vary(self.random.randrange(1000))
                target.start()
                waiting.add(marks)
        except Stopped:
            left.stop()
        except Exception as error:
            self.broken.append(f"{target.name} could not be killed and started: {error}")
            left.stop()

    def moment(self):
        kind = self.random.randrange(3)
        if kind == 0:
            return self.random.uniform(0, 0.25)
        if kind == 1:
            to_next_second = 1 - time.time() % 1
            return to_next_second + self.random.choice((0, 1)) + self.random.uniform(0, 0.06)
        return self.random.uniform(0.25, self.longest_up)


class Countdown:
    def __init__(self, count):
        self.count, self.lock = count, threading.Lock()

    def take(self):
        with self.lock:
            self.count -= 1
            return self.count >= 0

    def stop(self):
        with self.lock:
            self.count = 0


class Waiting:
    """Recoveries under way: what was made before a kill, and when the program was started again."""

    def __init__(self, fault, site):
        self.fault, self.site, self.lock = fault, site, threading.Lock()
        self.pending = []

    def add(self, marks):
        with self.lock:
            self.pending.append((time.monotonic(), marks))

    def look(self):
        durable = self.site.durable()
        with self.lock:
            still = []
            for began, marks in self.pending:
                if self.site.has(marks, durable):
                    self.fault.note_recovery(time.monotonic() - began)
                else:
                    still.append((began, marks))
            self.pending = still

    def finish(self):
        limit = time.monotonic() + self.fault.bound + PATIENCE
        while self.pending and time.monotonic() < limit:
            self.look()
            self.fault.pause(0.1)
        for _ in self.pending:
            self.fault.note_recovery(None)


class KillAgent(Kills):
    name = "kill_agent"
    promise = "What append returned is kept and delivered once; the run goes on with its numbers."
    bound, is_quick = 30, True
    kills_agents, agents, kills, quick_kills = True, 12, 700, 24


class KillCollector(Kills):
    name = "kill_collector"
    promise = "What was acknowledged is in the store; what was not is sent again and stored once."
    bound, is_quick = 60, True
    kills_collectors, agents, collectors, kills, quick_kills = True, 8, 4, 200, 8
    longest_up = 4


class KillBoth(Kills):
    name = "kill_both"
    promise = "Both killed at random, often at one time: the same."
    bound = 60
    kills_agents = kills_collectors = True
    agents, collectors, kills = 4, 2, 100
