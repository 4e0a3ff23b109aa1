"""What is in compressed packets: which hold a frame that is shown, and whether they are whole. Nothing is decoded.

Packets are PyAV's: they have `size`, `is_corrupt` and their bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

# What a frame begins with in MPEG-4 part 2 (ISO/IEC 14496-2, vop_start_code).
MPEG4_FRAME = b"\x00\x00\x01\xb6"
# A frame that only says that nothing changed (vop_coded is 0) takes no more: its start, type and time.
_MPEG4_EMPTY_BYTES = 8
# show_frame in the first byte of a VP8 frame (RFC 6386, 9.1).
_VP8_SHOWN = 0x10


def shown_packets(packets: Sequence[Any], codec: str) -> Sequence[Any] | None:
    """Those of all packets of a video that one frame each comes out of; None where it does not show.

    Args:
        packets: all, in file order.
        codec: FFmpeg's name of it.
    """
    if codec == "vp8":
        return [packet for packet in packets if bytes(packet)[0] & _VP8_SHOWN]
    if codec == "mpeg4":
        return _shown_mpeg4(packets)
    return None if codec.startswith("msmpeg4") else packets


def _shown_mpeg4(packets: Sequence[Any]) -> Sequence[Any] | None:
    frames = [bytes(packet).count(MPEG4_FRAME) for packet in packets]
    empty = [packet.size <= _MPEG4_EMPTY_BYTES for packet in packets]
    if all(count == 1 for count in frames):
        return [packet for packet, is_empty in zip(packets, empty, strict=True) if not is_empty]
    # Where a packet holds two frames, an empty one follows in place of the second, but for the last one of all: then
    # one frame does not come out.
    return packets if sum(frames) - sum(empty) - len(packets) in (0, 1) else None


def are_whole(packets: Sequence[Any], codec: str, extradata: bytes) -> bool:
    """Whether packets are put together as their codec has it: damage that decoders stop at leaves its marks there.

    Args:
        packets: in file order.
        codec: FFmpeg's name of it.
        extradata: what the container says of the codec.
    """
    if any(packet.is_corrupt for packet in packets):
        return False
    check = _check_of(codec, extradata)
    return all(check(memoryview(packet)) for packet in packets)


def _check_of(codec: str, extradata: bytes) -> Callable[[memoryview], bool]:
    if codec in ("h264", "hevc") and extradata[:1] == b"\x01":
        # ISO/IEC 14496-15: how many bytes state the length of each unit.
        size = (extradata[4 if codec == "h264" else 21] & 3) + 1
        return lambda packet: _is_chain(packet, size)
    if codec in ("h264", "hevc", "mpeg4", "mpeg1video", "mpeg2video"):
        return lambda packet: bytes(packet[:3]) == b"\x00\x00\x01" or bytes(packet[:4]) == b"\x00\x00\x00\x01"
    return lambda packet: any(packet[:16])


def _is_chain(packet: memoryview, size: int) -> bool:
    """Whether a packet is units that follow each other, each behind its length in `size` bytes."""
    position = 0
    while position + size < len(packet):
        length = int.from_bytes(packet[position : position + size], "big")
        if length == 0:
            return False
        position += size + length
    return position == len(packet)
