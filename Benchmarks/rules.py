"""What many rules cost: the same recording, replayed with the 4 rules that match and with 5,000.

The 4 are the last ones, so that every rule before them has to be out of the question for each
exchange. The others have paths of their own, templates whose first segment fits every request, or
no path at all: a gateway with one address, whose rules differ by a field of the body, as the 4 of
that variant do. Runs take turns. A program reads its rules once: what that takes, a replay of no
packet tells, and the goal is for the rest, which grows with the traffic. Both are said, and the
whole. The counts must be what nginx logged, with either file.
"""
import json, struct
from measuring import CannotMeasure, median, run, spread
from recording import Recording
from replay import EXCHANGES, verify
from traffic import CODES, OUTCOMES, SCENARIOS, missing

RUNS, RULES, MOST_STEPS = 7, 5_000, 64
GOAL = 1.2
# One that does not match.
FURTHER = {
    "paths": ("paths of their own", "{{method: POST, path: /api/further/{0}}}"),
    "templates": ("templates", '{{method: POST, path: "/api/{{no}}/further{0}"}}'),
    "gateway": ("a field of the body", "{{method: POST, body: {{txnCode: FUR{0:04}}}}}"),
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
    """Measures both files of rules."""
    few, many = (write(recording, kind, number) for number in (0, RULES - len(SCENARIOS)))
    runs = {name: [] for name in ("few", "many", "few_read", "many_read")}
    for _ in range(RUNS):
        for name, file, config in (
                ("few", recording.file, few), ("many", recording.file, many),
                ("few_read", nothing, few), ("many_read", nothing, many)):
            runs[name].append(replay(bench, file, config))
    for name in ("few", "many"):
        summary = json.loads(runs[name][-1].printed)
        verify(bench, recording, summary, f"{name} rules, {words}")
        bench.put("rules.exchanges", summary["exchanges"])
    tell(bench, kind, words, {name: [one.cpu for one in some] for name, some in runs.items()})
    bench.put(f"rules.{kind}.peak_rss_bytes", max(one.peak for one in runs["many"]))


def replay(bench, file, config):
    return run(bench, bench.program("jouleflow-agent"), "replay", file, "--config", config,
               "--format", "json")


def tell(bench, kind, words, cpu):
    # Reading the rules, and whatever else comes before the first packet.
    reading = {name: median(cpu[f"{name}_read"]) for name in ("few", "many")}
    counting = {name: [one - read for one, read in zip(cpu[name], cpu[f"{name}_read"])]
                for name in reading}
    ratio = median([many / few for many, few in zip(counting["many"], counting["few"])])
    whole = median([many / few for many, few in zip(cpu["many"], cpu["few"])])
    for name, some in cpu.items():
        bench.put(f"rules.{kind}.{name}_cpu_seconds", median(some))
    bench.put(f"rules.{kind}.ratio", ratio)
    bench.put(f"rules.{kind}.ratio_with_reading", whole)
    reached = "reached" if ratio <= GOAL else "missed"
    bench.row(f"{RULES:,} rules, {words}, CPU s; {len(SCENARIOS)} rules",
              spread(counting["many"], 3), spread(counting["few"], 3), f"{ratio:.2f}",
              f"≤ {GOAL:g}: {reached}")
    bench.row("  with reading them once, CPU s", f"+ {reading['many']:.3f}",
              f"+ {reading['few']:.3f}", f"{whole:.2f}")


def write(recording, kind, number):
    """The settings with so many further rules before those of the traffic."""
    lines = ["version: 1", "agent: {id: bench}", "collectors: []", "services:",
             f"  - {{name: gateway, ports: [{recording.port}], counts_flows: true}}", "scenarios:"]
    form = FURTHER[kind][1]
    for first in range(0, number, MOST_STEPS):
        steps = [step(f"step{rule}", form.format(rule))
                 for rule in range(first, min(first + MOST_STEPS, number))]
        lines += [f"  - id: further{first}", "    steps:", *steps]
    for scenario, (method, path) in SCENARIOS.items():
        code = CODES.get(scenario)
        by_body = kind == "gateway" and code
        where = f"body: {{txnCode: {code}}}" if by_body else f"path: {path}"
        lines += [f"  - id: {scenario}", "    steps:",
                  step(scenario, f"{{method: {method}, {where}}}")]
    file = recording.folder / f"{kind}-{number}.yaml"
    file.write_text("\n".join(lines) + "\n")
    return file


def step(name, when):
    outcome = ", ".join(f'{name}: {{status: 2xx, body: {{code: "{code}"}}}}'
                        for name, code in OUTCOMES.items())
    return f"      - {{name: {name}, when: {when}, completes: true, outcome: {{{outcome}}}}}"
