"""What networks do, on a link of our own between two namespaces."""
from fault import Fault
from world import call


class Network(Fault):
    """The link does `what` for a while, and is good again."""
    bound = 75
    what, counted, whole, quick = {}, "lost", 45, 8

    def happen(self):
        with self.site(agents=3, link_seed=f"{self.world.seed} {self.name} {self.runs}") as site:
            site.start()
            site.link.set(**self.what)
            self.disturb(site)
            counts = site.link.counts()
            self.notes.append(", ".join(f"{count} packets {word}"
                                        for word, count in counts.items() if count))
            self.require(counts[self.counted] > 0, f"no packet was {self.counted}")
            site.link.set()
            self.runs += 1
            self.recover(site)

    def disturb(self, _site):
        self.pause(self.seconds(self.whole, self.quick))


class Cut(Network):
    name = "link_cut"
    promise = "Records wait in the spool; TCP or a new connection delivers them."
    what, is_quick = {"cut": True}, True


class LongCut(Network):
    name = "link_cut_long"
    promise = "Both sides notice it and give the connection up; the next one delivers all."
    what, whole = {"cut": True}, 100


class Loss(Network):
    name = "link_loss"
    promise = "A third of all packets lost costs time alone."
    what, is_quick = {"loss": 0.3}, True


class Delay(Network):
    name = "link_delay"
    promise = "0.1 to 0.6 s of delay, drawn for each packet, costs time alone."
    what, counted = {"delay": [0.1, 0.6]}, "delayed"


class Corruption(Network):
    name = "link_corruption"
    promise = "What passes TCP's checksum does not pass the frames': nothing altered is kept."
    what, counted, is_quick = {"corrupt": 0.2}, "forged", True


class Duplication(Network):
    name = "link_duplication"
    promise = "Packets that come twice change nothing."
    what, counted, whole = {"duplicate": 0.5}, "duplicated", 30


class Reordering(Network):
    name = "link_reordering"
    promise = "Packets that come late and out of order change nothing."
    what, counted, whole = {"reorder": 0.4}, "reordered", 30


class Everything(Network):
    name = "link_all_of_it"
    promise = "Loss, delay, corruption, duplication and reordering together: the same."
    what = {"loss": 0.1, "delay": [0, 0.2], "corrupt": 0.1, "duplicate": 0.2, "reorder": 0.2}


class HalfOpen(Network):
    """Nothing of the collector's side arrives any more, neither acknowledgement nor the end of the
    connection: the collector is killed and started meanwhile."""
    name = "half_open"
    promise = "An agent that hears nothing gives the connection up within 60 s, and loses nothing."
    what, whole = {"deaf": "b"}, 90

    def disturb(self, site):
        agents = [(agent, agent.log_size()) for agent in site.agents]
        self.pause(self.whole / 3)
        site.collectors[0].kill()
        self.pause(1)
        site.collectors[0].start("ready")
        self.pause(self.whole * 2 / 3)
        for agent, size in agents:
            self.note_complaint(agent, size)


class PacketFilter(Network):
    """A firewall before the collector drops packets, and then refuses them with resets."""
    name = "packet_filter"
    promise = "Dropped packets and refused connections cost time alone."

    def disturb(self, site):
        port = site.collectors[0].address.rsplit(":", 1)[1]
        inside = ["nsenter", f"--net={site.link.far}", "nft", "-f", "-"]
        rules = "table inet chaos { chain input { type filter hook input priority 0; tcp dport " \
            f"{port} counter VERDICT; " "}; }\n"
        for verdict in ("drop", "reject with tcp reset"):
            call(*inside, text=rules.replace("VERDICT", verdict))
            self.pause(20)
            listed = call("nsenter", f"--net={site.link.far}", "nft", "list", "table", "inet",
                          "chaos")
            self.notes.append(f"{verdict}: " + listed.split("counter ")[1].split(" bytes")[0])
            self.require("counter packets 0 " not in listed, f"nothing met the rule: {verdict}")
            call(*inside, text="delete table inet chaos\n")

    counted = "passed"
