"""Counting live traffic on loopback while it is served.

First paced traffic, which wrk, nginx and the agent carry together: what the agent counts must be
what nginx logged, without a packet dropped, and its CPU time is compared with that of nginx and
wrk. It is taken from before the load until everything is counted. What the kernel does to hand
packets over is done in the name of whoever sends them, as with any program that captures.
Then traffic as fast as wrk and nginx go, in turns: with the agent; with `tcpdump -w /dev/null`,
which looks at no packet, the filter, the length and the ring being the same; and with tcpdump that
asks for packets as received alone: else the kernel puts loopback's packets in its ring as sent,
too, and libpcap passes over them. And once while nobody captures. What the agent counts may be
short of the log, by no more exchanges than the packets that it says were lost: none of this load's
packets holds two messages.
"""
import collections, re, shutil
from measuring import CannotMeasure, Others, cpu_seconds, end, family_cpu_seconds, finish, median, \
    peak_bytes, spread, wait_until
from metering import RING_MIB, SNAPSHOT_BYTES, Metering, memory
from traffic import Traffic, missing, program, user_name

PAIRS, FAST_SECONDS = 8, 6
SHARE_GOAL, RATIO_GOAL, IDLE_GOAL, LOADED_GOAL = 0.05, 0.97, 18 << 20, 28 << 20


def measure(bench):
    if reason := missing():
        bench.notes.append(f"live is not measured: {reason}")
        return
    traffic = Traffic(bench, "live")
    try:
        for part in (paced, fast):
            others = Others(traffic.nginx.pid)
            part(bench, traffic)
            share = others.share()
            bench.put(f"live.others_share_{part.__name__}", share)
            bench.notes.append(f"While live, {part.__name__} was measured, other programs had "
                               f"{share:.0%} of the processors.")
    finally:
        end(traffic.nginx)


def paced(bench, traffic):
    meter = Metering(bench, traffic, "paced")
    agent, idle = meter.agent.pid, memory(meter.agent.pid)
    ours, nginx = cpu_seconds(agent), family_cpu_seconds(traffic.nginx.pid)
    [wrk] = traffic.ask(bench.live_seconds)
    wrk = finish(bench, wrk, bench.live_seconds + 20).cpu
    nginx = family_cpu_seconds(traffic.nginx.pid) - nginx
    traffic.log.settle()
    ours, peak = cpu_seconds(agent) - ours, peak_bytes(agent) - idle.ring
    logged, found = traffic.log.take(), meter.stop()
    for difference in found.counts.differences(logged):
        bench.require(False, f"live, paced: {difference}")
    drops = found.losses["kernel_drops"]
    bench.require(drops == 0, f"live, paced: the kernel dropped {drops} packets")
    share = ours / (nginx + wrk)
    for key, value in (
            ("seconds", bench.live_seconds), ("exchanges", logged.total),
            ("counted", found.counts.total), ("packets", found.packets), ("drops", drops),
            ("agent_cpu_seconds", ours), ("server_cpu_seconds", nginx + wrk),
            ("nginx_cpu_seconds", nginx), ("wrk_cpu_seconds", wrk), ("cpu_share", share)):
        bench.put(f"live.{key}", value)
    bench.put("memory.idle_rss_bytes", idle.rss - idle.ring)
    bench.put("memory.loaded_rss_bytes", peak)
    bench.put("memory.ring_bytes", idle.ring)
    bench.row(f"live, paced, {bench.live_seconds} s: exchanges; nginx's log",
              f"{found.counts.total:,}", f"{logged.total:,}", "",
              "equal: " + reached(found.counts == logged))
    bench.row("  packets dropped by the kernel", f"{drops:,}", goal="0: " + reached(drops == 0))
    bench.row("  CPU s; nginx and wrk", f"{ours:.2f}", f"{nginx + wrk:.2f}", f"{share:.3f}",
              f"≤ {SHARE_GOAL:g}: {reached(share <= SHARE_GOAL)}")
    for words, size, goal in (("before", idle.rss - idle.ring, IDLE_GOAL),
                              ("peak", peak, LOADED_GOAL)):
        bench.row(f"  resident without the ring, {words}, MiB", f"{size / (1 << 20):.1f}",
                  goal=f"≤ {goal >> 20}: {reached(size <= goal)}")


