"""Compares what the agents made with what the stores hold."""
import collections, hashlib

ALL_BITS = (1 << 64) - 1
NANOSECONDS = 1_000_000_000

# Records of which no store that should hold them has a trace; held with other bytes, or held though
# nobody made them; gone and not said to be; said to be gone and there, or never made.
FIGURES = ("records", "missing", "duplicated", "altered", "undeclared_losses", "false_losses",
           "declared_losses", "conflicts", "alerts", "chain_breaks", "overlapping_windows",
           "uncovered_seconds")
# Of these the collector must find something in no fault; a clock that is ahead is one.
ALERTS = "SELECT count(*) FROM alerts WHERE kind <> 'clock'"
STATEMENTS = "SELECT name, run, first, last, previous FROM statements JOIN runs " \
    "ON runs.id = run_id JOIN agents ON agents.id = runs.agent_id"
Stored = collections.namedtuple("Stored", "records losses windows conflicts alerts breaks")


def judged(site, excused=False):
    """The figures of a site whose programs have ended. Records that are lost and said to be are
    excused where the fault takes them; else they are missing."""
    figures = dict.fromkeys(FIGURES, 0)
    stores = {collector: read(collector) for collector in site.collectors}
    for collector in site.collectors:
        figures["conflicts"] += stores[collector].conflicts
        figures["alerts"] += stores[collector].alerts
        figures["chain_breaks"] += stores[collector].breaks
    for agent in site.agents:
        runs, reused = agent.truth.made()
        figures["duplicated"] += reused
        figures["records"] += sum(map(len, runs.values()))
        for collector in site.collectors_of(agent):
            add(figures, runs, agent.name, stores[collector], excused)
    return figures


def read(collector):
    """The store, by agent and run."""
    records, losses = collections.defaultdict(dict), collections.defaultdict(set)
    windows = collections.defaultdict(list)
    rows = collector.rows(
        "SELECT name, run, sequence, bytes, start_ns, end_ns, kind FROM records "
        "JOIN runs ON runs.id = run_id JOIN agents ON agents.id = runs.agent_id")
    for name, run, sequence, data, start, end, kind in rows or []:
        records[name, run & ALL_BITS][sequence] = data
        if kind == 0:
            windows[name].append((start, end))
    for name, run, first, last in collector.rows(
            "SELECT name, run, first, last FROM losses JOIN runs ON runs.id = run_id "
            "JOIN agents ON agents.id = runs.agent_id") or []:
        losses[name, run & ALL_BITS].update(range(first, last + 1))
    [[conflicts]] = collector.rows("SELECT count(*) FROM conflicts") or [[0]]
    [[alerts]] = collector.rows(ALERTS) or [[0]]
    breaks = chain_breaks(collector.rows(STATEMENTS) or [], records)
    return Stored(records, losses, windows, conflicts, alerts, breaks)


def chain_breaks(statements, records):
    """In how many places two signed statements, and the records between, do not agree on the head
    of the chain. Source: Sources/Chain: a head is SHA-256 of the head before and the record."""
    heads, breaks = {}, 0
    for name, run, first, last, previous in sorted(statements):
        run, head = run & ALL_BITS, previous
        for sequence in range(first, last + 1):
            breaks += heads.setdefault((name, run, sequence), head) != head
            head = hashlib.sha256(head + records[name, run].get(sequence, b"")).digest()
        breaks += heads.setdefault((name, run, last + 1), head) != head
    return breaks


def add(figures, runs, name, store, excused):
    stored_runs = {run for agent, run in (*store.records, *store.losses) if agent == name}
    for run in stored_runs | set(runs):
        made = runs.get(run, {})
        stored, declared = store.records[name, run], store.losses[name, run]
        gone = made.keys() - stored.keys()
        figures["missing"] += len(gone - declared if excused else gone)
        figures["undeclared_losses"] += len(gone - declared)
        figures["false_losses"] += len(declared - gone)
        figures["declared_losses"] += len(declared)
        figures["altered"] += sum(made.get(sequence) != data for sequence, data in stored.items())
    windows = sorted(store.windows[name])
    for (_, end), (start, _) in zip(windows, windows[1:]):
        figures["overlapping_windows"] += start < end
        figures["uncovered_seconds"] += max(0, start - end) / NANOSECONDS
