"""H.264 and HEVC whose own headers say how pictures are to be turned (SEI display orientation), and no container."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import av

_PAYLOAD = 47


def sei(codec: str, *, degrees: int = 0, flip: str = "") -> bytes:
    """The NAL unit (ITU-T H.264 D.1.27, H.265 D.2.17): turned anticlockwise by that, flipped "h" and/or "v" before."""
    bits = f"0{int('h' in flip)}{int('v' in flip)}{degrees * 65536 // 360:016b}"
    # It holds until the next sequence. H.264: a repetition period of 1, ue(v), and no extension.
    bits += "0100" if codec == "h264" else "1"
    bits += "1" + "0" * (-(len(bits) + 1) % 8)
    payload = int(bits, 2).to_bytes(len(bits) // 8, "big")
    header = b"\x06" if codec == "h264" else b"\x4e\x01"
    unit = bytes([_PAYLOAD, len(payload)]) + payload + b"\x80"
    for low in range(4):  # so that no start code arises
        unit = unit.replace(bytes([0, 0, low]), bytes([0, 0, 3, low]))
    return header + unit


def insert(source: Path, target: Path, unit: bytes, *, at: Collection[int] | None = None) -> Path:
    """`source`, an MP4, with the unit at the front of the packets with these numbers; None: of all key packets."""
    with av.open(str(source)) as read, av.open(str(target), "w") as written:
        stream = read.streams.video[0]
        copied = written.add_stream_from_template(stream)
        for number, packet in enumerate(read.demux(stream)):
            if not packet.size:
                continue
            has_it = packet.is_keyframe if at is None else number in at
            new = av.Packet((len(unit).to_bytes(4, "big") + unit if has_it else b"") + bytes(packet))
            new.pts, new.dts, new.time_base, new.is_keyframe = (
                packet.pts,
                packet.dts,
                packet.time_base,
                packet.is_keyframe,
            )
            new.duration, new.stream = packet.duration, copied
            written.mux(new)
    return target
