"""Loads of the laboratory in which it is known whose the energy was, and what the models say.

The counters are simulated: every 10 ms what they show above idle is split by the thread CPU time that
each scenario told the counters of. The agent meters them and captures on loopback, as it would a
host's own.
"""
import collections, contextlib, json, socket, time
from judging import SCENARIOS
from measuring import CannotMeasure, end, finish, run, wait_until

TABLE_2, OTHERS = (24, 7, 3, 1), (10, 5, 4, 1)
# A query's CPU time in ms, beside which the application's own is small and each wake-up short; what
# scenarios use of one processor on average, each of them.
UNIT_MS, SHARE = 3, 0.15
IDLE_WATTS, CONNECTIONS, SWING = 60, 64, 0.9
# What is metered before and after the load, in seconds: the first window has no energy, the last has
# to end.
BEFORE, AFTER = 3.2, 2.4

# What an application is, `waits` and `unit` in ms; `threads` have a connection each, or hand it to a
# `pool`. `workers` is what the operator tells the agent of it, and None where waiting is no work.
# Where the rule picks `regression`, a query is half as long: windows see more exchanges, and less of what
# crosses their ends.
App = collections.namedtuple(
    "App", "weights waits threads pool absent workers unit",
    defaults=(TABLE_2, (0, 0, 0, 0), CONNECTIONS, 0, None, CONNECTIONS, UNIT_MS))
Variant = collections.namedtuple(
    "Variant", "words apps bend neighbour bursts share", defaults=((App(),), 0, 0, False, SHARE))

VARIANTS = {
    "plain": Variant("a thread per connection, 24:7:3:1"),
    "weights": Variant("other weights, 10:5:4:1", (App(OTHERS),)),
    "concave": Variant("a concave power curve, 10:5:4:1", (App(OTHERS),), bend=0.4),
    "waits": Variant("scenarios sleep 20, 40, 60 and 10 ms, 10:5:4:1",
                     (App(OTHERS, waits=(20, 40, 60, 10), workers=None, unit=1.5),)),
    "neighbour": Variant("a neighbour uses half a processor", (App(unit=1.5),), neighbour=0.5),
    "two": Variant("two services, 24:7:3:1 and 10:5:4:1",
                   (App(absent="credit"), App(OTHERS, absent="repayment"))),
    # A processor in the bursts, and two when chance will have it: a queue before the processors is one.
    "bursts": Variant("1 s in 4 has five times the load, 10:5:4:1", (App(OTHERS),), bursts=True,
                      share=0.1),
    "absent": Variant("no drawdown takes place", (App(absent="drawdown"),)),
    "pool": Variant("a pool of 16 threads behind two event loops, 10:5:4:1",
                    (App(OTHERS, threads=2, pool=16, workers=16),)),
    "queue": Variant("one event loop, before which requests queue", (App(threads=1, workers=1, unit=1.5),)),
}

# `sent`: by scenario, the flows that the load saw completed.
Measured = collections.namedtuple("Measured", "state truth chosen sent")


