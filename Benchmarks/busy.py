"""What the agent takes of a host that serves 10,000 exchanges a second, beside prometheus-node-exporter.

wrk asks nginx on loopback, with pauses that make it somewhat more; where other programs need the
machine, with shorter ones, and at last with none. What is counted may be short of nginx's log by no
more exchanges than packets were declared lost. The exporter runs as its package starts it, and is
asked every 15 s.
"""
import re, time
import exporter
from idle import mib, used, wait
from measuring import Others, end, finish, peak_bytes
from metering import Metering, memory
from traffic import Traffic, missing

RATE, MEMORY_GOAL = 10_000, 28 << 20
LOADS = ("busy", "paced", "fast")


def measure(bench):
    if reason := missing():
        bench.notes.append(f"busy is not measured: {reason}")
        return
    beside = exporter.program(bench)
    traffic = Traffic(bench, "busy")
    try:
        with_traffic(bench, traffic, beside)
    finally:
        end(traffic.nginx)


def with_traffic(bench, traffic, beside):
    meter = Metering(bench, traffic, "busy-meter")
    peer = exporter.Exporter(bench, beside) if beside else None
    others, ring = Others(traffic.nginx.pid), memory(meter.agent.pid).ring
    for load in LOADS:
        began, ours, theirs = time.monotonic(), used(meter.agent), peer and used(peer.child)
        [wrk] = traffic.ask(bench.live_seconds, load)
        wait(bench.live_seconds, peer)
        elapsed = time.monotonic() - began
        ours = (used(meter.agent) - ours) / elapsed
        theirs = peer and (used(peer.child) - theirs) / elapsed
        said = finish(bench, wrk, 20).printed
        rate = float(re.search(r"^Requests/sec:\s*([\d.]+)", said, re.M)[1])
        if rate >= RATE:
            break
    traffic.log.settle()
    peak = peak_bytes(meter.agent.pid) - ring
    beside = peer and peak_bytes(peer.child.pid)
    if peer:
        end(peer.child)
    logged, found = traffic.log.take(), meter.stop()
    lost = found.losses["kernel_drops"] + found.losses["interface_drops"]
    short = logged.total - found.counts.total
    bench.require(0 <= short <= lost,
                  f"busy: {short} exchanges not counted, {lost} packets declared lost")
    bench.notes.append(f"While busy was measured, other programs had {others.share():.0%} of the "
                       f"processors; the load was {load}.")
    tell(bench, rate, (ours, theirs), (peak, beside), ring)


def tell(bench, rate, shares, peaks, ring):
    (ours, theirs), (peak, beside) = shares, peaks
    for key, value in (("exchanges_per_second", rate), ("cpu_microseconds_per_second", ours * 1e6),
                       ("peak_rss_bytes", peak), ("ring_bytes", ring)):
        bench.put(f"busy.{key}", value)
    if beside:
        bench.put("busy.peers.node_exporter.cpu_microseconds_per_second", theirs * 1e6)
        bench.put("busy.peers.node_exporter.peak_rss_bytes", beside)
    bench.row("busy: exchanges/s", f"{rate:,.0f}", goal=f"≥ {RATE:,}: {reached(rate >= RATE)}")
    bench.row("  % of a core; node_exporter asked every 15 s", f"{ours:.2%}",
              f"{theirs:.3%}" if beside else "")
    word = reached(peak <= MEMORY_GOAL) if rate >= RATE else "not shown"
    bench.row("  peak resident without the ring, MiB", mib(peak), mib(beside) if beside else "",
              f"{peak / beside:.2f}" if beside else "", f"≤ {MEMORY_GOAL >> 20}: {word}")


def reached(holds):
    return "reached" if holds else "missed"
