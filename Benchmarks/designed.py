"""Two designed tests on the laboratory's application, live: which weights come out.

`jouleflow-collector experiment plan` writes a schedule, `jouleflow-lab load-schedule` sends it, the agent
counts, and `experiment read` says what a flow of each scenario uses: with true weights of 24:7:3:1 each
must be `consistent`, with 10:5:4:1 credit's must be `differs`, and none that differs `consistent`. Each
measured ratio is compared with that of the CPU seconds per flow that the application told its ledger.
"""
import json, time
from datetime import datetime, timezone
from judging import ratio_fault, true_ratios
from measuring import end, finish, run, wait_until
from variants import CONNECTIONS, IDLE_WATTS, OTHERS, SCENARIOS, TABLE_2, commas, free_ports, rules

BLOCK, WASHOUT, REPEATS = 6, 2, 2
# A query's CPU time in ms: what the application takes beside it shifts the ratios little.
UNIT_MS = 5
# What a scenario uses of one processor where it is on.
SHARE = 0.25
BAND = 0.25


def measure(bench):
    print(f"\ndesigned tests, {16 * REPEATS} blocks of {BLOCK} s each")
    for weights in (TABLE_2, OTHERS):
        answer, ledger, sent = designed(bench, weights)
        part, true = by_processor_time(answer), true_ratios(ledger, sent)
        name = ":".join(map(str, weights))
        # The last is what the others are compared with.
        for scenario, table, weight in list(zip(part["scenarios"], TABLE_2, weights))[:-1]:
            judge(bench, name, scenario, table, weight, true[scenario["id"]])


def judge(bench, name, scenario, table, weight, true):
    who, verdict, ratio = scenario["id"], scenario["verdict"], scenario["ratio_to_query"] or {}
    bench.put(f"designed.{name}.{who}", {**ratio, "true": true, "verdict": verdict})
    figures = " ".join(f"{ratio.get(key) or 0:.2f}" for key in ("value", "low", "high"))
    print(f"  {name:<10}{who:<10} ratio and interval {figures:<20} in truth {true or 0:.2f}, "
          f"Table 2 {table:>2}: {verdict}", flush=True)
    fault = ratio_fault(who, ratio.get("value"), true)
    bench.require(fault is None, f"designed, {name}: {fault}")
    differs = abs(weight / table - 1) > BAND
    if name == ":".join(map(str, TABLE_2)):
        bench.require(verdict == "consistent", f"designed, {name}: {who} is {verdict}")
    elif who == "credit":
        bench.require(verdict == "differs", f"designed, {name}: credit is {verdict}")
    bench.require(not (differs and verdict == "consistent"), f"designed, {name}: {who} is {verdict}")


def by_processor_time(answer):
    return next(part for part in answer["parts"] if part["quantity"] == "cpu_seconds")


def designed(bench, weights):
    """Runs a test: the answer of `experiment read`, the application's CPU time by scenario in truth, and the
    flows that the load saw completed."""
    name = "designed-" + "-".join(map(str, weights))
    folder = bench.folder / name
    folder.mkdir()
    lab, collector = bench.program("jouleflow-lab"), bench.program("jouleflow-collector")
    port, listen = free_ports(2)
    write_settings(folder, port, listen)
    limit = f"{16 * REPEATS * BLOCK + 120}s"

    def start(what, program, *words, word="ready"):
        child = bench.start(f"{name}-{what}", program, *words)
        wait_until(child, lambda: word in child.log.read_text(errors="replace"))
        return child
    children = [
        start("collector", collector, "run", "--config", folder / "collector.yaml"),
        start("powercap", lab, "powercap", "--root", folder / "sys", "--idle-watts", IDLE_WATTS,
              "--ledger", folder / "ledger", "--truth", folder / "truth.json", "--for", limit),
        start("app", lab, "app", "--port", port, "--unit", f"{UNIT_MS}ms", "--weights", commas(weights),
              "--threads", CONNECTIONS, "--ledger", folder / "ledger", "--for", limit),
        start("agent", bench.program("jouleflow-agent"), "run", "--config", folder / "agent.yaml",
              word="collector connected")]
    first = datetime.fromtimestamp(int(time.time()) + 5, timezone.utc).isoformat()
    loads = [word for scenario, weight in zip(SCENARIOS, weights)
             for word in ("--load", f"{scenario}={SHARE / weight / UNIT_MS * 1000:.2f}")]
    schedule = folder / "schedule.csv"
    run(bench, collector, "experiment", "plan", "--start", first, *loads, "--block", f"{BLOCK}s",
        "--washout", f"{WASHOUT}s", "--window", "1s", "--repeats", REPEATS, "--output", schedule)
    load = bench.start(f"{name}-load", lab, "load-schedule", schedule, "--port", port,
                       "--connections", CONNECTIONS)
    told = json.loads(finish(bench, load, 16 * REPEATS * BLOCK + 60).printed)["scenarios"]
    time.sleep(3)
    end(children.pop())
    said = run(bench, collector, "experiment", "read", schedule, "--config", folder / "collector.yaml",
               "--format", "json")
    for child in reversed(children):
        end(child)
    truth = json.loads((folder / "truth.json").read_text())["split"]["ledgers"][0]
    return json.loads(said.printed), truth, {scenario: told[scenario]["completed"] for scenario in SCENARIOS}


def write_settings(folder, port, listen):
    (folder / "collector.yaml").write_text(
        f'version: 1\nlisten: {{agents: "127.0.0.1:{listen}"}}\nplaintext: true\nstore: {{sqlite: store.db}}\n')
    (folder / "agent.yaml").write_text("\n".join([
        "version: 1", "agent: {id: lab, state: state}", "window: 1s",
        f"energy: {{sysfs: sys, idle_watts: {IDLE_WATTS}}}", "capture: {interfaces: [lo]}", "services:",
        f"  - {{name: app, ports: [{port}], cpu: process, counts_flows: true}}",
        f'collectors: [{{address: "127.0.0.1:{listen}", plaintext: true}}]', "scenarios:", *rules()]) + "\n")
