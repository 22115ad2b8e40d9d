"""What dividing by time in flight costs the agent, beside counting alone, on the same live traffic.

Runs with `attribution` and without take turns. All that it takes is in it: telling when requests begin
and end, the times of each window and their division. What is compared is the agent's CPU time of an
exchange; the goal is for 5,000 exchanges a second.
"""
import shutil
from measuring import cpu_seconds, end, finish, median, spread
from metering import Metering
from traffic import Traffic, missing

TURNS, SECONDS, RATE = 5, 12, 5_000
GOAL = 0.01


def measure(bench):
    if reason := missing():
        bench.notes.append(f"attribution is not measured: {reason}")
        return
    traffic = Traffic(bench, "attribution")
    cost, exchanges = {True: [], False: []}, []
    try:
        for turn in range(TURNS):
            for divides in (True, False) if turn % 2 else (False, True):
                used, counted = one(bench, traffic, divides)
                cost[divides].append(used / counted * 1e6)
                exchanges.append(counted)
    finally:
        end(traffic.nginx)
    difference = median([with_it - without for with_it, without in zip(cost[True], cost[False])])
    share = difference / 1e6 * RATE
    bench.put("attribution.exchanges_per_second", median(exchanges) / SECONDS)
    bench.put("attribution.microseconds_per_exchange", median(cost[True]))
    bench.put("attribution.without_microseconds_per_exchange", median(cost[False]))
    bench.put("attribution.core_share", share)
    bench.row("attribution: CPU µs of an exchange; counting alone", spread(cost[True], 2),
              spread(cost[False], 2), f"{median(cost[True]) / median(cost[False]):.3f}")
    bench.row(f"  of a core at {RATE:,} exchanges/s", f"{share:.2%}",
              goal=f"≤ {GOAL:.0%}: {'reached' if share <= GOAL else 'missed'}")


def one(bench, traffic, divides):
    """CPU seconds of an agent, and the exchanges that it counted."""
    keys = ("attribution: {model: concurrency}",) if divides else ()
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
