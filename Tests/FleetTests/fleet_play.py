#!/usr/bin/env python3
"""Writes what happens to a fleet of twenty hosts on two sites, second by second, as JSON.

It knows nothing of the program but the files and protocols that a host and its users see: the counters
that hosts show, the requests that they answer, the plan, ledger and readings that people write. What a
report must say of it, `fleet_truth.py` computes.

usage: fleet_play.py FILE
"""
import json, random, sys
from datetime import datetime, timezone
from pathlib import Path

SECOND = 1_000_000_000
# 10 s before the first round. The rounds begin at 23:54:10 in Shanghai, so that the 350th second of
# them begins an hour, a day and a month.
BEGIN = int(datetime(2025, 11, 30, 15, 54, 0, tzinfo=timezone.utc).timestamp()) * SECOND
LEAD, ROUND, PLANNED, RESERVE = 10, 100, 7, 2
START = BEGIN + LEAD * SECOND
SECONDS = LEAD + ROUND * (PLANNED + RESERVE) + 5
FAILOVER, BACK = START + 250 * SECOND + SECOND // 4, START + 420 * SECOND
COUNTING = ["a01", "a02", "b01", "b02"]
WALL = ["a01", "a08", "a10", "b01", "b02", "b06", "b08"]
WRAPPING = ["a03", "a07", "b09"]
EXPIRES = 30
IDLE_WATTS = {"wall": 60, "rapl": 30}
MODEL = {"low_kg": 600, "typical_kg": 900, "high_kg": 4283, "lifetime_hours": 35_040}

HOSTS = [f"{site}{number:02}" for site in "ab" for number in range(1, 11)]