def reached(holds):
    return "reached" if holds else "missed"


def fast(bench, traffic):
    turns = {"agent": lambda: beside_agent(bench, traffic),
             "tcpdump": lambda: beside_tcpdump(bench, traffic),
             "inbound": lambda: beside_tcpdump(bench, traffic, "inbound and ")}
    order, speeds = list(turns), {name: [] for name in turns}
    for _ in range(PAIRS):
        for name in order:
            speeds[name].append(turns[name]())
        order.append(order.pop(0))
    agent, tcpdump, inbound = speeds.values()
    short, lost = sum(run.short for run in agent), sum(run.lost for run in agent)
    agent, alone = [run.speed for run in agent], throughput(bench, traffic)
    ratio, inbound_ratio = (median([ours / theirs for ours, theirs in zip(agent, others)])
                            for others in (tcpdump, inbound))
    for key, value in (
            ("throughput_ratio_to_tcpdump", ratio),
            ("fast.ratio_to_inbound_tcpdump", inbound_ratio),
            ("fast.requests_per_second", median(agent)),
            ("fast.tcpdump_requests_per_second", median(tcpdump)),
            ("fast.inbound_tcpdump_requests_per_second", median(inbound)),
            ("fast.alone_requests_per_second", alone),
            ("fast.not_counted", short), ("fast.declared_lost_packets", lost)):
        bench.put(f"live.{key}", value)
    bench.row("live, fast: requests/s; under tcpdump", spread(agent, 0), spread(tcpdump, 0),
              f"{ratio:.3f}", f"≥ {RATIO_GOAL:g}: {reached(ratio >= RATIO_GOAL)}")
    bench.row("  under tcpdump of packets as received alone", "", spread(inbound, 0),
              f"{inbound_ratio:.3f}")
    bench.row("  nobody captures, one run", "", f"{alone:.0f}", f"{median(agent) / alone:.3f}")
    bench.row("  exchanges not counted; packets said to be lost", f"{short:,}", f"{lost:,}")


# Requests a second, exchanges of the log that were not counted, and packets declared lost.
Fast = collections.namedtuple("Fast", "speed short lost")


def beside_agent(bench, traffic):
    meter = Metering(bench, traffic, "fast")
    speed = throughput(bench, traffic)
    logged, found = traffic.log.take(), meter.stop()
    lost = found.losses["kernel_drops"] + found.losses["interface_drops"]
    short = logged.total - found.counts.total
    bench.require(0 <= short <= lost,
                  f"live, fast: {short} exchanges not counted, {lost} packets declared lost")
    if not lost:
        for difference in found.counts.differences(logged):
            bench.require(False, f"live, fast: {difference}")
    shutil.rmtree(meter.folder)
    return Fast(speed, short, lost)


def beside_tcpdump(bench, traffic, which=""):
    dump = bench.start(
        "fast-tcpdump", program("tcpdump"), "-i", "lo", "-s", SNAPSHOT_BYTES, "-B",
        RING_MIB << 10, "-Z", user_name(), "-w", "/dev/null", f"{which}tcp port {traffic.port}")
    wait_until(dump, lambda: "listening on" in dump.log.read_text())
    speed = throughput(bench, traffic)
    traffic.log.take()
    end(dump)
    if not re.search(r"^[1-9]\d* packets captured", dump.log.read_text(), re.M):
        raise CannotMeasure("tcpdump captured nothing: " + dump.log.read_text().strip())
    return speed


def throughput(bench, traffic):
    """Requests a second; returns when nginx has logged them all."""
    [wrk] = traffic.ask(FAST_SECONDS, "fast")
    said = finish(bench, wrk, FAST_SECONDS + 20).printed
    traffic.log.settle()
    return float(re.search(r"^Requests/sec:\s*([\d.]+)", said, re.M)[1])
