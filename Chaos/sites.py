"""Agents and collectors at work, each in a folder of its own, and what they have stored."""
import contextlib, json, re, sqlite3, sys, time
from pathlib import Path

from truth import Truth, Watching
from world import CannotRun, Child

LINK_ADDRESSES = ("10.77.0.1", "10.77.0.2")
LOOPBACK = "127.0.0.1"
PYTHON = [sys.executable, "-B"]
HERE = Path(__file__).resolve().parent
AGENT_SETTINGS = """\
version: 1
agent: {{id: {name}, state: state}}
window: 1s
energy: {{source: model, idle_watts: 60, maximum_watts: 120}}
capture: {{interfaces: [lo], ring_mib: 1}}
services:
  - {{name: web, ports: [{service}], protocol: http1, cpu: process, counts_flows: true}}
flow_secret: {secret}
scenarios:
  - id: query
    dedupe: fleet
    steps:
      - when: {{method: GET, path: "/loans/{{id}}"}}
        flow_key: path.id
collectors:
{collectors}
"""
COLLECTOR_SETTINGS = """\
version: 1
listen: {{agents: "{address}"}}
plaintext: true
store: {{sqlite: {store}}}
"""


class Program:
    """An agent or a collector: started, killed and started again, on the same files."""

    def __init__(self, site, part, name, folder, network=None):
        self.site, self.part, self.name, self.folder = site, part, name, folder
        self.network, self.environment, self.child = network, {}, None
        self.settings = site.folder / f"{name}.yaml"
        self.log = site.folder / f"{name}.log"

    def start(self, word=None, seconds=20):
        """Starts it; waits until it has said `word`."""
        command = [self.site.world.program(self.part), "run", "--config", self.settings]
        self.child = Child(command, self.log, self.environment, self.network)
        self.site.children.append(self.child)
        if word:
            self.wait_for(word, seconds)

    def wait_for(self, word, seconds=20):
        child = self.child
        if not self.site.world.wait_until(
                lambda: word in child.said() or not child.is_running(), seconds) \
                or word not in child.said():
            lines = child.said().strip().split("\n")
            raise CannotRun(f"{self.name} never said “{word}”: {lines[-1][:300]}")

    def log_size(self):
        return self.log.stat().st_size

    def complaint(self, since, about=""):
        """The first warning or error about it behind the first `since` bytes of its words."""
        with open(self.log, errors="replace") as words:
            words.seek(since)
            for line in words:
                _, _, rest = line.partition(" ")
                if re.match("(warning|error|critical)\\b", rest) and about in rest:
                    return " ".join(rest.split()).replace(f"{self.site.folder}/", "")
        return None

    def is_running(self):
        return self.child is not None and self.child.is_running()

    def kill(self):
        self.child.kill()

    def end(self):
        """Ends it in order. A sentence where that went wrong."""
        if self.child is None:
            return None
        if not self.child.is_running():
            status = self.child.process.returncode
            words = (self.child.said().strip().split("\n") or [""])[-1]
            return f"{self.name} had ended by itself, status {status}: {words[:300]}"
        status = self.child.end()
        return f"{self.name} ended with status {status}" if status else None


class Agent(Program):
    def __init__(self, site, name, folder, network):
        super().__init__(site, "agent", name, folder, network)
        self.truth = None

    @property
    def spool(self):
        return self.folder / "state" / "spool"

    def mark(self, and_next=False):
        run, last = self.truth.last()
        return run, last + and_next

    def vary(self, number):
        """Another scenario beside the first: records after the next start have another manifest,
        and so begin another segment."""
        text = self.settings.read_text()
        head, mark, rest = text.partition("scenarios:\n")
        kept = rest[rest.index("  - id: query\n"):]
        more = f"  - id: more-{number}\n    steps:\n      - when: {{path: /more/{number}}}\n"
        self.settings.write_text(f"{head}{mark}{more}{kept}")

    def prepare(self):
        """Makes its state folder and what keeps its segments, both on one file system."""
        (self.folder / "state").mkdir(mode=0o700, exist_ok=True)
        self.truth = Truth(self.spool, self.folder / "kept")


class Collector(Program):
    def __init__(self, site, name, folder, network, address):
        super().__init__(site, "collector", name, folder, network)
        self.address, self.store = address, folder / "store.db"

    def rows(self, query):
        """What a query of the store answers; `None` while it cannot be read."""
        if not self.store.exists():
            return None
        with contextlib.suppress(sqlite3.Error):
            connection = sqlite3.connect(f"file:{self.store}?mode=ro", uri=True, timeout=1)
            with contextlib.closing(connection):
                return connection.execute(query).fetchall()
        return None

    def durable(self):
        """Up to which number each run is stored or known to be lost."""
        rows = self.rows("SELECT name, run, durable FROM runs JOIN agents ON agents.id = agent_id")
        return {(name, run & (1 << 64) - 1): durable for name, run, durable in rows or []}


class Link:
    """The user-space link between the agents' namespace and the collectors'."""

    def __init__(self, site, seed):
        command = [*PYTHON, HERE / "link.py", seed]
        self.child = Child(command, site.folder / "link.log", pipes=True)
        site.children.append(self.child)
        line = self.child.process.stdout.readline()
        if not line:
            raise CannotRun("the link did not begin: " + self.child.said().strip()[-300:])
        self.near, self.far = json.loads(line)

    def set(self, **what):
        print(json.dumps(what), file=self.child.process.stdin, flush=True)

    def counts(self):
        self.set(tell=1)
        return json.loads(self.child.process.stdout.readline())


