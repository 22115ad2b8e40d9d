"""What each model of division costs the agent, by itself, on the same live traffic.

Runs that only count, that divide simulated counters' energy by `standard` and by `concurrency` take
turns. The cost of a model is all that dividing takes beyond capture and parsing: reading the counters
and CPU times, of `concurrency` telling when requests begin and end and the times of each window, and
the division. What is compared is the agent's CPU time of an exchange; the goal is one of each model,
for 5,000 exchanges a second.
"""
import shutil
from judging import core_shares
from measuring import cpu_seconds, end, finish, median, spread
from metering import Metering
from tick import counters
from traffic import Traffic, missing

TURNS, SECONDS, RATE = 5, 12, 5_000
GOAL, IDLE_WATTS = 0.01, 60
MODELS = ("standard", "concurrency")


def measure(bench):
    if reason := missing():
        bench.notes.append(f"attribution is not measured: {reason}")
        return
    traffic, tree = Traffic(bench, "attribution"), counters(bench)
    cost, exchanges = {way: [] for way in (None, *MODELS)}, []
    try:
        for turn in range(TURNS):
            # Each way is first, second and last in turn.
            ways = list(cost)
            for way in ways[turn % 3:] + ways[:turn % 3]:
                used, counted = one(bench, traffic, tree, way)
                cost[way].append(used / counted * 1e6)
                exchanges.append(counted)
    finally:
        end(traffic.nginx)
    bench.put("attribution.exchanges_per_second", median(exchanges) / SECONDS)
    bench.put("attribution.without_microseconds_per_exchange", median(cost[None]))
    for model, share in core_shares(cost, RATE).items():
        bench.put(f"attribution.{model}.microseconds_per_exchange", median(cost[model]))
        bench.put(f"attribution.{model}.core_share", share)
        bench.row(f"{model}: CPU µs of an exchange; counting alone", spread(cost[model], 2),
                  spread(cost[None], 2), f"{median(cost[model]) / median(cost[None]):.3f}")
        bench.row(f"  of a core at {RATE:,} exchanges/s", f"{share:.2%}",
                  goal=f"≤ {GOAL:.0%}: {'reached' if share <= GOAL else 'missed'}")


def one(bench, traffic, tree, model):
    """CPU seconds of an agent that divides by a model, or only counts, and the exchanges that it counted."""
    keys = ("energy: {source: none}",) if model is None else (
        f"energy: {{sysfs: {tree}, idle_watts: {IDLE_WATTS}}}", f"attribution: {{model: {model}}}")
    meter = Metering(bench, traffic, "attribution-run", *keys, window="1s")
    before = cpu_seconds(meter.agent.pid)
    [wrk] = traffic.ask(SECONDS)
    finish(bench, wrk, SECONDS + 20)
    traffic.log.settle()
    used = cpu_seconds(meter.agent.pid) - before
    traffic.log.take()
    found = meter.stop()
    shutil.rmtree(meter.folder)
    return used, found.counts.total
