"""One tick of the agent over four energy counters, beside a scrape of prometheus-node-exporter.

Both read the same simulated tree, two packages and their dram. A tick is what the agent does in
every second to read the counters; a scrape does the same and writes and sends its text as well,
which is what node_exporter is for. It is asked over one connection, with the collector `rapl`
alone. `--web.disable-exporter-metrics` is measured too: without it the exporter tells of itself.
"""
import json, re, subprocess
import exporter
from measuring import CannotMeasure, cpu_seconds, median, spread, wait_until

RUNS, TICKS, SCRAPES, GOAL = 5, 20_000, 2_000, 15


def measure(bench):
    tree = counters(bench)
    program = exporter.program(bench)
    exporters = [Exporter(bench, program, tree),
                 Exporter(bench, program, tree, "--web.disable-exporter-metrics")] \
        if program else []
    costs, scrapes = [], [[] for _ in exporters]
    for _ in range(RUNS):
        costs.append(ticks(bench, tree))
        for peer, figures in zip(exporters, scrapes):
            figures.append(peer.microseconds_per_scrape())
    tell(bench, costs)
    if exporters:
        tell_exporter(bench, exporters[0].version(), costs, *scrapes)


def counters(bench):
    """Keeps a tree with four zones while the bench lasts, the same for all sections."""
    tree = bench.folder / "sys"
    if tree.exists():
        return tree
    lab = bench.start("lab", bench.program("jouleflow-lab"), "powercap", "--root", tree,
                      "--machine", "xeon-2s", "--steady", "--interval", "1s")
    wait_until(lab, lambda: "ready" in lab.log.read_text())
    return tree


def ticks(bench, tree):
    done = subprocess.run(
        [bench.program("jouleflow-lab"), "bench", "tick", "--sysfs", tree, "--ticks", str(TICKS)],
        text=True, capture_output=True, timeout=100)
    if done.returncode:
        raise CannotMeasure(done.stderr.strip() or f"jouleflow-lab ended with {done.returncode}")
    return json.loads(done.stdout)


def per_tick(costs, part):
    return [cost[part]["cpu_microseconds"] / cost[part]["ticks"] for cost in costs]


def tell(bench, costs):
    zones = costs[0]["zones"]
    energy, whole, rescan = (per_tick(costs, part) for part in ("energy", "whole", "rescan"))
    looks = median(rescan) - median(energy)
    allocations = max(cost[part]["allocations"] / cost[part]["ticks"]
                      for cost in costs for part in ("energy", "whole"))
    bench.put("tick.zones", zones)
    bench.put("tick.cpu_microseconds", median(energy))
    bench.put("tick.whole_cpu_microseconds", median(whole))
    bench.put("tick.rescan_cpu_microseconds", looks)
    bench.put("allocations.per_tick", allocations)
    reached = "reached" if median(energy) <= GOAL else "missed"
    bench.row(f"tick over {zones} zones, CPU µs", spread(energy), goal=f"≤ {GOAL}: {reached}")
    bench.row("  and /proc/stat, CPU µs", spread(whole))
    bench.row("  a look at the whole tree each minute, CPU µs", f"{looks:.0f}")
    bench.row("allocations per tick", f"{allocations:g}", goal="0")
    bench.notes.append("Ticks and scrapes follow each other at once and find the caches warm; one in"
                       " a second costs either program more.")
    bench.require(allocations == 0, f"a tick allocates: {allocations:g} times")


def tell_exporter(bench, version, costs, usual, alone):
    bench.put("tick.peers.node_exporter.version", version)
    bench.put("tick.peers.node_exporter.cpu_microseconds", median(usual))
    bench.put("tick.peers.node_exporter.without_exporter_metrics_cpu_microseconds", median(alone))
    ours = median(per_tick(costs, "energy"))
    for name, figures in (("scrape", usual), ("scrape without its own metrics", alone)):
        bench.row(f"node_exporter {version}, {name}, CPU µs", "", spread(figures, 0),
                  f"{ours / median(figures):.3f}")


class Exporter(exporter.Exporter):
    """prometheus-node-exporter on the tree, and on nothing else."""

    def __init__(self, bench, program, tree, *flags):
        super().__init__(bench, program, f"--path.sysfs={tree}", "--collector.disable-defaults",
                         "--collector.rapl", *flags)
        found = len(re.findall(r"^node_rapl_\w+_joules_total", self.scrape(), re.M))
        if found != 4:
            raise CannotMeasure(f"{exporter.NAME} shows {found} of 4 zones")
        for _ in range(200):
            self.scrape()

    def version(self):
        return re.search(r'node_exporter_build_info\{.*version="([^"]*)"', self.scrape())[1]

    def microseconds_per_scrape(self):
        before = cpu_seconds(self.child.pid)
        for _ in range(SCRAPES):
            self.scrape()
        return (cpu_seconds(self.child.pid) - before) / SCRAPES * 1e6
