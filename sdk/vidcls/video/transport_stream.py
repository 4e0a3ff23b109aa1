"""The tables of an MPEG transport stream -> how many video streams it lists."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

# Alone, with a time before each (.m2ts), with a checksum after each.
_PACKET_BYTES = (188, 192, 204)
_SYNC = 0x47
# So many in a row are no chance.
_SYNCS = 5
# FFmpeg looks for the tables as far as that.
_PROBE_BYTES = 5_000_000
_BLOCK_BYTES = 1 << 16

# ISO 13818-1 and what else FFmpeg decodes: MPEG-1, 2 and 4, H.264, MVC, JPEG 2000, HEVC, VVC, AVS, Dirac, AVS2, AVS3,
# VC-1.
_VIDEO_TYPES = frozenset([0x01, 0x02, 0x10, 0x1B, 0x20, 0x21, 0x24, 0x33, 0x42, 0xD1, 0xD2, 0xD4, 0xEA])
_PRIVATE = 0x06
_REGISTRATION = 0x05
_VIDEO_REGISTRATIONS = frozenset([b"AV01", b"HEVC", b"drac", b"VC-1"])


def count_video_streams(file: BinaryIO) -> int | None:
    """How many video streams the first tables list, in all programs; None where it is no transport stream."""
    layout = _layout(file)
    if layout is None:
        return None
    table_pids: set[int] | None = None
    streams: dict[int, set[int]] = {}
    sections: dict[int, bytes] = {}
    for packet in _packets(file, *layout):
        pid = int.from_bytes(packet[1:3], "big") & 0x1FFF
        if pid != 0 and (table_pids is None or pid not in table_pids or pid in streams):
            continue
        section = _add(sections, pid, packet)
        if section is None:
            continue
        if pid == 0 and table_pids is None and section[0] == 0:
            table_pids = _program_tables(section)
        elif pid != 0 and section[0] == 2:
            streams[pid] = _video_pids(section)
        if table_pids is not None and len(streams) == len(table_pids):
            break
    return len(set().union(*streams.values())) if streams else None


def _layout(file: BinaryIO) -> tuple[int, int] | None:
    """(bytes a packet, where the first one is)."""
    file.seek(0)
    head = file.read(_BLOCK_BYTES)
    for size in _PACKET_BYTES:
        for start in range(size):
            if head[start::size][:_SYNCS] == bytes([_SYNC]) * _SYNCS:
                return size, start
    return None


def _packets(file: BinaryIO, size: int, start: int) -> Iterator[bytes]:
    file.seek(start)
    per_block = _BLOCK_BYTES // size
    for _ in range(_PROBE_BYTES // _BLOCK_BYTES):
        block = file.read(per_block * size)
        for place in range(0, len(block) - 187, size):
            if block[place] != _SYNC:
                return  # what comes after a gap could be anything
            yield block[place : place + 188]
        if len(block) < per_block * size:
            return


def _add(sections: dict[int, bytes], pid: int, packet: bytes) -> bytes | None:
    """Add a packet to its section; the section, once it is whole."""
    payload = packet[4:] if not packet[3] & 0x20 else packet[5 + packet[4] :]
    if not packet[3] & 0x10 or not payload:
        return None
    if packet[1] & 0x40:  # a section begins in it
        sections[pid] = payload[1 + payload[0] :]
    elif pid in sections:
        sections[pid] += payload
    section = sections.get(pid, b"")
    length = 3 + (int.from_bytes(section[1:3], "big") & 0xFFF)
    return section[:length] if 12 <= length <= len(section) else None


def _program_tables(section: bytes) -> set[int]:
    entries = (section[place : place + 4] for place in range(8, len(section) - 7, 4))
    return {int.from_bytes(entry[2:], "big") & 0x1FFF for entry in entries if entry[:2] != b"\0\0"}


def _video_pids(section: bytes) -> set[int]:
    found = set()
    place = 12 + (int.from_bytes(section[10:12], "big") & 0xFFF)
    while place + 5 <= len(section) - 4:
        length = int.from_bytes(section[place + 3 : place + 5], "big") & 0xFFF
        descriptors = section[place + 5 : place + 5 + length]
        kind = section[place]
        if kind in _VIDEO_TYPES or (kind == _PRIVATE and _registration(descriptors) in _VIDEO_REGISTRATIONS):
            found.add(int.from_bytes(section[place + 1 : place + 3], "big") & 0x1FFF)
        place += 5 + length
    return found


def _registration(descriptors: bytes) -> bytes:
    while len(descriptors) >= 2:
        if descriptors[0] == _REGISTRATION:
            return descriptors[2:6]
        descriptors = descriptors[2 + descriptors[1] :]
    return b""
