"""A year of a large fleet in the store: how long a yearly report takes, what it weighs on the disk, and what
records that come meanwhile have of it.

A store is filled with the roll-ups of a year of 1,000 hosts, simulated at their real size. A collector held to one
processor then keeps the records of further agents: into an empty store, into the filled one, and into the filled one
while the yearly report is made again and again. The three take turns, so that what else the machine does meets all.

The section fails where a yearly report tells other sums than the store was filled with, takes longer than its goal, or
takes more than a tenth from the records that come meanwhile; and where fewer records than the goal are kept.
"""
import json, os, socket, subprocess, threading, time
from measuring import CannotMeasure, end, median, wait_until

HOSTS, DAYS = 1_000, 365
AGENTS, BATCHES, RECORDS = 50, 10, 480
TURNS = 3
WINDOWS = 365 * 8_640
GOALS = ("total", "months")
PERIOD = ("--from", "2025-01-01T00:00+08:00", "--to", "2026-01-01T00:00+08:00", "--format", "json")
GOAL_SECONDS, GOAL_RATE, GOAL_RATIO = 1.0, 50_000, 0.9


def measure(bench):
    folder = bench.folder / "year"
    folder.mkdir()
    store = folder / "filled.db"
    filled = json.loads(subprocess.run(
        [bench.program("jouleflow-lab"), "bench", "year", "--store", store, "--hosts", str(HOSTS),
         "--days", str(DAYS)], check=True, text=True, capture_output=True, timeout=1_800).stdout)
    per_host = filled["bytes"] / HOSTS
    bench.put("year.rollup_bytes_per_host", per_host)
    bench.row("roll-ups of a host's year, MB", f"{per_host / 1e6:.2f}")
    for name, words, more in (
            ("total", "whole fleet", ()), ("months", "by month", ("--by", "month")),
            ("days", "by day", ("--by", "day")), ("hosts", "by month and host",
                                                  ("--by", "month", "--per", "host"))):
        made = [report(bench, store, more) for _ in range(3)]
        seconds = median([one for one, _ in made])
        for _, told in made:
            check(bench, told, filled["truth"], words)
        bench.put(f"year.report_{name}_seconds", seconds)
        goal = f"< {GOAL_SECONDS:.0f}: {'reached' if seconds < GOAL_SECONDS else 'missed'}"
        bench.row(f"yearly report of {HOSTS:,} hosts, s, {words}", f"{seconds:.2f}", "", "",
                  goal if name in GOALS else "")
        bench.require(name not in GOALS or seconds < GOAL_SECONDS,
                      f"year: the yearly report, {words}, takes {seconds:.2f} s, not {GOAL_SECONDS:.0f} s at most")
    runs = {"empty": [], "filled": [], "reporting": []}
    for turn in range(TURNS):
        runs["empty"].append(ingest(bench, folder / f"empty-{turn}.db", reports=False))
        runs["filled"].append(ingest(bench, store, reports=False))
        runs["reporting"].append(ingest(bench, store, reports=True))
    raw = median([run["bytes"] for run in runs["empty"]])
    bench.put("year.raw_bytes_per_host", raw * WINDOWS)
    bench.row("raw windows of 10 s of a host's year, MB", f"{raw * WINDOWS / 1e6:.0f}")
    rates = {}
    for name, made in runs.items():
        rates[name] = {key: median([run[key] for run in made]) for key in ("cpu", "wall")}
        bench.put(f"year.ingest_{name}_per_cpu_second", rates[name]["cpu"])
        bench.put(f"year.ingest_{name}_per_second", rates[name]["wall"])
    reports = sum(run["reports"] for run in runs["reporting"])
    words = {"empty": "empty store", "filled": "  filled store",
             "reporting": f"  filled store, {reports} yearly reports meanwhile"}
    for name, rate in rates.items():
        bench.row(f"durable records a second of one core, {words[name].strip()}",
                  f"{rate['cpu']:,.0f}", "", "",
                  f"≥ {GOAL_RATE:,}: {'reached' if rate['cpu'] >= GOAL_RATE else 'missed'}")
        bench.require(rate["cpu"] >= GOAL_RATE, f"year: {rate['cpu']:,.0f} durable records a second of one core, "
                      f"{words[name].strip()}, not {GOAL_RATE:,}")
    for key, per in (("cpu", "a second of the collector's CPU"), ("wall", "a second")):
        ratio = rates["reporting"][key] / rates["filled"][key]
        bench.put(f"year.ingest_ratio_{key}", ratio)
        goal = f"≥ {GOAL_RATIO}: {'reached' if ratio >= GOAL_RATIO else 'missed'}" if key == "cpu" else ""
        bench.row(f"records {per}: with reports over without", f"{ratio:.2f}", "", "", goal)
        # Where there are few processors, the reports take the clock's time from the collector, and no CPU time.
        bench.require(key != "cpu" or ratio >= GOAL_RATIO,
                      f"year: yearly reports leave {ratio:.2f} of the records {per}, not {GOAL_RATIO}")


