"""A spool that is gone: its folder was removed, while the agent was stopped or under it."""
import shutil

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