def measure(bench, name, seconds, number):
    """One run: the agent's state, whose the energy was, the model that the agent's rule picks, and what
    was sent."""
    variant, folder = VARIANTS[name], bench.folder / f"{name}-{number}"
    folder.mkdir()
    lab, ports = bench.program("jouleflow-lab"), free_ports(len(variant.apps))
    settings(folder / "agent.yaml", "concurrency", ports, variant)
    settings(folder / "auto.yaml", "auto", ports, variant)
    said = run(bench, bench.program("jouleflow-agent"), "check", "--config", folder / "auto.yaml")
    limit = f"{int(seconds + 60)}s"
    ledgers = [folder / f"ledger-{index}" for index in range(len(ports) + 1)]
    with contextlib.ExitStack() as stack:
        def start(what, program, *words):
            child = bench.start(f"{name}-{number}-{what}", program, *words)
            stack.callback(end, child)
            wait_until(child, lambda: "ready" in child.log.read_text(errors="replace"))
            return child
        counters = start(
            "powercap", lab, "powercap", "--root", folder / "sys", "--interval", "10ms",
            "--idle-watts", IDLE_WATTS, "--bend", variant.bend, "--truth", folder / "truth.json",
            "--for", limit, *(word for path in ledgers for word in ("--ledger", path)))
        for index, (app, port) in enumerate(zip(variant.apps, ports)):
            start(f"app-{index}", lab, "app", "--port", port, "--unit", f"{app.unit * 1000:g}us",
                  "--weights", commas(app.weights), "--waits", commas(app.waits),
                  "--threads", app.threads, "--pool", app.pool, "--ledger", ledgers[index],
                  "--for", limit)
        agent = start("agent", bench.program("jouleflow-agent"), "run", "--config",
                      folder / "agent.yaml")
        if variant.neighbour:
            start("neighbour", lab, "burn", "--share", variant.neighbour, "--seed", number,
                  "--ledger", ledgers[-1], "--for", limit)
        time.sleep(BEFORE)
        sent = send(bench, name, number, variant, ports, seconds)
        time.sleep(AFTER)
        end(agent)
        end(counters)
    truth = json.loads((folder / "truth.json").read_text())["split"]
    chosen = "concurrency" if "(model concurrency)" in said.printed else "regression"
    return Measured(folder / "state", truth["ledgers"], chosen, sent)


def send(bench, name, number, variant, ports, seconds):
    loads = []
    for index, (app, port) in enumerate(zip(variant.apps, ports)):
        rates = [0 if scenario == app.absent else variant.share / len(ports) / weight / app.unit * 1_000
                 for scenario, weight in zip(SCENARIOS, app.weights)]
        loads.append(bench.start(
            f"{name}-{number}-load-{index}", bench.program("jouleflow-lab"), "load", "--port", port,
            "--seconds", seconds, "--rate", sum(rates), "--mix", commas(rates), "--connections",
            CONNECTIONS, "--refused", 0, "--errors", 0, "--random", "--swing", SWING,
            *(("--bursts",) if variant.bursts else ()), "--seed", 10 * number + index,
            "--format", "json"))
    told = [json.loads(finish(bench, load, seconds + 30).printed)["scenarios"] for load in loads]
    return {scenario: sum(one[scenario]["completed"] for one in told) for scenario in SCENARIOS}


def settings(path, model, ports, variant):
    """The agent's settings. A service of which nothing is known is not named in `attribution`; a neighbour
    that uses processors is told, as its operator would."""
    lines = ["version: 1", "agent: {id: lab, state: state}", "window: 1s",
             f"energy: {{sysfs: sys, idle_watts: {IDLE_WATTS}}}", "capture: {interfaces: [lo]}",
             "collectors: []", f"attribution:\n  model: {model}"]
    lines += ["  processors: shared"] if variant.neighbour else []
    known = [(index, app) for index, app in enumerate(variant.apps) if app.workers]
    lines += ["  services:"] if known else []
    lines += [f"    - {{name: app-{index}, workers: {app.workers}}}" for index, app in known]
    lines += ["services:"] + [
        f"  - {{name: app-{index}, ports: [{port}], cpu: process, counts_flows: true}}"
        for index, port in enumerate(ports)]
    path.write_text("\n".join(lines + ["scenarios:", *rules()]) + "\n")


def rules():
    paths = {"credit": ("POST", "/api/credit/{no}/decision"), "query": ("GET", "/api/account/{no}/summary"),
             "drawdown": ("POST", "/api/loan/{no}/payout"), "repayment": ("POST", "/api/repay/{no}/settle")}
    for scenario in SCENARIOS:
        method, path = paths[scenario]
        yield (f'  - {{id: {scenario}, steps: [{{name: {scenario}, when: {{method: {method}, path: "{path}"}}, '
               'completes: true, outcome: {completed: {status: 2xx, body: {code: ["0000"]}}}}]}')


def divided(bench, runs):
    """What each model says of each run; those of the collector are fitted to the others."""
    said = run(bench, bench.program("jouleflow-lab"), "divide", *(one.state for one in runs))
    return json.loads(said.printed)


def commas(numbers):
    return ",".join(f"{number:g}" for number in numbers)


def free_ports(number):
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(number)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
