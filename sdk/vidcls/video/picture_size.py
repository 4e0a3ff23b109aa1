"""A packet -> the size of the pictures in it, as its codec's own headers have it. No I/O.

Which codec it is shows in how packets begin: the names that containers and OpenCV's versions give it are many.
"""

from __future__ import annotations

from collections.abc import Iterator

from vidcls.video.bits import Bits, HeaderError
from vidcls.video.parameter_sets import Size, h264_size, hevc_size

# Headers stand at the front; so much of a packet is read for them. JPEG may have a thumbnail and a colour profile.
HEADER_BYTES = 1 << 16

_START = b"\0\0\1"
# JPEG's frame headers; 0xC4, 0xC8 and 0xCC are others.
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# Start codes of MPEG-1 and -2, and of MPEG-4 part 2, where 0xB3 is a group of VOPs and has so many bytes in all.
_SEQUENCE, _EXTENSION = 0xB3, 0xB5
_VISUAL_SEQUENCE, _VISUAL_OBJECT, _VOP = 0xB0, 0xB5, 0xB6
_GROUP_OF_VOPS_BYTES = 7
# NAL unit headers of HEVC that a key packet begins with: VPS, SPS, PPS, delimiter, SEI, of the lowest layer.
_HEVC_BEGINNINGS = (b"\x40\x01", b"\x42\x01", b"\x44\x01", b"\x46\x01", b"\x4e\x01")
_VP8, _VP9 = b"\x9d\x01\x2a", 0x498342
# Flash video's kind of H.263, the version that states its own size; 1 is the start code's last bit.
_SORENSON, _SORENSON_VERSION = b"\0\0", 0b1_00001
_SORENSON_SIZES = {2: (352, 288), 3: (176, 144), 4: (128, 96), 5: (320, 240), 6: (160, 120)}
_AV1_DELIMITER, _AV1_SEQUENCE, _AV1_SIZED = 2, 1, 2


class PictureSizes:
    """Notices that the packets of one video do not all state one size.

    is_begun: whether the first packet was given.
    in_all_packets: whether the size may change at any packet, not at key frames alone.
    """

    def __init__(self) -> None:
        self.is_begun = self.in_all_packets = False
        self._first: Size | None = None

    def are_different(self, packet: bytes, *, header: bytes) -> bool:
        """Whether this packet states another size than the first one that did.

        Args:
            packet: one with a key frame, or any where `in_all_packets`.
            header: what the container keeps beside the packets; it counts where the first packet does not say.
        """
        self.is_begun = True
        if is_vp9_key_frame(packet):
            self.in_all_packets = True
        size = size_of_inter_frame(packet) if self.in_all_packets else size_of_pictures(packet)
        self._first = self._first or size or size_of_pictures(header)
        return size is not None and size != self._first


def size_of_pictures(packet: bytes) -> Size | None:
    """(width, height) in pixels that a packet states for its pictures; None where it states none.

    Reads H.264, HEVC, MPEG-1, -2 and -4 part 2, Motion JPEG, VP8, VP9, AV1 and FLV1. Never raises, whatever the bytes are.

    Args:
        packet: H.264 and HEVC in Annex B; the first HEADER_BYTES do.
    """
    packet = packet[:HEADER_BYTES]
    try:
        if packet.startswith(b"\xff\xd8\xff"):
            return _jpeg(packet)
        if packet.startswith((_START, b"\0" + _START)):
            return _of_start_codes(packet)
        if packet.startswith(_SORENSON) and packet[2] >> 2 == _SORENSON_VERSION:
            return _sorenson(Bits(packet[:16]))
        if packet[3:6] == _VP8:
            return _vp8(packet)
        if is_vp9_key_frame(packet):
            return _vp9(packet)
        return _av1(packet)
    except (HeaderError, IndexError):
        return None


def size_of_inter_frame(packet: bytes) -> Size | None:
    """(width, height) that a VP9 packet without a key frame states; None where they are those of frames before it."""
    try:
        return _vp9(packet[:64])
    except HeaderError:
        return None


def is_vp9_key_frame(packet: bytes) -> bool:
    """Whether a packet begins like a key frame of VP9, whose size may change at any later frame."""
    bits = int.from_bytes(packet[:5].ljust(5, b"\0"))
    first = bits >> 32
    if first >> 4 == 0b1011:  # profile 3 has one bit more
        return not first & 0b0110 and bits >> 7 & 0xFFFFFF == _VP9
    return first >> 6 == 0b10 and not first & 0b1100 and bits >> 8 & 0xFFFFFF == _VP9


