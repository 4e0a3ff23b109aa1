"""Containers taken apart and put together by their bytes, where no muxer writes what tests need."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

TS_PACKET = 188


def box(kind: bytes, *parts: bytes) -> bytes:
    """An ISO box (MP4) of that kind."""
    content = b"".join(parts)
    return struct.pack(">I4s", 8 + len(content), kind) + content


def boxes(content: bytes, start: int = 0, end: int | None = None) -> Iterator[tuple[bytes, int, int]]:
    """(kind, first byte, byte after the last) of every box between two places."""
    stop = len(content) if end is None else end
    while start + 8 <= stop:
        size, kind = struct.unpack_from(">I4s", content, start)
        yield kind, start, start + size
        start += size


def find_boxes(content: bytes, *path: bytes) -> list[tuple[int, int]]:
    """(first byte, byte after the last) of the box `path` leads to and of all it lies in, outermost first.

    Of several of a kind the first that has the rest of the path in it.
    """
    spans = _find(content, path, 0, len(content))
    assert spans is not None, path
    return spans


def _find(content: bytes, path: Sequence[bytes], start: int, end: int) -> list[tuple[int, int]] | None:
    if not path:
        return []
    for kind, first, last in boxes(content, start, end):
        inner = _find(content, path[1:], first + 8, last) if kind == path[0] else None
        if inner is not None:
            return [(first, last), *inner]
    return None


def replace_bytes(content: bytes, parents: Sequence[tuple[int, int]], start: int, end: int, new: bytes) -> bytes:
    """The file with other bytes from `start` to `end`, and boxes around them that have grown with them.

    Whatever `stco` says of bytes behind them is wrong then: for an .mp4 whose `moov` comes last.
    """
    grown = bytearray(content)
    for first, last in parents:
        struct.pack_into(">I", grown, first, last - first + len(new) - (end - start))
    return bytes(grown[:start]) + new + bytes(grown[end:])


def edit_list(path: Path, edits: Sequence[tuple[int, int]]) -> None:
    """Let players show only these stretches of an .mp4, one after the other.

    Args:
        edits: (first tick, ticks) of each by the track's clock; the file's clock ticks 1000 times a second.
    """
    content = path.read_bytes()
    *parents, (start, end) = find_boxes(content, b"moov", b"trak", b"edts", b"elst")
    (_, mdhd) = find_boxes(content, b"moov", b"trak", b"mdia", b"mdhd")[2:4]
    clock = struct.unpack_from(">I", content, mdhd[0] + 20)[0]
    entries = [struct.pack(">IIHH", ticks * 1000 // clock, first, 1, 0) for first, ticks in edits]
    new = box(b"elst", struct.pack(">II", 0, len(entries)), *entries)
    path.write_bytes(replace_bytes(content, parents, start, end, new))


def first_composition(path: Path) -> tuple[int, int]:
    """(tick at which an .mp4's first frame is shown, ticks a second), as its edit list and `mdhd` say."""
    content = path.read_bytes()
    elst = find_boxes(content, b"moov", b"trak", b"edts", b"elst")[-1][0]
    mdhd = find_boxes(content, b"moov", b"trak", b"mdia", b"mdhd")[-1][0]
    return struct.unpack_from(">I", content, elst + 20)[0], struct.unpack_from(">I", content, mdhd + 20)[0]


def cover_box(picture: bytes) -> bytes:
    """The `udta` box in which an .m4a keeps the JPEG picture of its cover."""
    handler = box(b"hdlr", bytes(8), b"mdirappl", bytes(10))
    data = box(b"data", struct.pack(">II", 13, 0), picture)
    return box(b"udta", box(b"meta", bytes(4), handler, box(b"ilst", box(b"covr", data))))


def put_in_moov(path: Path, new: bytes, *, before: bytes) -> None:
    """Add a box to an .mp4 whose `moov` comes last, before the first of the kind `before`."""
    content = path.read_bytes()
    (moov, child) = find_boxes(content, b"moov", before)
    path.write_bytes(replace_bytes(content, [moov], child[0], child[0], new))


def set_durations(content: bytes, duration: int) -> bytes:
    """An .mp4 whose `mvhd`, `tkhd` and `mdhd` state `duration`, in ticks of the respective clock."""
    changed = bytearray(content)
    for path, offset in (([b"mvhd"], 24), ([b"trak", b"tkhd"], 28), ([b"trak", b"mdia", b"mdhd"], 24)):
        start = find_boxes(content, b"moov", *path)[-1][0]
        assert content[start + 8] == 0, "version 1"
        struct.pack_into(">I", changed, start + offset, duration)
    return bytes(changed)


def ts_packets(content: bytes) -> list[bytes]:
    """The packets of an MPEG transport stream."""
    return [content[start : start + TS_PACKET] for start in range(0, len(content), TS_PACKET)]


def ts_pid(packet: bytes) -> int:
    """Which stream a packet belongs to: 0 for the table of programs."""
    return int.from_bytes(packet[1:3], "big") & 0x1FFF


def program_table(programs: dict[int, int]) -> bytes:
    """The packet that lists the programs of a transport stream: {number: pid of its own table}."""
    section = struct.pack(">HBBB", 1, 0xC1, 0, 0)
    section += b"".join(struct.pack(">HH", number, 0xE000 | pid) for number, pid in programs.items())
    section = struct.pack(">BH", 0, 0xB000 | len(section) + 4) + section
    packet = b"\x47\x40\x00\x10\x00" + section + struct.pack(">I", _mpeg_crc(section))
    return packet.ljust(TS_PACKET, b"\xff")


def _mpeg_crc(content: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in content:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ (0x04C11DB7 if crc & 0x80000000 else 0)) & 0xFFFFFFFF
    return crc
