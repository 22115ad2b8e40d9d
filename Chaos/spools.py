"""A spool that is gone: its folder was removed, while the agent was stopped or under it. And one that
is full, or whose records are too old: the oldest of them are dropped."""
import shutil, signal

from fault import Fault


class Lost(Fault):
    """The collector is down before, so that there is something to lose, or up, so that there is
    not much."""
    bound, loses, covers = 75, True, False

    def happen(self):
        with self.site(agents=3) as site:
            site.start()
            site.collectors[0].end()
            self.pause(self.seconds(5, 3))
            self.lose(site)
            site.collectors[0].start("ready")
            self.pause(2)
            self.runs += 1
            self.recover(site)
            self.notes.append("losses are " + ("declared" if any(
                collector.rows("SELECT 1 FROM losses LIMIT 1") for collector in site.collectors)
                else "not declared"))


class LostWhileStopped(Lost):
    name = "spool_lost_stopped"
    promise = "A new run begins; what was not delivered of the old one is declared lost, exactly."
    is_quick = True

    def lose(self, site):
        for agent in site.agents:
            agent.kill()
            agent.truth.look()
            shutil.rmtree(agent.spool)
            agent.start("ready")


class LostWhileRunning(Lost):
    name = "spool_lost_running"
    promise = "Noticed at the next window; begun anew, and the loss is declared, exactly."

    def lose(self, site):
        for agent in site.agents:
            agent.truth.look()
            shutil.rmtree(agent.spool)
        self.pause(5)


class LostThenKilled(LostWhileRunning):
    name = "spool_lost_killed"
    promise = "Removed under the agent, and then the agent is killed: the same."

    def lose(self, site):
        super().lose(site)
        for agent in site.agents:
            agent.kill()
            agent.start("ready")


class Overfull(Fault):
    """The collector is down for longer than the spool has room for."""
    bound, loses, covers, spool = 75, True, False, ""

    def happen(self):
        with self.site(agents=2, more=self.spool) as site:
            site.start()
            [collector] = site.collectors
            collector.end()
            before = collector.durable()
            self.wait(site)
            collector.start("ready")
            self.runs += 1
            self.recover(site)
            for agent in site.agents:
                self.require_oldest(collector, agent, before)

    def require_oldest(self, collector, agent, before):
        """Lost is what followed the last delivered record, in one piece, and all behind it is there."""
        run, last = agent.mark()
        losses = sorted(collector.rows(
            "SELECT first, last FROM losses JOIN runs ON runs.id = run_id JOIN agents "
            f"ON agents.id = agent_id WHERE name = '{agent.name}'") or [])
        wrong = not_the_oldest(losses, before.get((agent.name, run), 0) + 1)
        self.require(wrong is None, f"{agent.name} {wrong}")
        if losses:
            self.notes.append(
                f"{agent.name} dropped records {losses[0][0]} to {losses[-1][1]} of {last}")


def not_the_oldest(losses, oldest):
    """What is wrong with losses that should be of the oldest records alone, from `oldest` on; `None`
    where nothing is."""
    if not losses:
        return "lost nothing: its spool had room for all"
    (first, _), (_, end) = losses[0], losses[-1]
    if first != oldest or sum(to - at + 1 for at, to in losses) != end - first + 1:
        return f"dropped {losses}, and the oldest that it had was {oldest}"
    return None


class TooOld(Overfull):
    name = "spool_too_old"
    promise = "Records above spool.max_age are dropped, the oldest first, and declared, exactly."
    is_quick = True
    spool = "spool: {max_mib: 8, max_age: 5s}\n"

    def wait(self, site):
        self.pause(self.seconds(30, 9))


class Full(Overfull):
    """A record that is the first under its manifest begins a segment, and a segment begins with the
    manifest: many rules, changed again and again, fill the least spool there is in two minutes."""
    name = "spool_full"
    promise = "Beyond spool.max_mib the oldest records are dropped, and declared, exactly."
    repeats = False
    spool, limit, rules, most = "spool: {max_mib: 8}\n", 8 << 20, 900, 180

    def wait(self, site):
        plain = {agent: agent.settings.read_text() for agent in site.agents}
        oldest = [min(agent.spool.glob("segment-*")) for agent in site.agents]
        for second in range(self.most):
            for agent in site.agents:
                agent.settings.write_text(plain[agent].replace(
                    "scenarios:\n", f"scenarios:\n{self.scenario(second)}"))
                agent.child.send(signal.SIGHUP)
            self.pause(1)
            for agent in site.agents:
                size = sum(path.stat().st_size for path in agent.spool.glob("segment-*"))
                self.require(size <= self.limit, f"the spool of {agent.name} has {size} bytes")
                if second == 0:
                    agent.wait_for("settings read again")
            if not any(path.exists() for path in oldest):
                break
        # A few more, so that several are dropped.
        self.pause(5)

    def scenario(self, number):
        steps = "".join(
            f"      - {{name: {'step'.ljust(56, '-')}{step:04}, when: {{path: /{number}/{step}}}, "
            "completes: true}\n" for step in range(self.rules))
        return f"  - id: many\n    steps:\n{steps}"
