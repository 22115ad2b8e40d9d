"""What the agent takes of a host on which nothing happens, beside prometheus-node-exporter: room on
the disk, memory and processor.

The agent is that of the section `live`, with the four energy counters of the section `tick`: it
reads them every second, captures where nothing passes, closes a window every 10 s and sends its
record. The exporter runs as its package starts it, and is asked every 15 s. Both run at the same
time; processor time is that of the kernel's clock of a process, which counts nanoseconds.
"""
import time
from pathlib import Path
import exporter
from measuring import end
from metering import Metering, memory
from tick import counters
from traffic import no_capture, rules

INSTALLED_GOAL, MEMORY_GOAL, SHARE_GOAL = 40_000_000, 18 << 20, 0.001
WARM_UP_SECONDS, SCRAPE_SECONDS = 20, 15
PORT = 9


def measure(bench):
    beside = exporter.program(bench)
    weigh(bench)
    if reason := no_capture():
        bench.notes.append(f"idle is not measured: {reason}")
        return
    meter = Metering(bench, Silence(), "idle", f"energy: {{sysfs: {counters(bench)}}}")
    peer = exporter.Exporter(bench, beside) if beside else None
    wait(WARM_UP_SECONDS, peer)
    began, ours, theirs = time.monotonic(), used(meter.agent), peer and used(peer.child)
    wait(bench.idle_seconds, peer)
    elapsed = time.monotonic() - began
    ours = (used(meter.agent) - ours) / elapsed
    theirs = peer and (used(peer.child) - theirs) / elapsed
    tell(bench, elapsed, ours, theirs, memory(meter.agent.pid),
         peer and memory(peer.child.pid))
    if peer:
        end(peer.child)
    meter.stop()


class Silence:
    """Services that nobody asks."""

    def settings(self, *lines):
        return rules(PORT, *lines)


def used(child):
    """Seconds. Source: clock_getcpuclockid(3), whose clock is made of the process's number."""
    return time.clock_gettime(~child.pid << 3 | 2)


def wait(seconds, peer):
    limit = time.monotonic() + seconds
    while (left := limit - time.monotonic()) > 0:
        if peer:
            peer.scrape()
        time.sleep(min(left, SCRAPE_SECONDS))


def mib(size):
    return f"{size / (1 << 20):.1f}"


def weigh(bench):
    """The newest package of the agent, and the exporter's."""
    ours = sorted(Path(".build/packages/out").glob("jouleflow-agent_*.deb"),
                  key=lambda file: file.stat().st_mtime)
    if not ours:
        bench.notes.append("There is no package of the agent to weigh: make deb")
        return
    ours, file = exporter.weigh(ours[-1]), exporter.package(bench)
    theirs = exporter.weigh(file) if file else None
    for key, package in (("package", ours), ("package.peers.node_exporter", theirs)):
        if package:
            bench.put(f"{key}.file_bytes", package.file_bytes)
            bench.put(f"{key}.installed_bytes", package.installed_bytes)
    goal = "reached" if ours.installed_bytes <= INSTALLED_GOAL else "missed"
    bench.row("package, MB installed; node_exporter", f"{ours.installed_bytes / 1e6:.1f}",
              f"{theirs.installed_bytes / 1e6:.1f}" if theirs else "",
              f"{ours.installed_bytes / theirs.installed_bytes:.2f}" if theirs else "",
              f"≤ {INSTALLED_GOAL / 1e6:g}: {goal}")
    bench.row("  MB to fetch", f"{ours.file_bytes / 1e6:.1f}",
              f"{theirs.file_bytes / 1e6:.1f}" if theirs else "")


def tell(bench, elapsed, ours, theirs, memory, peer):
    resident = memory.rss - memory.ring
    bench.put("idle.seconds", elapsed)
    bench.put("idle.cpu_microseconds_per_second", ours * 1e6)
    bench.put("idle.rss_bytes", resident)
    bench.put("idle.anonymous_bytes", memory.anonymous)
    bench.put("idle.ring_bytes", memory.ring)
    if peer:
        bench.put("idle.peers.node_exporter.cpu_microseconds_per_second", theirs * 1e6)
        bench.put("idle.peers.node_exporter.rss_bytes", peer.rss)
    bench.row(f"idle, {elapsed:.0f} s: % of a core; node_exporter asked every {SCRAPE_SECONDS} s",
              f"{ours:.3%}", f"{theirs:.3%}" if peer else "", f"{ours / theirs:.2f}" if peer else "",
              f"≤ {SHARE_GOAL:.1%}: " + ("reached" if ours <= SHARE_GOAL else "missed"))
    bench.row("  resident without the ring, MiB", mib(resident), mib(peer.rss) if peer else "",
              f"{resident / peer.rss:.2f}" if peer else "",
              f"≤ {MEMORY_GOAL >> 20}: " + ("reached" if resident <= MEMORY_GOAL else "missed"))
