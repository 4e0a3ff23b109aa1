"""VP8's, VP9's and AV1's headers -> the size of the pictures. No I/O."""

from __future__ import annotations

from vidcls.video.bits import Bits
from vidcls.video.parameter_sets import Size

_VP8_CODE, _VP9_CODE = b"\x9d\x01\x2a", 0x498342
# Of a frame's header so much is read.
_HEADER_BYTES = 32
# How most frames of VP9 begin: profile 0, predicted, shown; then the bit that says: as large as the first reference.
_USUAL_BEGINNING, _LIKE_REFERENCE = 0x86, 0x02
_AV1_DELIMITER, _AV1_SEQUENCE, _AV1_SIZED = 2, 1, 2


def is_vp8_key_frame(packet: bytes) -> bool:
    """Whether a packet begins like a key frame of VP8."""
    return packet[3:6] == _VP8_CODE and not packet[0] & 1


def is_vp9_key_frame(packet: bytes) -> bool:
    """Whether a packet begins like a key frame of VP9, whose size may change at any later frame."""
    bits = int.from_bytes(packet[:5].ljust(5, b"\0"), "big")
    first = bits >> 32
    if first >> 4 == 0b1011:  # profile 3 has one bit more
        return not first & 0b0110 and bits >> 7 & 0xFFFFFF == _VP9_CODE
    return first >> 6 == 0b10 and not first & 0b1100 and bits >> 8 & 0xFFFFFF == _VP9_CODE


def vp8_size(packet: bytes) -> Size | None:
    """The uncompressed part of a key frame (RFC 6386, 9.1)."""
    if len(packet) < 10:
        return None
    width, height = int.from_bytes(packet[6:8], "little"), int.from_bytes(packet[8:10], "little")
    return width & 0x3FFF, height & 0x3FFF


def vp9_size(packet: bytes) -> Size | None:
    """The uncompressed header (VP9 bitstream specification, 6.2), up to the size; None where a reference has it."""
    if len(packet) > 3 and packet[0] == _USUAL_BEGINNING and packet[3] & _LIKE_REFERENCE:
        return None
    bits = Bits(packet[:_HEADER_BYTES])
    if bits.read(2) != 2:
        return None
    profile = bits.read(1) + 2 * bits.read(1)
    if profile == 3:
        bits.read(1)
    if bits.read(1):  # show_existing_frame
        return None
    is_inter = bits.read(1)
    is_shown, is_resilient = bits.read(1), bits.read(1)
    if not is_inter:
        bits.read(24)  # sync code
        _skip_vp9_colours(bits, profile)
        return _vp9_size(bits)
    is_intra = 0 if is_shown else bits.read(1)
    if not is_resilient:
        bits.read(2)
    if is_intra:
        bits.read(24)
        if profile > 0:
            _skip_vp9_colours(bits, profile)
        bits.read(8)
        return _vp9_size(bits)
    bits.read(8 + 3 * 4)  # which frames are refreshed and referred to
    if any(bits.read(1) for _ in range(3)):  # as large as one of these
        return None
    return _vp9_size(bits)


def _skip_vp9_colours(bits: Bits, profile: int) -> None:
    if profile >= 2:
        bits.read(1)
    is_rgb = bits.read(3) == 7
    if not is_rgb:
        bits.read(1)
        bits.read(3 if profile in (1, 3) else 0)
    elif profile in (1, 3):
        bits.read(1)


def _vp9_size(bits: Bits) -> Size:
    return bits.read(16) + 1, bits.read(16) + 1


def av1_size(packet: bytes) -> Size | None:
    """The sequence header (AV1 bitstream specification, 5.3 and 5.5), which comes first but for a delimiter."""
    place = 0
    while place + 1 < len(packet):
        header = packet[place]
        kind = header >> 3 & 15
        if header & 0x81 or not header & _AV1_SIZED or kind not in (_AV1_DELIMITER, _AV1_SEQUENCE):
            return None
        place += 2 if header & 4 else 1
        size = packet[place]
        if size >= 0x80:  # a sequence header is shorter
            return None
        if kind == _AV1_SEQUENCE:
            return _av1_sequence(Bits(packet[place + 1 : place + 1 + size]))
        place += 1 + size
    return None


def _av1_sequence(bits: Bits) -> Size:
    bits.read(4)  # seq_profile, still_picture
    if bits.read(1):  # reduced_still_picture_header
        bits.read(5)
    else:
        _skip_av1_operating_points(bits)
    widths, heights = bits.read(4) + 1, bits.read(4) + 1
    return bits.read(widths) + 1, bits.read(heights) + 1


def _skip_av1_operating_points(bits: Bits) -> None:
    delay_bits = 0
    if bits.read(1):  # timing_info_present_flag
        bits.read(64)
        if bits.read(1):  # equal_picture_interval
            bits.exp_golomb()
        if bits.read(1):  # decoder_model_info_present_flag
            delay_bits = bits.read(5) + 1
            bits.read(32 + 5 + 5)
    has_delays = bits.read(1)
    for _ in range(bits.read(5) + 1):
        bits.read(12)  # operating_point_idc
        if bits.read(5) > 7:
            bits.read(1)  # seq_tier
        if delay_bits and bits.read(1):
            bits.read(2 * delay_bits + 1)
        if has_delays and bits.read(1):
            bits.read(4)
