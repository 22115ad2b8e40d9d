"""Messages of proto/ in bytes, for the scripts that write seeds. Each field is (number, value): a
number as a varint, bytes and text with their length, `fixed` and `signed` as they say."""
import struct
import sys

sys.dont_write_bytecode = True


def varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(out + bytes([number]))


class fixed(int):
    """A number in 8 bytes."""


class fixed32(int):
    """A number in 4 bytes."""


def signed(number):
    return number << 1 if number >= 0 else ~number << 1 | 1


def packed(*numbers):
    return b"".join(struct.pack("<Q", number) if isinstance(number, fixed) else varint(number)
                    for number in numbers)


def message(*fields):
    out = b""
    for number, value in fields:
        if isinstance(value, fixed):
            out += varint(number << 3 | 1) + struct.pack("<Q", value)
        elif isinstance(value, fixed32):
            out += varint(number << 3 | 5) + struct.pack("<I", value)
        elif isinstance(value, int):
            out += varint(number << 3) + varint(value)
        else:
            content = value.encode() if isinstance(value, str) else value
            out += varint(number << 3 | 2) + varint(len(content)) + content
    return out


# Records, completions and manifests as an agent writes them.
WINDOW = [(4, 1_800_000_000), (5, 10)]


def header(sequence, manifest=7):
    return [(1, fixed(77)), (2, sequence), (3, fixed(manifest))] + WINDOW


SCENARIO = [(11, 1), (12, packed(40)), (13, packed(2)), (14, packed(1)), (31, packed(signed(3))),
            (37, packed(signed(2)))]
RECORDS = {
    "quiet": header(1) + [(7, packed(5_000_000)), (9, 800), (10, packed(300)), (11, 1), (15, 90)],
    "busy": header(2) + SCENARIO + [
        (7, packed(5_000_000, 900)), (22, packed(1, 2)), (23, packed(0, 1)), (24, signed(-900)),
        (8, packed(1, 2, 3, 4, 5, 4_999_985)), (9, 800), (10, packed(300)), (15, 90), (16, 46),
        (35, message((1, 2), (3, 4), (16, 1))), (17, 30)],
    "rules": header(3) + SCENARIO + [
        (7, packed(7)), (10, packed(300)), (41, packed(0, 1)), (42, packed(6, 40)), (15, 9)],
    "untold": header(7) + SCENARIO + [(10, packed(300)), (15, 9), (43, 1)],
    "services": header(4) + SCENARIO + [
        (7, packed(7)), (10, packed(300, 0)), (28, packed(0, 2)), (32, packed(40, 50)),
        (34, packed(40, 2)), (33, packed(0, 1)), (18, packed(1, 0)), (36, 5)],
    "unknown": header(5) + [(7, packed(0)), (22, packed(4)), (23, packed(3)), (25, 3), (27, 2),
                            (21, 0x80), (36, 900), (19, 500), (20, 9), (6, signed(-4))],
    "carried": header(6) + [(7, packed(9)), (38, 4), (39, 1_000), (8, packed(0, 0, 0, 0, 13)),
                            (26, 5), (24, signed(4))],
}
COMPLETIONS = {
    "one": header(8) + [(50, 1), (52, packed(fixed(1 << 60)))],
    "more": header(9) + [(50, 1), (51, packed(0, 1, 1)), (53, packed(1, 2, 900)),
                         (52, packed(fixed(1), fixed(2), fixed(1 << 63)))],
}
TEXTS = [(1, "cq-a-loan-07"), (2, "host"), (3, "00112233-4455-6677-8899-aabbccddeeff"), (4, "1.0"),
         (6, 10_000_000_000), (12, "ab" * 32), (13, 1)]
ZONE = message((1, "intel-rapl"), (2, "package-0"), (4, 1), (5, 1), (6, 1))
MANIFESTS = {
    "plain": TEXTS + [(7, 1), (8, 2), (9, ZONE), (10, message((1, "loan"), (2, packed(8080)))),
                      (11, "apply")],
    "rules": TEXTS + [(5, 1), (9, ZONE), (11, "apply"), (18, message((2, "a"))),
                      (18, message((2, "b"))), (14, 40_000), (15, 9), (16, 39_000), (17, 41_000),
                      (19, message((1, 1), (2, 1)))],
    "fleet": TEXTS + [(11, "apply"), (11, "pay"), (18, message((3, 5))),
                      (18, message((1, 1), (2, "b"))), (19, message((2, 2))), (19, message()),
                      (20, fixed(99))],
}
