"""What many rules cost: the same recording, replayed with the 4 rules that match and with 5,000.

The 4 are the last ones, so that every rule before them has to be out of the question for each
exchange. The others have paths of their own, templates whose first segment fits every request, or
no path at all: a gateway with one address, whose rules differ by a field of the body, as the 4 of
that variant do. All 5,000 are different in what they ask for, and each has a name. Beside them, 500
rules ask for a field of the body each, all different: what it costs to look for so many is told, and
has no goal.

The goal is for the whole replay: the rules are read, checked and compiled in it. It is a ratio of runs
that took turns, and so one that holds on any machine: missing it is an error. What the responses
mean is written once for a scenario, as the manual says to. How much a file takes that repeats it at
each step is measured beside it, and so is reading alone, by a replay of no packet. Runs take turns.
The counts must be what nginx logged, with any of the files.
"""
import json, struct
from measuring import CannotMeasure, median, run, spread
from recording import Recording
from replay import EXCHANGES, verify
from traffic import CODES, OUTCOMES, SCENARIOS, missing

# A scenario may have 4,096 steps; 64 is the most of one whose steps have keys, and so a size that
# is met.
RUNS, RULES, MOST_STEPS = 7, 5_000, 64
# Rules may ask for 512 different fields, and those of the traffic have their own.
FIELDS = 500
GOAL = 1.2
# One that does not match.
FURTHER = {
    "paths": ("paths of their own", "{{method: POST, path: /api/further/{0}}}"),
    "templates": ("templates", '{{method: POST, path: "/api/{{no}}/further{0}"}}'),
    "gateway": ("a field of the body", "{{method: POST, body: {{txnCode: FUR{0:04}}}}}"),
    "fields": ("a field of the body of their own", "{{method: POST, body: {{further{0}: any}}}}"),
}


def measure(bench):
    if reason := missing():
        bench.notes.append(f"rules are not measured: {reason}")
        return
    try:
        recording = Recording(bench, "rules", EXCHANGES)
    except CannotMeasure as error:
        bench.notes.append(f"rules are not measured: {error}")
        return
    nothing = recording.folder / "nothing.pcap"
    # Source: pcap-savefile(5): magic, version 2.4, two of 0, the longest packet, Ethernet.
    nothing.write_bytes(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 1 << 18, 1))
    try:
        for kind, (words, _) in FURTHER.items():
            compare(bench, recording, nothing, kind, words)
    finally:
        recording.remove()


def compare(bench, recording, nothing, kind, words):
    """Measures the files of rules: 4, many, and these with the outcome at each step."""
    rules = FIELDS if kind == "fields" else RULES
    further = rules - len(SCENARIOS)
    files = {"few": write(recording, kind, 0), "many": write(recording, kind, further),
             "repeated": write(recording, kind, further, at_each_step=True)}
    runs = {name + part: [] for name in files for part in ("", "_read")}
    for _ in range(RUNS):
        for name, config in files.items():
            runs[name].append(replay(bench, recording.file, config))
        for name, config in files.items():
            runs[f"{name}_read"].append(replay(bench, nothing, config))
    for name in files:
        summary = json.loads(runs[name][-1].printed)
        verify(bench, recording, summary, f"{name} rules, {words}")
        bench.put("rules.exchanges", summary["exchanges"])
    tell(bench, kind, f"{rules:,} rules, {words}", {name: [one.cpu for one in some] for name, some in runs.items()})
    bench.put(f"rules.{kind}.peak_rss_bytes", max(one.peak for one in runs["many"]))


def replay(bench, file, config):
    return run(bench, bench.program("jouleflow-agent"), "replay", file, "--config", config,
               "--format", "json")


def tell(bench, kind, words, cpu):
    for name, some in cpu.items():
        bench.put(f"rules.{kind}.{name}_cpu_seconds", median(some))
    for name, key in (("many", "ratio"), ("repeated", "repeated_ratio")):
        bench.put(f"rules.{kind}.{key}", ratio(cpu[name], cpu["few"]))
    # Without reading the rules, and whatever else comes before the first packet.
    counting = {name: [one - median(cpu[f"{name}_read"]) for one in cpu[name]]
                for name in ("few", "many")}
    bench.put(f"rules.{kind}.counting_ratio", ratio(counting["many"], counting["few"]))
    whole = ratio(cpu["many"], cpu["few"])
    goal = "" if kind == "fields" else f"≤ {GOAL:g}: {'reached' if whole <= GOAL else 'missed'}"
    bench.row(f"{words}, read and used, CPU s; {len(SCENARIOS)} rules",
              spread(cpu["many"], 3), spread(cpu["few"], 3), f"{whole:.2f}", goal)
    bench.require(not goal or whole <= GOAL,
                  f"{words}, take {whole:.2f} times the CPU time of {len(SCENARIOS)}, not {GOAL:g}")
    bench.row("  of which reading", f"{median(cpu['many_read']):.3f}",
              f"{median(cpu['few_read']):.3f}")
    bench.row("  without it", spread(counting["many"], 3), spread(counting["few"], 3),
              f"{ratio(counting['many'], counting['few']):.2f}")
    bench.row("  with the outcome repeated at each step", spread(cpu["repeated"], 3),
              spread(cpu["few"], 3), f"{ratio(cpu['repeated'], cpu['few']):.2f}")
    bench.row("    of which reading", f"{median(cpu['repeated_read']):.3f}",
              f"{median(cpu['few_read']):.3f}")


def ratio(some, others):
    """Of runs that took turns."""
    return median([one / other for one, other in zip(some, others)])


def write(recording, kind, number, at_each_step=False):
    """The settings with so many further rules before those of the traffic."""
    lines = ["version: 1", "agent: {id: bench}", "collectors: []", "services:",
             f"  - {{name: gateway, ports: [{recording.port}], counts_flows: true}}", "scenarios:"]
    form = FURTHER[kind][1]
    for first in range(0, number, MOST_STEPS):
        rules = range(first, min(first + MOST_STEPS, number))
        lines += scenario(f"further{first}", {f"step{rule}": form.format(rule) for rule in rules},
                          at_each_step)
    for name, (method, path) in SCENARIOS.items():
        code = CODES.get(name)
        by_body = kind == "gateway" and code
        where = f"body: {{txnCode: {code}}}" if by_body else f"path: {path}"
        lines += scenario(name, {name: f"{{method: {method}, {where}}}"}, at_each_step)
    file = recording.folder / f"{kind}-{number}{'-repeated' if at_each_step else ''}.yaml"
    file.write_text("\n".join(lines) + "\n")
    return file


def scenario(name, rules, at_each_step):
    """The lines of a scenario; `rules` has what each step asks for, by its name."""
    words = ", ".join(f'{word}: {{status: 2xx, body: {{code: "{code}"}}}}'
                      for word, code in OUTCOMES.items())
    outcome = f"outcome: {{{words}}}"
    shared, own = ([], f", {outcome}") if at_each_step else ([f"    {outcome}"], "")
    return [f"  - id: {name}", *shared, "    steps:",
            *(f"      - {{name: {step}, when: {when}, completes: true{own}}}"
              for step, when in rules.items())]