class Site:
    """Collectors, and agents that are shared out among them or send to all of them."""

    def __init__(self, world, folder, agents=1, collectors=1, link_seed=None, to_all=False,
                 tls=None, more=""):
        self.world, self.folder, self.to_all, self.tls = world, folder, to_all, tls
        # What stands in the agents' settings besides.
        self.more = more
        self.children, self.watching, self.traffic = [], None, None
        # File systems that take the place of folders here; removed at the end.
        self.volumes = []
        folder.mkdir()
        self.link = Link(self, link_seed) if link_seed is not None else None
        near, far = (self.link.near, self.link.far) if self.link else (None, None)
        self.service = world.port()
        secret = folder / "flow.secret"
        secret.write_bytes(b"flows of all hosts of chaos")
        secret.chmod(0o600)
        host = LINK_ADDRESSES[1] if self.link else LOOPBACK
        self.collectors = [
            Collector(self, f"collector-{number}", self.made(f"collector-{number}"), far,
                      f"{host}:{world.port()}")
            for number in range(1, collectors + 1)]
        self.agents = [Agent(self, f"agent-{number}", self.made(f"agent-{number}"), near)
                       for number in range(1, agents + 1)]

    def made(self, name):
        (self.folder / name).mkdir()
        return self.folder / name

    def __enter__(self):
        return self

    def __exit__(self, *_):
        """Ends what still runs, by its number."""
        for child in reversed(self.children):
            if child.is_running():
                child.kill()
        if self.watching:
            self.watching.stop()
        for volume in self.volumes:
            volume.remove()

    def collectors_of(self, agent):
        if self.to_all:
            return self.collectors
        return [self.collectors[self.agents.index(agent) % len(self.collectors)]]

    def write_settings(self):
        for collector in self.collectors:
            text = COLLECTOR_SETTINGS.format(address=collector.address, store=collector.store)
            if self.tls:
                text = text.replace("plaintext: true\n", self.tls.of_collector(collector))
            collector.settings.write_text(text)
        for agent in self.agents:
            way = self.tls.of_agent(agent) if self.tls else "plaintext: true"
            lines = [f'  - {{address: "{collector.address}", {way}}}'
                     for collector in self.collectors_of(agent)]
            agent.settings.write_text(AGENT_SETTINGS.format(
                name=agent.name, service=self.service, collectors="\n".join(lines),
                secret=self.folder / "flow.secret"
            ).replace("state: state", f"state: {agent.folder / 'state'}") + self.more)

    def prepare(self):
        """Writes all files and starts the traffic."""
        self.write_settings()
        for agent in self.agents:
            agent.prepare()
        self.watching = Watching([agent.truth for agent in self.agents])
        self.traffic = Child([*PYTHON, HERE / "traffic.py", self.service],
                             self.folder / "traffic.log", network=self.agents[0].network)
        self.children.append(self.traffic)

    def start(self):
        """Everything at work: every agent is connected and has delivered."""
        self.prepare()
        for collector in self.collectors:
            collector.start("ready")
        for agent in self.agents:
            agent.start()
        for agent in self.agents:
            agent.wait_for("collector connected")
        if not self.delivered_in(20, {agent: (None, 1) for agent in self.agents}):
            raise CannotRun("the agents delivered nothing in 20 s: " + self.last_words())

    def last_words(self):
        return "; ".join(f"{agent.name}: " + agent.child.said().strip().split("\n")[-1][:200]
                         for agent in self.agents[:2])

    def marks(self, and_next=False):
        """The last record that each agent has made, or the one after it, by run and number."""
        return {agent: agent.mark(and_next) for agent in self.agents}

    def has(self, marks, durable):
        """Whether all that is marked is durable in the stores it belongs to."""
        return all(stands(durable[collector], agent, mark) for agent, mark in marks.items()
                   for collector in self.collectors_of(agent))

    def durable(self):
        return {collector: collector.durable() for collector in self.collectors}

    def delivered_in(self, seconds, marks):
        """How long it took until all that is marked was durable; `None` where it never was."""
        began = time.monotonic()
        if self.world.wait_until(lambda: self.has(marks, self.durable()), seconds, every=0.1):
            return max(time.monotonic() - began, 0.001)
        return None

    def drain(self):
        """Ends the agents so that all they made is delivered, then the collectors. Returns what
        went wrong."""
        wrong = [agent.end() for agent in self.agents if agent.child]
        for _ in range(3):
            if self.has(self.marks(), self.durable()):
                break
            # The last record of an agent that ended may still be in its spool.
            for agent in self.agents:
                agent.start()
            self.delivered_in(90, self.marks())
            for agent in self.agents:
                agent.end()
        wrong += [collector.end() for collector in self.collectors]
        return [sentence for sentence in wrong if sentence]


def stands(durable, agent, mark):
    run, last = mark
    if run is None:
        return any(name == agent.name and up_to >= last for (name, _), up_to in durable.items())
    return durable.get((agent.name, run), 0) >= last
