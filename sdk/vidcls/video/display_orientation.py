"""A packet -> whether its own headers say that its pictures are to be turned or mirrored, as no container says. No I/O.

H.264 and HEVC have it in a message of their supplemental enhancement information (ITU-T H.264 D.1.27, H.265 D.2.17).
"""

from __future__ import annotations

from collections.abc import Iterator

from vidcls.video.bits import Bits, HeaderError
from vidcls.video.parameter_sets import START_CODE
from vidcls.video.picture_size import HEADER_BYTES, HEVC_BEGINNINGS, start_code_units

_DISPLAY_ORIENTATION = 47
# What a NAL unit with such information begins with, and what a key packet of H.264 begins with: a slice, information,
# parameter sets or a delimiter.
_H264_INFORMATION, _HEVC_INFORMATION = b"\x06", b"\x4e\x01"
_H264_BEGINNINGS = frozenset([5, 6, 7, 8, 9])


def is_turned_by_headers(packet: bytes) -> bool:
    """Whether a packet's own headers turn or mirror its pictures. Never raises.

    Args:
        packet: with a key frame, H.264 and HEVC in Annex B; its first HEADER_BYTES do.
    """
    if not packet.startswith((START_CODE, b"\0" + START_CODE)):
        return False
    units = start_code_units(packet[:HEADER_BYTES])
    first = next(units, b"")
    information = _information_of(first)
    if information is None:
        return False
    try:
        return any(
            _turns(content)
            for unit in (first, *units)
            if unit.startswith(information)
            for kind, content in _messages(unit[len(information) :].replace(b"\0\0\3", b"\0\0"))
            if kind == _DISPLAY_ORIENTATION
        )
    except HeaderError:
        return False


def _information_of(first: bytes) -> bytes | None:
    """What units with such information begin with, where this is the first one; None of other codecs."""
    if first[:2] in HEVC_BEGINNINGS:
        return _HEVC_INFORMATION
    return _H264_INFORMATION if first and first[0] < 0x80 and first[0] & 0x1F in _H264_BEGINNINGS else None


def _messages(information: bytes) -> Iterator[tuple[int, bytes]]:
    """(payload type, content) of each message (H.264 7.3.2.3.1, H.265 7.3.5); a last byte closes them."""
    bits = Bits(information)
    place = 0
    while place + 2 < len(information):
        kind, length = _number(bits), _number(bits)
        place += 2 + kind // 255 + length // 255
        yield kind, information[place : place + length]
        bits.read(8 * length)
        place += length


def _number(bits: Bits) -> int:
    """As many bytes of 255 as it takes, and the rest."""
    number = 0
    while (byte := bits.read(8)) == 255:
        number += 255
    return number + byte


def _turns(content: bytes) -> bool:
    """Whether it flips or turns: what was said before is cancelled, or two flips and 16 bits of a turn follow."""
    bits = Bits(content)
    return not bits.read(1) and bits.read(2 + 16) != 0
