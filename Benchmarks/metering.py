"""The agent at work on live traffic: it captures on loopback and sends its records to a collector,
whose report says what was counted."""
import collections, json, re, socket, subprocess, time
from pathlib import Path
from measuring import CannotMeasure, end, wait_until
from traffic import OUTCOMES, SCENARIOS, Counts

RING_MIB, SNAPSHOT_BYTES = 16, 262_144
# Resident memory in bytes: all of it, the part shared with others divided among them, the part that
# comes from no file, and the ring that the kernel fills.
Memory = collections.namedtuple("Memory", "rss pss anonymous ring")
# `losses` by the names of docs/report.md.
Counted = collections.namedtuple("Counted", "counts losses packets records")


class Metering:
    """Captures from the moment it is made, and sends over TLS; `keys` are further lines of the
    agent's settings."""

    def __init__(self, bench, traffic, name, *keys, window="10s"):
        self.bench, self.name, self.folder = bench, name, bench.folder / name
        self.folder.mkdir()
        self.began = int(time.time())
        self.authority("init")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            address = f'"127.0.0.1:{probe.getsockname()[1]}"'
        settings = traffic.settings(
            "agent: {id: bench, state: state}", f"window: {window}",
            f"capture: {{interfaces: [lo], ring_mib: {RING_MIB}}}",
            f"collectors: [{{address: {address}, {self.tls('agent', 'bench')}}}]", *keys)
        (self.folder / "agent.yaml").write_text(settings)
        (self.folder / "collector.yaml").write_text(
            f"version: 1\nlisten: {{agents: {address}}}\n{self.tls('collector', '127.0.0.1')}\n"
            "store: {sqlite: store.db}\n")
        self.collector = self.run("collector", "ready")
        self.agent = self.run("agent", "collector connected")
        if "capturing" not in self.agent.log.read_text():
            raise CannotMeasure("the agent does not capture: " + self.words())

    def authority(self, *words):
        program = self.bench.program("jouleflow-collector").resolve()
        subprocess.run([program, "ca", *words], cwd=self.folder, check=True, capture_output=True,
                       timeout=60)

    def tls(self, part, name):
        """The line of settings, with a certificate for it: as both are installed."""
        self.authority(part, name)
        file = f"jouleflow-ca/{part}-{name}"
        return f"tls: {{ca: jouleflow-ca/ca.pem, certificate: {file}.pem, key: {file}.key}}"

    def run(self, part, word):
        child = self.bench.start(f"{self.name}-{part}", self.bench.program(f"jouleflow-{part}"),
                                 "run", "--config", self.folder / f"{part}.yaml")
        wait_until(child, lambda: word in child.log.read_text())
        return child

    def words(self):
        return self.agent.log.read_text().strip().split("\n")[-1]

    def stop(self):
        """Ends the agent, which closes its window, and says what the collector has stored."""
        end(self.agent)
        words = self.words()
        if self.agent.returncode or not re.search(r"\bbacklog=0\b", words):
            raise CannotMeasure(f"the agent did not deliver all records: {words}")
        end(self.collector)
        until = int(time.time()) + 1
        done = subprocess.run(
            [self.bench.program("jouleflow-collector"), "report", "--config",
             self.folder / "collector.yaml", "--from", moment(self.began), "--to", moment(until),
             "--round", f"{until - self.began}s", "--factor", "全国-2023-average", "--format",
             "json"], text=True, capture_output=True, timeout=60)
        if done.returncode:
            raise CannotMeasure(f"jouleflow-collector report: {done.stderr.strip()}")
        return counted(json.loads(done.stdout))


def moment(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def counted(report):
    host = report["rounds"][0]["hosts"][0]
    scenarios = report["totals"]["scenarios"]
    # Where a scenario's counts are not known, none is taken for counted.
    flows = {(scenario, outcome): scenarios[scenario][outcome] or 0
             for scenario in SCENARIOS for outcome in OUTCOMES}
    others = host["exchanges"] - sum(flows.values())
    return Counted(Counts(flows, others), host["losses"], host["packets"], host["records"])


def memory(pid):
    """Source: proc_pid_smaps(5); a ring is mapped from its packet socket."""
    values, ring, is_ring = {}, 0, False
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().split("\n"):
        name, *numbers = line.split() or [""]
        if name in ("Rss:", "Pss:", "Anonymous:"):
            values[name] = int(numbers[0]) << 10
    for line in Path(f"/proc/{pid}/smaps").read_text().split("\n"):
        if re.match("[0-9a-f]+-", line):
            is_ring = "socket:[" in line
        elif is_ring and line.startswith("Rss:"):
            ring += int(line.split()[1]) << 10
    return Memory(values["Rss:"], values["Pss:"], values["Anonymous:"], ring)
