"""What a collector keeps in a second, and what a record weighs.

A day's backlog of 100 agents, 8,640 records each, is delivered at once to a collector that is held to
one processor, while a report of the same store is made again and again on the others. Every
batch is verified, chained and durable before it is acknowledged. Load and report share what is
left of the machine, so that CPU time says more than the clock where there are few processors.
One more agent has batches of 10 records; it and each other must be served in its turn.

The size is that of the records of a demonstration (4 scenarios, 2 packages with DRAM each), with
frame and checksum; beside it the same numbers of the same window as OTLP metrics (protobuf, one
point a number) and as Prometheus remote write (protobuf, compressed with snappy), as each protocol
sends them: names and labels of a window go with the window.
"""
import ctypes, ctypes.util, json, socket, sqlite3, struct, subprocess, threading
from measuring import CannotMeasure, end, median, wait_until

AGENTS, BATCHES, RECORDS = 100, 18, 480
SMALL_RECORDS = 10
DEMO_SECONDS = 20
GOAL, SIZE_GOAL, FAIR = 50_000, 160, 3
REPORT = ("--from", "2026-11-20T16:00:00Z", "--to", "2026-11-22T16:00:00Z", "--round", "24h",
          "--factor", "全国-2023-average", "--format", "json")


def measure(bench):
    deliver(bench)
    weigh(bench)


def deliver(bench):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = bench.folder / "ingest"
    folder.mkdir()
    settings = folder / "collector.yaml"
    settings.write_text(f"version: 1\nlisten: {{agents: \"127.0.0.1:{port}\", metrics: none}}\n"
                        "plaintext: true\nstore: {sqlite: store.db}\n")
    program = bench.program("jouleflow-collector")
    collector = bench.start("ingest-collector", "taskset", "-c", "0", program, "run", "--config",
                            settings)
    wait_until(collector, lambda: "ready" in collector.log.read_text())
    reports, is_over = [], threading.Event()

    def report():
        while not is_over.is_set():
            done = subprocess.run([program, "report", "--config", settings, *REPORT],
                                  capture_output=True, timeout=120)
            reports.append(done.returncode)
    reader = threading.Thread(target=report)
    reader.start()
    try:
        done = subprocess.run(
            [bench.program("jouleflow-lab"), "bench", "ingest", "--port", str(port), "--pid",
             str(collector.pid), "--agents", str(AGENTS), "--batches", str(BATCHES), "--records",
             str(RECORDS), "--small-records", str(SMALL_RECORDS)], text=True, capture_output=True, timeout=300)
    finally:
        is_over.set()
        reader.join()
    end(collector)
    if done.returncode:
        raise CannotMeasure(f"jouleflow-lab bench ingest: {done.stderr.strip()}")
    found = json.loads(done.stdout)
    with sqlite3.connect(f"file:{folder / 'store.db'}?mode=ro", uri=True) as store:
        [[stored]] = store.execute("SELECT count(*) FROM records")
    sent = BATCHES * (AGENTS * RECORDS + SMALL_RECORDS)
    bench.require(stored == sent, f"ingest: {stored} records are stored, {sent} were sent")
    bench.require(reports and not any(reports), f"ingest: reports ended with {set(reports)}")
    for key in ("records", "seconds", "cpu_seconds", "records_per_second",
                "records_per_cpu_second", "record_bytes"):
        bench.put(f"ingest.{key}", found[key])
    for key in ("finish_seconds", "longest_wait_seconds"):
        for which in ("least", "median", "most"):
            bench.put(f"ingest.{key}.{which}", found[key][which])
        bench.put(f"ingest.small_{key}", found[f"small_{key}"])
    bench.put("ingest.reports_meanwhile", len(reports))
    rate = found["records_per_cpu_second"]
    bench.row(f"durable records a second of one core, {AGENTS} agents", f"{rate:,.0f}", "", "",
              f"≥ {GOAL:,}: {'reached' if rate >= GOAL else 'missed'}")
    bench.row(f"  by the clock, {len(reports)} reports meanwhile",
              f"{found['records_per_second']:,.0f}")
    turn(bench, found)


def turn(bench, found):
    """Whether all had their turn: nobody waited much longer than the others."""
    waits, ends = found["longest_wait_seconds"], found["finish_seconds"]
    longest = max(waits["most"], found["small_longest_wait_seconds"])
    ratio = longest / waits["median"]
    bench.row("  longest wait for an acknowledgement, s: most of all, median of agents",
              f"{longest:.2f}", f"{waits['median']:.2f}", f"{ratio:.1f}",
              f"≤ {FAIR}: {'reached' if ratio <= FAIR else 'missed'}")
    bench.row("  all delivered, s: last agent, first agent; one with small batches",
              f"{ends['most']:.1f}", f"{ends['least']:.1f}", "",
              f"{found['small_finish_seconds']:.1f}")