def report(bench, store, more):
    begun = time.monotonic()
    done = subprocess.run([bench.program("jouleflow-collector"), "usage", "--store", store, *PERIOD,
                           *more], capture_output=True, timeout=120)
    seconds = time.monotonic() - begun
    if done.returncode:
        raise CannotMeasure(f"jouleflow-collector usage: {done.stderr.decode().strip()}")
    told = json.loads(done.stdout)
    bench.require(told["simulated"] is True, "year: the report hides simulation")
    return seconds, told


def check(bench, told, truth, words):
    """Holds a report to what the store was filled with: its total, and the sum of its lines."""
    for name, lines in (("total", [told["total"]]), ("lines", told["lines"])):
        sums = {"records": sum(line["records"] for line in lines),
                "energy_microjoules": sum(line["energy_microjoules"] for line in lines)}
        for key in ("completed", "refused", "duplicates"):
            sums[key] = {}
            for one in (one for line in lines for one in line["scenarios"]):
                sums[key][one["id"]] = sums[key].get(one["id"], 0) + one[key]
        for key, value in truth.items():
            bench.require(sums[key] == value,
                          f"year: {key} of the {name}, {words}, is {sums[key]}, and {value} was filled in")


def ingest(bench, store, reports):
    """Records a second of CPU and a second, yearly reports meanwhile, and bytes of the store for each record."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = store.with_suffix(".yaml")
    settings.write_text(f"version: 1\nlisten: {{agents: \"127.0.0.1:{port}\", metrics: none}}\n"
                        f"plaintext: true\nstore: {{sqlite: {store}}}\n")
    before = os.path.getsize(store) if store.exists() else 0
    collector = bench.start(f"year-{store.stem}", "taskset", "-c", "0",
                            bench.program("jouleflow-collector"), "run", "--config", settings)
    wait_until(collector, lambda: "ready" in collector.log.read_text())
    made, is_over = [], threading.Event()

    def read():
        while reports and not is_over.is_set():
            made.append(report(bench, store, ())[0])
    reader = threading.Thread(target=read)
    reader.start()
    try:
        done = subprocess.run(
            [bench.program("jouleflow-lab"), "bench", "ingest", "--port", str(port), "--pid",
             str(collector.pid), "--agents", str(AGENTS), "--batches", str(BATCHES), "--records",
             str(RECORDS)], text=True, capture_output=True, timeout=300)
    finally:
        is_over.set()
        reader.join()
    end(collector)
    if done.returncode:
        raise CannotMeasure(f"jouleflow-lab bench ingest: {done.stderr.strip()}")
    bench.require(not reports or made, "year: no yearly report was made while records came")
    figures = json.loads(done.stdout)
    grown = os.path.getsize(store) - before
    return {"cpu": figures["records_per_cpu_second"], "wall": figures["records_per_second"],
            "reports": len(made), "bytes": grown / (AGENTS * BATCHES * RECORDS)}
