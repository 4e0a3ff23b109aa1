"""H.264's and HEVC's parameter sets -> the size of the pictures. No I/O.

Field by field as ITU-T H.264 (7.3.2.1, 7.3.2.2, 7.3.3) and H.265 (7.3.2.2, 7.3.2.3, 7.3.6) have them, up to the last
one that is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from vidcls.video.bits import Bits, HeaderError

Size = tuple[int, int]

START_CODE = b"\0\0\1"

# Profiles of H.264 whose sequence parameter sets say more about colours.
_HIGH_PROFILES = frozenset([100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135])
# Luma samples a chroma sample is wide and high, by chroma_format_idc: grey, 4:2:0, 4:2:2, 4:4:4.
_CHROMA = ((1, 1), (2, 2), (2, 1), (1, 1))
# Of a slice only the beginning of its header is read.
_SLICE_BYTES = 32


@dataclass(frozen=True, kw_only=True)
class _Codec:
    """What a NAL unit is, by the two bytes it begins with, and how it is read."""

    kind: Callable[[bytes], int]
    header_bytes: int
    sequence: int
    picture: int
    slices: frozenset[int]
    size: Callable[[Bits], tuple[int, Size]]
    picture_set_of_slice: Callable[[Bits, int], int]


def h264_size(packet: bytes) -> Size | None:
    """(width, height) in pixels that a packet's picture is shown with; None if its parameter sets do not say.

    Args:
        packet: Annex B.
    """
    return _size(packet, _H264)


def hevc_size(packet: bytes) -> Size | None:
    """As `h264_size`, of HEVC."""
    return _size(packet, _HEVC)


def _size(packet: bytes, codec: _Codec) -> Size | None:
    sizes: dict[int, Size] = {}
    sequences: dict[int, int] = {}  # {picture parameter set: its sequence parameter set}
    start = packet.find(START_CODE)
    try:
        while start >= 0:
            start += len(START_CODE)
            kind = codec.kind(packet[start : start + 2])
            if kind in codec.slices:
                return _size_of_slice(packet[start : start + _SLICE_BYTES], sizes, sequences, codec)
            end = packet.find(START_CODE, start)
            if kind == codec.sequence:
                number, size = _sequence(packet[start:end] if end >= 0 else packet[start:], codec)
                sizes[number] = size
            elif kind == codec.picture:
                bits = _payload(packet[start : start + _SLICE_BYTES], codec)
                picture_set = bits.exp_golomb()
                sequences[picture_set] = bits.exp_golomb()
            start = end
    except HeaderError:
        return None
    return _only(sizes)


def _size_of_slice(unit: bytes, sizes: dict[int, Size], sequences: dict[int, int], codec: _Codec) -> Size | None:
    size = _only(sizes)
    if size is not None or not sizes:
        return size
    picture_set = codec.picture_set_of_slice(_payload(unit, codec), codec.kind(unit[:2]))
    return sizes.get(sequences.get(picture_set, -1))


def _only(sizes: dict[int, Size]) -> Size | None:
    return next(iter(sizes.values())) if len(set(sizes.values())) == 1 else None


# A video's key packets repeat one and the same.
@lru_cache(maxsize=16)
def _sequence(unit: bytes, codec: _Codec) -> tuple[int, Size]:
    return codec.size(_payload(unit, codec))


def _payload(unit: bytes, codec: _Codec) -> Bits:
    """Without the bytes that keep start codes from arising."""
    return Bits(unit[codec.header_bytes :].replace(b"\0\0\3", b"\0\0"))


def _h264_sequence(bits: Bits) -> tuple[int, Size]:
    profile = bits.read(8)
    bits.read(16)  # constraints, level
    number = bits.exp_golomb()
    chroma = 1
    if profile in _HIGH_PROFILES:
        chroma = _h264_colours(bits)
    bits.exp_golomb()  # log2_max_frame_num_minus4
    order = bits.exp_golomb()  # pic_order_cnt_type
    if order == 0:
        bits.exp_golomb()
    elif order == 1:
        bits.read(1)
        bits.signed_exp_golomb()
        bits.signed_exp_golomb()
        for _ in range(min(bits.exp_golomb(), 255)):
            bits.signed_exp_golomb()
    bits.exp_golomb()  # max_num_ref_frames
    bits.read(1)
    width = 16 * (bits.exp_golomb() + 1)
    height_units = bits.exp_golomb() + 1
    fields = 2 - bits.read(1)  # two where pictures may be made of half-pictures
    if fields == 2:
        bits.read(1)
    bits.read(1)  # direct_8x8_inference_flag
    wide, high = _CHROMA[chroma]
    return number, _cropped(bits, (width, 16 * height_units * fields), units=(wide, high * fields))


def _h264_colours(bits: Bits) -> int:
    """What high profiles say of colours; chroma_format_idc, 0 where colours are three pictures of their own."""
    chroma = _chroma_format(bits)
    separate = bits.read(1) if chroma == 3 else 0
    bits.exp_golomb()  # bit_depth_luma_minus8
    bits.exp_golomb()
    bits.read(1)
    if bits.read(1):  # seq_scaling_matrix_present_flag
        for number in range(12 if chroma == 3 else 8):
            if bits.read(1):
                _skip_scaling_list(bits, 16 if number < 6 else 64)
    return 0 if separate else chroma


def _skip_scaling_list(bits: Bits, size: int) -> None:
    last = 8
    for _ in range(size):
        last = (last + bits.signed_exp_golomb()) % 256
        if last == 0:
            return


def _chroma_format(bits: Bits) -> int:
    chroma = bits.exp_golomb()
    if chroma >= len(_CHROMA):
        raise HeaderError("no such chroma format")
    return chroma


def _cropped(bits: Bits, size: Size, *, units: Size) -> Size:
    """`size` less what the window that comes next, if there is one, cuts off: left, right, top, bottom."""
    if not bits.read(1):
        return size
    left, right, top, bottom = (bits.exp_golomb() for _ in range(4))
    width, height = size[0] - units[0] * (left + right), size[1] - units[1] * (top + bottom)
    if width <= 0 or height <= 0:
        raise HeaderError("nothing is left of the picture")
    return width, height


def _h264_picture_set(bits: Bits, kind: int) -> int:
    del kind
    bits.exp_golomb()  # first_mb_in_slice
    bits.exp_golomb()  # slice_type
    return bits.exp_golomb()


def _hevc_sequence(bits: Bits) -> tuple[int, Size]:
    bits.read(4)  # sps_video_parameter_set_id
    layers = bits.read(3)  # sps_max_sub_layers_minus1
    bits.read(1 + 96)  # profile_tier_level: of all layers
    if layers:
        present = [(bits.read(1), bits.read(1)) for _ in range(8)][:layers]
        for has_profile, has_level in present:
            bits.read(88 * has_profile + 8 * has_level)
    number = bits.exp_golomb()
    chroma = _chroma_format(bits)
    separate = bits.read(1) if chroma == 3 else 0
    size = bits.exp_golomb(), bits.exp_golomb()
    return number, _cropped(bits, size, units=_CHROMA[0 if separate else chroma])


def _hevc_picture_set(bits: Bits, kind: int) -> int:
    bits.read(1)  # first_slice_segment_in_pic_flag
    if kind in _HEVC_RANDOM_ACCESS:
        bits.read(1)
    return bits.exp_golomb()


_HEVC_RANDOM_ACCESS = range(16, 24)

_H264 = _Codec(
    kind=lambda unit: unit[0] & 0x1F,
    header_bytes=1,
    sequence=7,
    picture=8,
    slices=frozenset([1, 5]),
    size=_h264_sequence,
    picture_set_of_slice=_h264_picture_set,
)
_HEVC = _Codec(
    # Of the lowest layer only: those above it are not decoded.
    kind=lambda unit: unit[0] >> 1 if len(unit) > 1 and not (unit[0] & 1 or unit[1] >> 3) else -1,
    header_bytes=2,
    sequence=33,
    picture=34,
    slices=frozenset(range(22)),
    size=_hevc_sequence,
    picture_set_of_slice=_hevc_picture_set,
)
