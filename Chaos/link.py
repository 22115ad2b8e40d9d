"""A link between two network namespaces that does to packets what it is told: each namespace has a
TUN device, and this process carries packets from one to the other.

Reads a line of JSON for each change: what happens from now on, `{}` for a good link; `{"tell": 1}`
asks for the counts so far. Prints the paths of the namespaces first, and ends with its input; then
nothing of the namespaces is left but what still runs in them.

cut        all packets vanish
deaf       those from the named side (`a` or `b`) vanish; the other side hears nothing of it
loss       probability that a packet vanishes
delay      [least, most] seconds, drawn for each packet
corrupt    probability that a bit is flipped; in every second of these TCP's checksum is made right
           again, so that the program gets what the network altered
duplicate  probability that it arrives twice
reorder    probability that it arrives 50 ms later, behind others
"""
import fcntl, heapq, json, os, random, select, struct, subprocess, sys, time

from world import CLONE_NEWNET, unshare

# Source: linux/if_tun.h.
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
ADDRESSES = ("10.77.0.1", "10.77.0.2")
REORDER_SECONDS, PACKET_BYTES, TCP = 0.05, 65_536, 6


def side(here, there):
    """A new namespace with one end of the link: its file, and the device's."""
    unshare(CLONE_NEWNET)
    namespace = os.open("/proc/self/ns/net", os.O_RDONLY)
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", b"chaos", IFF_TUN | IFF_NO_PI))
    for command in ("link set lo up", f"addr add {here} peer {there} dev chaos",
                    "link set dev chaos up"):
        subprocess.run(["ip", *command.split()], check=True)
    return namespace, device


def total(data):
    """The sum of RFC 1071 over 16-bit words."""
    if len(data) % 2:
        data += b"\0"
    value = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while value >> 16:
        value = (value & 0xFFFF) + (value >> 16)
    return value


def with_right_checksum(packet):
    """An IPv4 packet of TCP whose checksum fits its bytes; others as they are."""
    start = (packet[0] & 15) * 4
    if packet[0] >> 4 != 4 or packet[9] != TCP or len(packet) < start + 20:
        return packet
    packet = bytearray(packet)
    packet[start + 16:start + 18] = b"\0\0"
    pseudo = bytes(packet[12:20]) + struct.pack("!HH", TCP, len(packet) - start)
    checksum = ~total(pseudo + bytes(packet[start:])) & 0xFFFF
    packet[start + 16:start + 18] = struct.pack("!H", checksum)
    return bytes(packet)


class Link:
    def __init__(self, devices, seed):
        self.devices, self.random = devices, random.Random(seed)
        self.what, self.waiting, self.number, self.begun = {}, [], 0, b""
        self.counts = {"passed": 0, "lost": 0, "delayed": 0, "corrupted": 0, "forged": 0,
                       "duplicated": 0, "reordered": 0}

    def happens(self, name):
        return self.random.random() < self.what.get(name, 0)

    def count(self, name):
        self.counts[name] += 1

    def altered(self, packet):
        """A flipped bit behind the headers, or in them where there is nothing behind."""
        data = bytearray(packet)
        start = (packet[0] & 15) * 4
        is_tcp = packet[0] >> 4 == 4 and packet[9] == TCP and len(packet) >= start + 20
        payload = start + (packet[start + 12] >> 4) * 4 if is_tcp else 0
        has_payload = is_tcp and payload < len(packet)
        at = self.random.randrange(payload if has_payload else 0, len(packet))
        data[at] ^= 1 << self.random.randrange(8)
        self.count("corrupted")
        if has_payload and self.counts["corrupted"] % 2:
            self.count("forged")
            return with_right_checksum(bytes(data))
        return bytes(data)

    def take(self, source, packet):
        deaf = self.what.get("deaf") == "ab"[source]
        if self.what.get("cut") or deaf or self.happens("loss"):
            return self.count("lost")
        if self.happens("corrupt"):
            packet = self.altered(packet)
        later = 0
        if "delay" in self.what:
            later = self.random.uniform(*self.what["delay"])
            self.count("delayed")
        if self.happens("reorder"):
            later += REORDER_SECONDS
            self.count("reordered")
        copies = 1
        if self.happens("duplicate"):
            copies = 2
            self.count("duplicated")
        for _ in range(copies):
            self.number += 1
            heapq.heappush(self.waiting,
                           (time.monotonic() + later, self.number, 1 - source, packet))

    def deliver(self):
        while self.waiting and self.waiting[0][0] <= time.monotonic():
            _, _, target, packet = heapq.heappop(self.waiting)
            try:
                os.write(self.devices[target], packet)
                self.count("passed")
            except OSError:
                # The kernel refuses a packet whose first bits were altered.
                self.count("lost")

    def orders(self):
        """Whether there may be more of them."""
        data = os.read(0, PACKET_BYTES)
        *lines, self.begun = (self.begun + data).split(b"\n")
        for line in lines:
            order = json.loads(line)
            if "tell" in order:
                print(json.dumps(self.counts), flush=True)
            else:
                self.what = order
        return bool(data)

    def run(self):
        while True:
            limit = max(0, self.waiting[0][0] - time.monotonic()) if self.waiting else None
            ready, _, _ = select.select([0, *self.devices], [], [], limit)
            if 0 in ready and not self.orders():
                return
            for source, device in enumerate(self.devices):
                if device in ready:
                    self.take(source, os.read(device, PACKET_BYTES))
            self.deliver()


def main():
    (first, left), (second, right) = side(*ADDRESSES), side(*reversed(ADDRESSES))
    print(json.dumps([f"/proc/{os.getpid()}/fd/{number}" for number in (first, second)]),
          flush=True)
    Link((left, right), sys.argv[1]).run()


if __name__ == "__main__":
    main()
