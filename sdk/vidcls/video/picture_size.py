"""A packet -> the size of the pictures in it, as its codec's own headers have it. No I/O.

Which codec it is shows in how packets begin: the names that containers and OpenCV's versions give it are many. Only
AV1 goes by its name.
"""

from __future__ import annotations

from collections.abc import Iterator

from vidcls.video.bits import Bits, HeaderError
from vidcls.video.parameter_sets import START_CODE, Size, h264_size, hevc_size
from vidcls.video.vpx_headers import av1_size, is_vp8_key_frame, is_vp9_key_frame, vp8_size, vp9_size

# Headers stand at the front; so much of a packet is read for them. JPEG may have a thumbnail and a colour profile.
HEADER_BYTES = 1 << 16

# JPEG's frame headers; 0xC4, 0xC8 and 0xCC are others.
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# Start codes of MPEG-1 and -2, and of MPEG-4 part 2, where 0xB3 is a group of VOPs and has so many bytes in all.
_SEQUENCE, _EXTENSION = 0xB3, 0xB5
_VISUAL_SEQUENCE, _VISUAL_OBJECT, _VOP = 0xB0, 0xB5, 0xB6
_GROUP_OF_VOPS_BYTES = 7
# NAL unit headers of HEVC that a key packet begins with: VPS, SPS, PPS, delimiter, SEI, of the lowest layer.
HEVC_BEGINNINGS = (b"\x40\x01", b"\x42\x01", b"\x44\x01", b"\x46\x01", b"\x4e\x01")

# Flash video's kind of H.263, the version that states its own size; 1 is the start code's last bit.
_SORENSON, _SORENSON_VERSION = b"\0\0", 0b1_00001
_SORENSON_SIZES = {2: (352, 288), 3: (176, 144), 4: (128, 96), 5: (320, 240), 6: (160, 120)}
_AV1_NAMES = ("av01", "av1")


class PictureSizes:
    """Notices that the packets of one video do not all state one size.

    Args:
        codec: its name, as OpenCV spells it; only AV1 has to be told apart by it.

    is_begun: whether the first packet was given.
    in_all_packets: whether the size may change at any packet, not at key frames alone.
    """

    def __init__(self, codec: str) -> None:
        self._size_of = size_of_av1_pictures if codec.lower() in _AV1_NAMES else size_of_pictures
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
        size = _vp9(packet) if self.in_all_packets else self._size_of(packet)
        self._first = self._first or size or self._size_of(header)
        return size is not None and size != self._first


def size_of_pictures(packet: bytes) -> Size | None:
    """(width, height) in pixels that a packet states for its pictures; None where it states none.

    Reads H.264, HEVC, MPEG-1, -2 and -4 part 2, Motion JPEG, VP8, VP9 and FLV1. Never raises.

    Args:
        packet: H.264 and HEVC in Annex B; the first HEADER_BYTES do.
    """
    packet = packet[:HEADER_BYTES]
    try:
        if packet.startswith(b"\xff\xd8\xff"):
            return _jpeg(packet)
        if packet.startswith((START_CODE, b"\0" + START_CODE)):
            return _of_start_codes(packet)
        if packet.startswith(_SORENSON) and packet[2] >> 2 == _SORENSON_VERSION:
            return _sorenson(Bits(packet[:16]))
        if is_vp8_key_frame(packet):
            return vp8_size(packet)
        return vp9_size(packet) if is_vp9_key_frame(packet) else None
    except (HeaderError, IndexError):
        return None


def size_of_av1_pictures(packet: bytes) -> Size | None:
    """As `size_of_pictures`, of AV1, whose packets have no beginning that others could not have too."""
    try:
        return av1_size(packet)
    except (HeaderError, IndexError):
        return None


def _vp9(packet: bytes) -> Size | None:
    try:
        return vp9_size(packet)
    except HeaderError:
        return None


def start_code_units(packet: bytes) -> Iterator[bytes]:
    """What stands between start codes, each beginning with its kind."""
    start = packet.find(START_CODE)
    while start >= 0:
        end = packet.find(START_CODE, start + 3)
        unit = packet[start + 3 : end] if end >= 0 else packet[start + 3 :]
        if unit:
            yield unit
        start = end


def _of_start_codes(packet: bytes) -> Size | None:
    start = packet.find(START_CODE) + 3
    kind = packet[start]
    if kind < 0x20 and packet[start + 1 : start + 4] == START_CODE and packet[start + 4] >> 4 == 2:
        return _mpeg4(packet)  # a video object, and its layer right after it
    if kind == _SEQUENCE and packet[start - 3 + _GROUP_OF_VOPS_BYTES :][:3] != START_CODE:
        return _mpeg2(packet)
    if kind in (_VISUAL_SEQUENCE, _VISUAL_OBJECT, _SEQUENCE):
        return _mpeg4(packet)
    if kind >= 0x80:
        return None
    if packet[start : start + 2] in HEVC_BEGINNINGS:
        return hevc_size(packet)
    return h264_size(packet)


def _mpeg2(packet: bytes) -> Size:
    """Sequence header and extension (ISO/IEC 13818-2, 6.2.2.1 and 6.2.2.3); MPEG-1 has no extension."""
    units = start_code_units(packet)
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
    for unit in start_code_units(packet):
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
        place += 2 + int.from_bytes(packet[place + 2 : place + 4], "big")
    return None


def _sorenson(bits: Bits) -> Size | None:
    bits.read(22 + 8)  # start code and version, time
    kind = bits.read(3)
    if kind > 1:
        return _SORENSON_SIZES.get(kind)
    return bits.read(8 * (kind + 1)), bits.read(8 * (kind + 1))
