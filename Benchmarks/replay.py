"""Counting the exchanges of a recording, beside programs that read the same file.

The file is in the page cache, and runs take turns. `tcpdump -w /dev/null` only copies the packets,
which is the floor for a program that uses libpcap; httpry looks for start lines at the beginning of
packets; tshark reassembles streams, as the agent does, but only of the first packets, in one run:
it would take a minute.
Two more recordings have the code at the end of the body, and 20,000 connections at once. What the
agent counts must be what nginx logged: each scenario's completed, refused and failed requests.
"""
import json
from measuring import CannotMeasure, median, run, spread
from recording import Recording
from traffic import OUTCOMES, SCENARIOS, Counts, missing, program

RUNS, EXCHANGES, CONNECTIONS = 7, 250_000, 20_000
TSHARK_PACKETS = 100_000
GOAL, HARD_GOAL, MEMORY_GOAL = 1.0, 1.5, 24 << 20


def measure(bench):
    if reason := missing():
        bench.notes.append(f"replay is not measured: {reason}")
        return
    recording = Recording(bench, "mixed", EXCHANGES)
    try:
        absent = compare(bench, "replay", f"replay of {recording.truth.total:,} exchanges",
                         recording, GOAL, ("httpry", "tshark"))
    finally:
        recording.remove()
    for key, words, how in (
            ("code_last", "code at the end of the body", {"code_last": True}),
            ("many_connections", f"{CONNECTIONS:,} connections", {"connections": CONNECTIONS})):
        try:
            recording = Recording(bench, key, EXCHANGES, **how)
        except CannotMeasure as error:
            bench.notes.append(f"replay with {words} is not measured: {error}")
            continue
        try:
            compare(bench, f"replay.{key}", f"  {words}", recording, HARD_GOAL)
        finally:
            recording.remove()
    if absent:
        bench.notes.append(f"{' and '.join(absent)} not there to compare with: scripts/"
                           "install-dependencies --bench")


def compare(bench, key, words, recording, goal, peers=()):
    """Measures the agent beside tcpdump and the peers; the peers that are not there."""
    with open(recording.file, "rb") as file:
        while file.read(1 << 24):
            pass
    agent = (bench.program("jouleflow-agent"), "replay", recording.file, "--config",
             recording.config, "--format", "json")
    floor = (program("tcpdump"), "-r", recording.file, "-w", "/dev/null")
    httpry = peers and program("httpry")
    ours, floors, httpries = [], [], []
    for _ in range(RUNS):
        ours.append(run(bench, *agent))
        floors.append(run(bench, *floor))
        if httpry:
            httpries.append(run(bench, httpry, "-q", "-r", recording.file, "-o", "/dev/null",
                                f"tcp port {recording.port}"))
    summary = json.loads(ours[-1].printed)
    verify(bench, recording, summary, words)
    tell(bench, key, words, summary, ours, floors, goal)
    if httpry:
        tell_peer(bench, f"{key}.peers.httpry", "httpry", ours, httpries)
    tshark = peers and program("tshark")
    if tshark:
        said = run(bench, tshark, "-r", recording.file, "-c", TSHARK_PACKETS, "-d",
                   f"tcp.port=={recording.port},http", "-Y", "http", "-T", "fields", "-e",
                   "http.request.method", "-e", "http.response.code")
        tell_peer(bench, f"{key}.peers.tshark", f"tshark, the first {TSHARK_PACKETS:,} packets",
                  ours, [said], TSHARK_PACKETS / summary["packets"])
    return [name for name in peers if not program(name)]


def verify(bench, recording, summary, words):
    """What was counted must be what the server logged."""
    flows = {(scenario, outcome): summary["scenarios"][scenario][outcome]
             for scenario in SCENARIOS for outcome in OUTCOMES}
    for difference in Counts(flows, summary["other"]["requests"]).differences(recording.truth):
        bench.require(False, f"{words.strip()}: {difference}")


def tell(bench, key, words, summary, ours, floors, goal):
    ratio = median([one.cpu / floor.cpu for one, floor in zip(ours, floors)])
    memory = max(one.peak for one in ours)
    bench.put(f"{key}.exchanges", summary["exchanges"])
    bench.put(f"{key}.packets", summary["packets"])
    bench.put(f"{key}.connections", summary["connections"])
    bench.put(f"{key}.cpu_seconds", median([one.cpu for one in ours]))
    bench.put(f"{key}.peak_rss_bytes", memory)
    bench.put(f"{key}.peers.tcpdump.cpu_seconds", median([one.cpu for one in floors]))
    bench.put(f"{key}.ratio_to_tcpdump", ratio)
    reached = "reached" if ratio <= goal else "missed"
    bench.row(f"{words}, CPU s; tcpdump -w /dev/null", spread([one.cpu for one in ours], 3),
              spread([one.cpu for one in floors], 3), f"{ratio:.2f}", f"≤ {goal:g}: {reached}")
    reached = "reached" if memory <= MEMORY_GOAL else "missed"
    bench.row("  peak memory, MiB", f"{memory / (1 << 20):.1f}",
              f"{max(one.peak for one in floors) / (1 << 20):.1f}", "",
              f"≤ {MEMORY_GOAL >> 20}: {reached}")


def tell_peer(bench, key, words, ours, theirs, part=1):
    """A peer that read a part of the packets is compared with that part of the agent's time."""
    cpu = median([one.cpu for one in theirs])
    memory = max(one.peak for one in theirs)
    bench.put(f"{key}.cpu_seconds", cpu)
    bench.put(f"{key}.peak_rss_bytes", memory)
    ratio = median([one.cpu for one in ours]) * part / cpu
    bench.put(f"{key}.ratio", ratio)
    times = [one.cpu for one in theirs]
    figures = spread(times, 2) if len(times) > 1 else f"{cpu:.2f}"
    bench.row(f"  {words}, CPU s and MiB", "", f"{figures}, {memory / (1 << 20):.0f}",
              f"{ratio:.3f}")