def instant(second):
    """RFC 3339 of a second of the rounds."""
    whole, part = divmod(START + int(second * SECOND), SECOND)
    text = datetime.fromtimestamp(whole, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
    return text + (f".{part:09}".rstrip("0") if part else "") + "Z"


# What a host goes through, at seconds of the rounds.
EVENTS = {
    # A counter starts anew by itself: two readings are not explained.
    "a04": [(230, "reset")],
    # A reboot of two seconds; the spool stays.
    "a05": [(130, "stop"), (132, "boot"), (132, "start")],
    # Two seconds over the end of an hour and a month of which nothing is left: a new run.
    "a06": [(349, "stop"), (351, "forget"), (351, "start")],
    # Six seconds without the agent, in which a counter may wrap twice.
    "a07": [(440, "stop"), (446, "start")],
    # The same of three seconds, in which it cannot: nothing is lost.
    "a09": [(650, "stop"), (653, "start")],
    # Four readings fail.
    "b07": [(710, "fail"), (714, "mend")],
    # The clock is set forward by five seconds, and back second by second.
    "b04": [(620, "step", 5)] + [(second, "step", -1) for second in (640, 650, 660, 670, 680)],
    # Back by five seconds at once: labels come twice.
    "b05": [(420, "step", -5), (450, "step", 5)],
}


def energies(host, dice):
    """For each second the microjoules of each register, or the microwatts of the meter."""
    if host in WALL:
        return [[4 * dice.randrange(25_000_000, 100_000_000)] for _ in range(SECONDS)]
    steps = [unit // 1000 for unit in units(host)]
    return [[step * 4 * dice.randrange(low // (4 * step), high // (4 * step))
             for step, (low, high) in zip(steps, ((4e7, 2.4e8), (5e6, 3e7)))
             for low, high in [(int(low), int(high))]] for _ in range(SECONDS)]


def units(host):
    return [] if host in WALL else [1_000, 1_000] if host in WRAPPING else [61_000, 15_000]


# Business

class Business:
    """Exchanges of the counting hosts: packets for the program, and what they mean for the truth."""

    def __init__(self, dice):
        self.dice, self.packets, self.meanings = dice, {host: [] for host in HOSTS}, []
        self.clients, self.numbers = {}, 0

    def number(self, letter):
        self.numbers += 1
        return f"{letter}{self.numbers:06}"

    def exchange(self, host, end, scenario, what, key=None, code="0000"):
        """An exchange whose response comes at `end`; `what` says what it is to the business."""
        port, target, method, body, status, extra = self.request(scenario, what, key)
        # 20 ms before the answer, in the middle of nothing.
        client = self.clients[host] = self.clients.get(host, 19_999) + 1
        answer = json.dumps({"code": code})
        asked = (f"{method} {target} HTTP/1.1\r\nHost: loan\r\n"
                 f"Content-Length: {len(body)}\r\n\r\n{body}")
        self.packets[host].append(packet(end - SECOND // 50, client, port, asked))
        self.packets[host].append(packet(
            end, client, port,
            f"HTTP/1.1 {status} X\r\n{extra}Content-Length: {len(answer)}\r\n\r\n{answer}",
            answers=asked))
        self.meanings.append({"host": host, "at": end, "scenario": scenario, "what": what, "key": key})

    def request(self, scenario, what, key):
        status = 503 if what == "failed" else 200
        if scenario == "credit" and what == "apply":
            return 8080, "/credit", "POST", json.dumps({"applyNo": key}), status, ""
        if scenario == "credit":
            word = "approved" if what == "completed" else "rejected"
            return 8081, f"/notify/{key}", "POST", "", status, f"x-decision: {word}\r\n"
        if scenario == "drawdown":
            return 8080, f"/drawdowns/{key}/payout", "POST", "", status, ""
        if scenario == "repayment":
            return 8080, f"/repayments/{key}", "POST", "", status, ""
        return 8083, "/accounts/1", "GET", "", status, ""

    def moment(self, low, high):
        """A time in a stretch of the rounds, at 0.1 to 0.9 of a second."""
        second = self.dice.randrange(low, high)
        return START + second * SECOND + self.dice.randrange(100, 900) * SECOND // 1000

    def hosts(self, low):
        """Who takes business then: after its failover site a takes none until it is back."""
        return ["b01", "b02"] if 250 <= low < 420 else COUNTING

    def stretch(self, low, high, volumes, blind=None):
        """So much business of each kind between two seconds; `blind` answers no query there."""
        kinds = zip(("credit", "drawdown", "repayment", "query"), volumes)
        for scenario, count in kinds:
            for _ in range(count):
                hosts = [host for host in self.hosts(low) if (host, scenario) != (blind, "query")]
                getattr(self, scenario)(self.dice.choice(hosts), hosts, low, high)

    def credit(self, host, hosts, low, high):
        key, at = self.number("A"), self.moment(low, high - 5)
        self.exchange(host, at, "credit", "apply", key)
        luck = self.dice.randrange(10)
        if luck == 0:
            return  # timed out
        outcome = "refused" if luck in (1, 2) else "completed"
        if luck == 3:
            host = self.dice.choice(hosts)  # the notice reaches another host, perhaps
        at += self.dice.randrange(300, 4_000) * SECOND // 1000
        self.exchange(host, at, "credit", outcome, key)
        if luck in (4, 5):  # told again, on this host or another
            again = at + self.dice.randrange(1_100, 2_000) * SECOND // 1000
            self.exchange(host if luck == 4 else self.dice.choice(hosts), again, "credit", outcome, key)

    def drawdown(self, host, _, low, high):
        key, at = self.number("D"), self.moment(low, high - 3)
        luck = self.dice.randrange(8)
        if luck == 0:
            return self.exchange(host, at, "drawdown", "refused", key, "E2001")
        if luck == 1:  # fails, and is tried again
            self.exchange(host, at, "drawdown", "failed", key, "S900")
        self.exchange(host, at + 3 * SECOND // 2, "drawdown", "completed", key)
        if luck == 2:
            self.exchange(host, at + 5 * SECOND // 2, "drawdown", "completed", key)

    def repayment(self, host, _, low, high):
        key, at = self.number("R"), self.moment(low, high)
        self.exchange(host, at, "repayment", "failed" if self.dice.randrange(9) == 0 else "completed",
                      key)

    def query(self, host, _, low, high):
        what = "failed" if self.dice.randrange(12) == 0 else "completed"
        self.exchange(host, self.moment(low, high), "query", what)

    def nothing_done(self, low, high):
        """Nobody completes anything: TA is 0."""
        for host in COUNTING:
            for _ in range(3):
                self.exchange(host, self.moment(low, high), "credit", "apply", self.number("A"))
                self.exchange(host, self.moment(low, high), "drawdown", "refused", self.number("D"),
                              "E2001")
                self.exchange(host, self.moment(low, high), "repayment", "failed", self.number("R"))
                self.exchange(host, self.moment(low, high), "query", "failed")
            # A notice that nobody took in.
            self.exchange(host, self.moment(low, high), "credit", "failed", self.number("A"))

    def encrypted(self, host, at):
        """A connection of TLS on the port of queries."""
        client = self.clients[host] = self.clients.get(host, 19_999) + 1
        hello = "\x16\x03\x01\x00\x28\x01\x00\x00\x24\x03\x03" + "x" * 34
        self.packets[host].append(packet(at, client, 8083, hello))
        self.packets[host].append(packet(
            at + SECOND // 100, client, 8083, hello.replace("\x28\x01", "\x28\x02"), answers=hello))
        self.meanings.append({"host": host, "at": at, "scenario": "query", "what": "encrypted",
                              "key": None})


def packet(time, client, port, text, answers=None):
    """A request, or the response to one."""
    return {"time": time, "client": client, "port": port, "toServer": answers is None, "text": text,
            "answers": len(answers or "")}


def business(dice):
    done = Business(dice)
    for number in range(PLANNED + RESERVE):
        low = number * ROUND
        if number == 5:
            done.nothing_done(low, low + ROUND)
        elif number == 6:
            done.stretch(low, low + ROUND, (2, 1, 1, 3))
            # Certain, so that no scenario of the round is without a flow.
            for scenario in ("credit", "drawdown", "repayment", "query"):
                done.exchange("a01", done.moment(low, low + ROUND), scenario, "completed",
                             done.number("X"))
        elif number == 2:
            done.stretch(low, low + 50, (10, 12, 14, 30))
            done.stretch(low + 50, low + ROUND, (10, 12, 14, 30))
        elif number == 4:
            done.stretch(low, low + ROUND, (12, 20, 20, 40), blind="b02")
            done.encrypted("b02", low * SECOND + START + 40 * SECOND + SECOND // 2)
        else:
            done.stretch(low, low + ROUND, (16 + number, 24, 30, 60))
    boundary = START + 2 * ROUND * SECOND
    # On the nanosecond at which a round begins, and on the one before it.
    done.exchange("a02", boundary, "drawdown", "completed", done.number("D"))
    done.exchange("b01", boundary - 1, "drawdown", "completed", done.number("D"))
    # Completed long after it expired, in another round.
    late = done.number("A")
    done.exchange("a01", START + 150 * SECOND + SECOND // 3, "credit", "apply", late)
    done.exchange("a01", START + 215 * SECOND + SECOND // 3, "credit", "completed", late)
    for packets in done.packets.values():
        packets.sort(key=lambda one: one["time"])
    done.meanings.sort(key=lambda one: one["at"])
    return done


# What people write

RULES = """services:
  - {name: gateway, ports: [8080], counts_flows: true}
  - {name: risk, ports: [8081], counts_flows: true}
  - {name: edge, ports: [8083], counts_flows: true}
flow_secret: ROOT/../flow.secret
scenarios:
  - id: credit
    expires: 30s
    dedupe: fleet
    steps:
      - name: apply
        when: {service: gateway, method: POST, path: /credit}
        flow_key: body.applyNo
        outcome:
          completed: {status: 2xx, body: {code: ["0000"]}}
          failed: {status: 5xx}
      - name: notice
        when: {service: risk, method: POST, path: "/notify/{applyNo}"}
        flow_key: path.applyNo
        completes: true
        outcome:
          completed: {status: 2xx, header: {x-decision: approved}}
          refused: {status: 2xx, header: {x-decision: rejected}}
          failed: {status: 5xx}
  - id: drawdown
    steps:
      - name: payout
        when: {service: gateway, method: POST, path: "/drawdowns/{no}/payout"}
        flow_key: path.no
        outcome:
          completed: {status: 2xx, body: {code: ["0000"]}}
          refused: {status: 2xx, body: {code: [E2001]}}
          failed: {status: 5xx}
  - id: repayment
    steps:
      - name: settle
        when: {service: gateway, method: POST, path: "/repayments/{no}"}
        flow_key: path.no
        outcome:
          completed: {status: 2xx, body: {code: ["0000"]}}
          failed: {status: 5xx}
  - id: query
    steps:
      - name: show
        when: {service: edge, method: GET, path: "/accounts/{id}"}
        outcome:
          completed: {status: 2xx, body: {code: ["0000"]}}
          failed: {status: 5xx}
"""


def settings(host):
    source = "wall" if host in WALL else "rapl"
    return f"""version: 1
agent: {{id: {host}, state: ROOT/state}}
window: 1s
energy: {{sysfs: ROOT/sys, procfs: ROOT/proc, source: {source}, idle_watts: {IDLE_WATTS[source]}}}
{RULES if host in COUNTING else "services: [{name: app, ports: [9000], counts_flows: false}]"}
collectors: [{", ".join(f"{{address: COLLECTOR-{number}, plaintext: true}}"
                          for number in collectors(host))}]
"""


def collectors(host):
    """Most deliver to one collector, two to both, and one to the second alone."""
    return {"a02": [0, 1], "b09": [0, 1], "b10": [1]}.get(host, [0])


FACTORS = {"grid-a": "重庆-2022-average", "grid-b": "西南-2023-average", "diesel": "lab-diesel",
           "contract": "全国-2023-average_excl_market_nonfossil"}
# Of hosts, beside what all have.
ASSIGNMENTS = {"b03": [("b", None, 620), ("a", 640, None)], "b08": [("b", 130, None)]}
SHARES = {"a10": "0.4", "b10": "0.333333"}
RATIOS = {host: "1.42" if host[0] == "a" else "1.377" for host in HOSTS
          if host not in WALL and host != "a09"}
# Hardware whose life ends 50 s into the sixth round, and some that was never so old.
INSTALLED = {"a08": 650 - MODEL["lifetime_hours"] * 3600, "b02": -86_400 * 400}
PUES = {"a": "1.35", "b": "1.25"}
DEVICE = {"id": "switch-1", "site": "b", "meter": "pdu-3/outlet-7"}
EDGES = [0, 100, 250, 300, 400, 500, 600, 700, 800, 900]


def plan():
    lines = []
    for host in HOSTS:
        parts = [f"id: {host}", f"role: {'gateway' if host in COUNTING else 'server'}"]
        if host in ASSIGNMENTS:
            spans = ", ".join(
                "{" + ", ".join([f"site: {site}"] + [f"{word}: {instant(second)}" for word, second in
                                                     (("from", low), ("to", high))
                                                     if second is not None]) + "}"
                for site, low, high in ASSIGNMENTS[host])
            parts.append(f"assignments: [{spans}]")
        else:
            parts.append(f"site: {host[0]}")
        if host in SHARES:
            parts.append(f"share: {{value: {SHARES[host]}, reason: reserved}}")
        if host in RATIOS:
            parts.append(f"wall_ratio: {{value: {RATIOS[host]}, source: clamp, period: 2025-10}}")
        parts.append("model: m1")
        if host in INSTALLED:
            parts.append(f"installed: {instant(INSTALLED[host])}")
        lines.append("  - {" + ", ".join(parts) + "}")
    scenarios = "\n".join(f"  - {{id: {name}, counted_by: [{', '.join(COUNTING)}]}}"
                          for name in ("credit", "drawdown", "repayment", "query"))
    hosts = "\n".join(lines)
    mass = ", ".join(f"{key}: {value}" for key, value in MODEL.items())
    return f"""version: 1
title: "A fleet of the lab"
organization: "The lab"
contact: "lab@example.com"
boundary: "twenty hosts and a switch"
schedule:
  start: {instant(0)}
  rounds: {PLANNED}
  length: {ROUND}s
  any_length: true
  reserve: {RESERVE}
  grace: 10s
  justification: "accelerated"
scenarios:
{scenarios}
sites:
  - id: a
    name: Site A
    supplies:
      - {{source: grid, factor: {FACTORS['grid-a']}}}
      - {{from: {instant(250.25)}, source: generator, factor: {FACTORS['diesel']}}}
      - {{from: {instant(420)}, source: grid, factor: {FACTORS['grid-a']}}}
    pue: {{value: {PUES['a']}, source: meters, period: "2025"}}
  - id: b
    name: Site B
    supplies: [{{source: grid, factor: {FACTORS['grid-b']}}}]
    market_supplies: [{{source: contract, factor: {FACTORS['contract']}}}]
    pue: {{value: {PUES['b']}, source: meters, period: "2025"}}
hosts:
{hosts}
devices:
  - {{id: {DEVICE['id']}, role: switch, site: b, meter: {DEVICE['meter']}, model: m1}}
embodied:
  models:
    - {{id: m1, {mass}, source: "a study"}}
scope: it
"""


def ledger(meanings):
    """Zeros in the round without business, a day's total that fits, and one that does not."""
    lines = ["scenario,from,to,flows"]
    for scenario in ("credit", "drawdown", "repayment", "query"):
        lines.append(f"{scenario},{instant(500)},{instant(600)},0")
    paid = sum(1 for one in {(one["host"], one["key"]) for one in meanings
               if one["scenario"] == "repayment" and one["what"] == "completed"
               and 0 <= one["at"] - START < ROUND * SECOND})
    lines.append(f"repayment,{instant(0)},{instant(100)},{paid}")
    lines.append(f"repayment,{instant(100)},{instant(200)},1")
    return "\n".join(lines) + "\n"


def readings(dice):
    """Of the switch, and of a host that has counters too: in units of 3,600 µJ, the ninth decimal."""
    made = [(DEVICE["meter"], low, high, 3 * dice.randrange(900_000, 2_000_000))
            for low, high in zip(EDGES, EDGES[1:])]
    made.append(("b10", 700, 800, dice.randrange(3_000_000, 4_000_000)))
    return made


def main(path):
    dice = random.Random(20251130)
    done = business(dice)
    read = readings(dice)
    factors = (Path(__file__).resolve().parents[2] / "Sources/SCI/factors.csv").read_text()
    factors = factors.rstrip("\n") + "\nlab-diesel,own,generator,2025,lifecycle,0.7781,U,the lab\n"
    hosts = []
    for host in HOSTS:
        unit = units(host)
        # A wrapping counter is 5 J before its end when the lab begins.
        raw = [2**32 - 5_000_000 if host in WRAPPING else 1 << 28 for _ in unit]
        events = [{"at": 0, "kind": "start"}]
        for second, kind, *value in EVENTS.get(host, []):
            event = {"at": second + LEAD, "kind": kind}
            if value:
                event["value"] = value[0] * SECOND
            events.append(event)
        hosts.append({
            "id": host, "settings": settings(host), "software": f"0.9.{host}", "units": unit,
            "raw": raw, "energies": energies(host, dice), "events": events,
            "packets": done.packets[host]})
    kwh = [f"{meter},{instant(low)},{instant(high)},0.{number:09}" for meter, low, high, number in read]
    play = {
        "start": BEGIN, "seconds": SECONDS, "plan": plan(), "factors": factors,
        "ledger": ledger(done.meanings), "readings": "\n".join(["meter,from,to,kwh"] + kwh) + "\n",
        "sealed": START - 3600 * SECOND, "now": START + (ROUND * (PLANNED + RESERVE) + 10) * SECOND,
        "hosts": hosts,
        # For the truth alone.
        "meanings": done.meanings,
        "metered": [[meter, low, high, number * 3_600] for meter, low, high, number in read]}
    Path(path).write_text(json.dumps(play, ensure_ascii=False))


if __name__ == "__main__":
    main(sys.argv[1])