def _units(packet: bytes) -> Iterator[bytes]:
    """What stands between start codes, each beginning with its kind."""
    start = packet.find(_START)
    while start >= 0:
        end = packet.find(_START, start + 3)
        unit = packet[start + 3 : end] if end >= 0 else packet[start + 3 :]
        if unit:
            yield unit
        start = end


def _of_start_codes(packet: bytes) -> Size | None:
    start = packet.find(_START) + 3
    kind = packet[start]
    if kind < 0x20 and packet[start + 1 : start + 4] == _START and packet[start + 4] >> 4 == 2:
        return _mpeg4(packet)  # a video object, and its layer right after it
    if kind == _SEQUENCE and packet[start - 3 + _GROUP_OF_VOPS_BYTES :][:3] != _START:
        return _mpeg2(packet)
    if kind in (_VISUAL_SEQUENCE, _VISUAL_OBJECT, _SEQUENCE):
        return _mpeg4(packet)
    if kind >= 0x80:
        return None
    if packet[start : start + 2] in _HEVC_BEGINNINGS:
        return hevc_size(_units(packet))
    return h264_size(_units(packet))


def _mpeg2(packet: bytes) -> Size:
    """Sequence header and extension (ISO/IEC 13818-2, 6.2.2.1 and 6.2.2.3); MPEG-1 has no extension."""
    units = _units(packet)
    bits = Bits(next(units)[1:])
    width, height = bits.read(12), bits.read(12)
    extension = next(units, b"")
    if extension[:1] == bytes([_EXTENSION]) and extension[1] >> 4 == 1:
        bits = Bits(extension[1:])
        bits.read(4 + 8 + 1 + 2)  # which extension, profile and level, progressive, colours
        width, height = width | bits.read(2) << 12, height | bits.read(2) << 12
    return width, height


def _mpeg4(packet: bytes) -> Size | None:
    """Video object layer (ISO/IEC 14496-2, 6.2.3)."""
    for unit in _units(packet):
        if unit[0] == _VOP:
            return None
        if unit[0] >> 4 == 2:
            return _mpeg4_layer(Bits(unit[1:]))
    return None


def _mpeg4_layer(bits: Bits) -> Size | None:
    bits.read(9)  # random_accessible_vol, video_object_type_indication
    version = 1
    if bits.read(1):
        version = bits.read(4)
        bits.read(3)
    if bits.read(4) == 15:  # pixels of a proportion of their own
        bits.read(16)
    if bits.read(1):  # vol_control_parameters
        bits.read(3)
        if bits.read(1):  # vbv_parameters
            bits.read(79)
    shape = bits.read(2)
    if shape == 3 and version != 1:
        bits.read(4)
    bits.read(1)
    resolution = bits.read(16)
    bits.read(1)
    if bits.read(1):  # fixed_vop_rate
        bits.read(max(1, (resolution - 1).bit_length()))
    if shape != 0:
        return None
    bits.read(1)
    width = bits.read(13)
    bits.read(1)
    return width, bits.read(13)


def _jpeg(packet: bytes) -> Size | None:
    """The first frame header, after whatever tables and comments there are (ISO/IEC 10918-1, B.2.2)."""
    place = 2
    while packet[place] == 0xFF:
        marker = packet[place + 1]
        if marker == 0xFF:  # padding
            place += 1
            continue
        if marker in _JPEG_FRAMES:
            bits = Bits(packet[place + 5 : place + 9])
            height = bits.read(16)
            return bits.read(16), height
        place += 2 + int.from_bytes(packet[place + 2 : place + 4])
    return None


def _sorenson(bits: Bits) -> Size | None:
    bits.read(22 + 8)  # start code and version, time
    kind = bits.read(3)
    if kind > 1:
        return _SORENSON_SIZES.get(kind)
    return bits.read(8 * (kind + 1)), bits.read(8 * (kind + 1))


def _vp8(packet: bytes) -> Size | None:
    """The uncompressed part of a key frame (RFC 6386, 9.1)."""
    if packet[0] & 1 or len(packet) < 10:
        return None
    width, height = int.from_bytes(packet[6:8], "little"), int.from_bytes(packet[8:10], "little")
    return width & 0x3FFF, height & 0x3FFF


def _vp9(packet: bytes) -> Size | None:
    """The uncompressed header (VP9 bitstream specification, 6.2), up to the size of the frame."""
    bits = Bits(packet)
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


def _av1(packet: bytes) -> Size | None:
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
