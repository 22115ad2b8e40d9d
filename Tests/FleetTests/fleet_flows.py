#!/usr/bin/env python3
"""What the exchanges of the lab's fleet meant to its business: TA and what stands beside it, by round.

By clause 8.2.1 of the standard and docs/scenarios.md, from what the lab says of each exchange, with nothing
of the program.
"""
import sys
from collections import Counter, defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import fleet_play as lab  # noqa: E402

SECOND, START, ROUND = lab.SECOND, lab.START, lab.ROUND * lab.SECOND
SCENARIOS = {"credit": 24, "drawdown": 7, "repayment": 3, "query": 1}
# The ports on which a flow of a scenario can complete.
PORTS = {"credit": 8081, "drawdown": 8080, "repayment": 8080, "query": 8083}
RULES = {"credit": {"apply": "apply"}, "drawdown": {}, "repayment": {}, "query": {}}
NAMES = {"credit": "notice", "drawdown": "payout", "repayment": "settle", "query": "show"}


def round_of(at):
    return (at - START) // ROUND


class Flows:
    def __init__(self, play):
        # By host, round and scenario.
        self.counts = defaultdict(Counter)
        self.hits = Counter()
        self.seen = set()
        self.encrypted = Counter()
        # By host: seconds in which a flow of a scenario that is told apart over hosts was counted.
        self.told = defaultdict(set)
        self.counted = []
        by_host = defaultdict(list)
        for one in play["meanings"]:
            by_host[one["host"]].append(one)
        for host, exchanges in by_host.items():
            self.count(host, exchanges)
        for host in play["hosts"]:
            for packet in host["packets"]:
                if not packet["text"].startswith("\x16"):
                    self.seen.add((host["id"], round_of(packet["time"]), packet["port"]))
        self.compare()

    def count(self, host, exchanges):
        """One host's flows; each has its key's own state."""
        opened, ended = {}, set()
        for one in exchanges:
            scenario, what, key, at = one["scenario"], one["what"], one["key"], one["at"]
            counts = self.counts[host, round_of(at), scenario]
            if what == "encrypted":
                self.encrypted[host, round_of(at)] += 1
                continue
            self.hits[scenario, RULES[scenario].get(what, NAMES[scenario])] += 1
            if what == "failed":  # and opens nothing
                counts["failed"] += 1
            elif what == "apply":
                opened[key] = at
            elif (scenario, key) in ended and key is not None and scenario != "query":
                counts["duplicates"] += 1
            else:
                counts[what] += 1
                ended.add((scenario, key))
                expiry = opened.pop(key, at) + lab.EXPIRES * SECOND
                if scenario == "credit" and expiry < at:
                    self.counts[host, round_of(expiry), scenario]["incomplete"] += 1
                if what == "completed" or scenario == "credit":
                    counts["flows"] += 1
                    self.counted.append((at, host, scenario, key))
                if scenario == "credit":
                    self.told[host].add((at - START) // SECOND)
        for at in opened.values():
            self.counts[host, round_of(at + lab.EXPIRES * SECOND), "credit"]["incomplete"] += 1

    def compare(self):
        """Of a credit flow that several hosts counted, the window that ended first keeps it."""
        kept = set()
        for at, host, scenario, key in sorted(
                self.counted, key=lambda one: (one[0] // SECOND, one[1], one[0])):
            if scenario != "credit":
                continue
            if key in kept:
                self.counts[host, round_of(at), scenario]["across"] += 1
            kept.add(key)

    def sum(self, number, scenario, what):
        return sum(self.counts[host, number, scenario][what] for host in lab.COUNTING)

    def is_observed(self, number, scenario):
        """Whether all counting hosts could read what passed."""
        return scenario != "query" or not any(
            self.encrypted[host, number] and not self.is_seen(host, number, scenario)
            for host in lab.COUNTING)

    def is_seen(self, host, number, scenario):
        return (host, number, PORTS[scenario]) in self.seen

    def volume(self, number, scenario):
        if not self.is_observed(number, scenario):
            return None
        return self.sum(number, scenario, "flows") - self.sum(number, scenario, "across")

    def units(self, number, without_refusals=False):
        """R of the standard, 8.2.1, formula (2)."""
        total = 0
        for scenario, weight in SCENARIOS.items():
            volume = self.volume(number, scenario)
            if volume is None:
                return None
            if without_refusals and scenario == "credit":
                volume -= min(self.sum(number, scenario, "refused"), volume)
            total += weight * volume
        return total
