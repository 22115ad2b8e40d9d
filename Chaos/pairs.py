"""Two collectors, each of which shall have every record; one of them dies."""
from fault import Fault


class TwoCollectors(Fault):
    name = "two_collectors"
    promise = "The other goes on without a pause; the one that died has all when it is back."
    bound = 75

    def skipped(self):
        addresses = ", ".join(f'{{address: "h:{port}", plaintext: true}}' for port in (1, 2))
        return self.world.refusal(f"collectors: [{addresses}]\n", "several collectors")

    def happen(self):
        with self.site(agents=3, collectors=2, to_all=True) as site:
            site.start()
            dead, alive = self.random.sample(site.collectors, 2)
            dead.kill()
            self.pause(self.seconds(30, 5))
            marks = site.marks()
            behind = self.world.wait_until(
                lambda: all(alive.durable().get((agent.name, run), 0) >= last
                            for agent, (run, last) in marks.items()), 10)
            self.require(behind, "the collector that lives did not get the records in 10 s")
            dead.start("ready")
            self.runs += 1
            self.recover(site)