def weigh(bench):
    work = bench.folder / "demo"
    subprocess.run([bench.program("jouleflow-lab"), "demo", "--bin", bench.programs, "--seconds",
                    str(DEMO_SECONDS), "--work", work, "--keep", "--out", bench.folder / "demo.json"],
                   check=True, stdout=subprocess.DEVNULL, timeout=DEMO_SECONDS + 120)
    [store] = work.rglob("*.db")
    with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as db:
        rows = db.execute("SELECT bytes FROM records WHERE kind = 0").fetchall()
    sizes = {"record": [], "otlp": [], "remote_write": []}
    snappy = compressor()
    for (record,) in rows[1:-1]:
        numbers = points(record)
        sizes["record"].append(len(record))
        sizes["otlp"].append(len(otlp(numbers)))
        sizes["remote_write"].append(len(snappy(remote_write(numbers))))
    if not sizes["record"]:
        raise CannotMeasure("the demonstration left no whole window")
    ours, others = median(sizes["record"]), {}
    bench.put("record.bytes", ours)
    for name, words in (("otlp", "OTLP"), ("remote_write", "remote write, snappy")):
        others[name] = median(sizes[name])
        bench.put(f"record.{name}_bytes", others[name])
        bench.row(f"record, 4 scenarios, 2 sockets, bytes; {words}", f"{ours:.0f}",
                  f"{others[name]:.0f}", f"{others[name] / ours:.1f}",
                  f"≤ {SIZE_GOAL}: {'reached' if ours <= SIZE_GOAL else 'missed'}")


def points(frame):
    """The record's numbers as (metric, labels, value): what any protocol must carry for it."""
    message, found = fields(frame[8:]), []
    one = {3: "manifest", 9: "host_busy_nanoseconds", 15: "packets", 16: "exchanges",
           17: "clock_error", 21: "flags", 36: "spool_dropped"}
    many = {7: ("zone_energy_microjoules", "zone"), 8: ("energy_microjoules", "part"),
            10: ("service_cpu_nanoseconds", "service"), 12: ("flows_completed", "scenario"),
            13: ("flows_refused", "scenario"), 14: ("flows_failed", "scenario"),
            29: ("observation", "scenario"), 30: ("flows_incomplete", "scenario"),
            31: ("requests", "scenario"), 32: ("service_packets", "service"),
            34: ("service_flows", "scenario"), 40: ("duplicates", "scenario"),
            42: ("rule_hits", "rule"), 18: ("other_requests", "service")}
    for number, name in one.items():
        for value in message.get(number, [])[-1:]:
            found.append((name, {}, value))
    for number, (name, label) in many.items():
        for part in message.get(number, []):
            at = index = 0
            while at < len(part):
                value, at = varint(part, at)
                found.append((name, {label: str(index)}, value))
                index += 1
    return found


def otlp(numbers):
    """ExportMetricsServiceRequest: one resource, one scope, a sum for each metric.

    Source: opentelemetry-proto, metrics/v1/metrics.proto and common/v1/common.proto.
    """
    def attribute(key, value):
        return bytes_field(1, key) + bytes_field(2, bytes_field(1, value))
    metrics = {}
    for name, labels, value in numbers:
        point = b"".join(bytes_field(7, attribute(key, text)) for key, text in labels.items())
        point += fixed(2, 1_795_219_200 * 10**9) + fixed(3, 1_795_219_210 * 10**9)
        point += fixed(6, value)
        metrics.setdefault(name, []).append(bytes_field(1, point))
    body = b""
    for name, data in metrics.items():
        total = b"".join(data) + field(2, 1) + field(3, 1)
        body += bytes_field(2, bytes_field(1, f"jouleflow_{name}") + bytes_field(7, total))
    resource = bytes_field(1, bytes_field(1, attribute("host.name", "loan-07")))
    return bytes_field(1, resource + bytes_field(2, body))


def remote_write(numbers):
    """WriteRequest: a series for each number, one sample each.

    Source: Prometheus, "Remote-Write 1.0": prompb/types.proto.
    """
    request = b""
    for name, labels, value in numbers:
        series = b""
        for key, text in sorted({"__name__": f"jouleflow_{name}", "instance": "loan-07",
                                 **labels}.items()):
            series += bytes_field(1, bytes_field(1, key) + bytes_field(2, text))
        sample = tag(1, 1) + struct.pack("<d", value) + field(2, 1_795_219_210_000)
        request += bytes_field(1, series + bytes_field(2, sample))
    return request


def compressor():
    """snappy's compression of a block."""
    path = ctypes.util.find_library("snappy")
    if not path:
        raise CannotMeasure("libsnappy is missing: scripts/install-dependencies --bench")
    library = ctypes.CDLL(path)
    library.snappy_max_compressed_length.restype = ctypes.c_size_t
    library.snappy_max_compressed_length.argtypes = [ctypes.c_size_t]

    def compress(data):
        room = library.snappy_max_compressed_length(len(data))
        output, length = ctypes.create_string_buffer(room), ctypes.c_size_t(room)
        status = library.snappy_compress(data, ctypes.c_size_t(len(data)), output,
                                         ctypes.byref(length))
        if status:
            raise CannotMeasure(f"snappy_compress: {status}")
        return output.raw[:length.value]
    return compress


# Protobuf's wire format. Source: protobuf.dev, "Encoding".

def write_varint(value):
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(written + bytes([value]))


def tag(number, kind):
    return write_varint(number << 3 | kind)


def field(number, value):
    return tag(number, 0) + write_varint(value)


def fixed(number, value):
    return tag(number, 1) + struct.pack("<Q", value)


def bytes_field(number, value):
    value = value.encode() if isinstance(value, str) else value
    return tag(number, 2) + write_varint(len(value)) + value


def varint(data, at):
    value = shift = 0
    while True:
        byte, at = data[at], at + 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def fields(data):
    found, at = {}, 0
    while at < len(data):
        key, at = varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = varint(data, at)
        elif kind == 1:
            value, at = struct.unpack_from("<Q", data, at)[0], at + 8
        else:
            length, at = varint(data, at)
            value, at = data[at:at + length], at + length
        found.setdefault(key >> 3, []).append(value)
    return found
