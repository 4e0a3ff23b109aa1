"""Real and generated videos -> broken ones, each the same again for the same seed and number."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

from videos import AV1, H264, HEVC, MJPEG, MPEG4, VP9, Encoding, write_video

# Where containers keep their indices and sizes: at either end.
HEADER_BYTES = 4096

# Whole numbers that code often forgets: as counts, sizes, offsets and widths.
AWKWARD = [0, 1, 2, 0x7F, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 16384, 65536, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFE]

# Where a picture's size is written: bytes before it, bytes between, of each number, and their order.
SIZES = [
    (b"avc1", 24, 2, "big"),
    (b"hev1", 24, 2, "big"),
    (b"av01", 24, 2, "big"),
    (b"mp4v", 24, 2, "big"),
    (b"tkhd", 76, 4, "big"),
    (b"avih", 36, 4, "little"),
    (b"strf", 8, 4, "little"),
    (b"IHDR", 0, 4, "big"),
    (b"GIF89a", 0, 2, "little"),
    (b"\xff\xc0", 3, 2, "big"),  # Motion JPEG's frame header
    (b"\x00\x00\x01\xb3", 0, 3, "big"),  # MPEG-2's sequence header: 12 bits each
    (b"\xb0\x81", 0, 1, "big"),  # Matroska's
    (b"\xba\x81", 0, 1, "big"),
]

Original = tuple[str, bytes]


def originals(folder: Path, *, real: Path | None) -> list[Original]:
    """(name, content) of the files to break: generated ones, and those of a folder of real clips.

    Args:
        folder: to write to.
        real: with `odd/`, of which all are taken, and `ucf8/`, of which a few are.
    """
    gif, mpeg2 = Encoding(codec="gif", pixels="rgb8"), Encoding(codec="mpeg2video", b_frames=2)
    fragmented = {"movflags": "frag_keyframe+empty_moov"}
    for name, encoding, muxer in [
        ("h264.mp4", H264, {}),
        ("front.mp4", H264, {"movflags": "+faststart"}),
        ("fragmented.mp4", H264, fragmented),
        ("h264.mkv", H264, {}),
        ("h264.ts", H264, {}),
        ("h264.flv", H264, {}),
        ("hevc.mp4", HEVC, {}),
        ("vp9.webm", VP9, {}),
        ("av1.mkv", AV1, {}),
        ("mpeg4.avi", MPEG4, {}),
        ("mjpeg.avi", MJPEG, {}),
        ("mpeg2.mpg", mpeg2, {}),
        ("animation.gif", gif, {}),
        ("one.png", Encoding(codec="png", pixels="rgb24"), {"update": "1"}),
    ]:
        frames = 1 if name == "one.png" else 40
        write_video(folder / name, encoding=encoding, frames=frames, rate=Fraction(25), muxer=muxer)
    paths = sorted(folder.iterdir())
    if real is not None:
        paths += sorted((real / "odd").iterdir())
        paths += sorted((real / "ucf8" / "test").rglob("*.avi"))[::12]
    return [(path.name, content) for path in paths if (content := path.read_bytes())]


def mutant(chosen: Sequence[Original], *, seed: int, number: int) -> tuple[str, bytes]:
    """(what was done to what, content) of one broken file."""
    dice = random.Random(f"{seed} {number}")  # noqa: S311 - to be repeated
    name, content = dice.choice(list(chosen))
    broken = bytearray(content)
    done = []
    for _ in range(dice.choice([1, 1, 1, 2, 4])):
        way = dice.choice(list(_WAYS))
        broken = _WAYS[way](broken, dice, chosen)
        done.append(way)
    return f"{name}: {', '.join(done)}", bytes(broken)


def _stretch(content: bytearray, dice: random.Random) -> slice:
    """Some bytes, mostly few."""
    start = _place(content, dice)
    return slice(start, start + int(2 ** dice.uniform(0, 16)))


def _place(content: bytearray, dice: random.Random) -> int:
    """A position, in half of all cases in a header."""
    length = max(len(content), 1)
    where = dice.randrange(4)
    if where == 0:
        return dice.randrange(min(HEADER_BYTES, length))
    if where == 1:
        return length - 1 - dice.randrange(min(HEADER_BYTES, length))
    return dice.randrange(length)


Way = Callable[[bytearray, random.Random, Sequence[Original]], bytearray]


def _flip_bits(content: bytearray, dice: random.Random, _: Sequence[Original]) -> bytearray:
    for _bit in range(int(2 ** dice.uniform(0, 9))):
        if content:
            content[_place(content, dice)] ^= 1 << dice.randrange(8)
    return content


def _set_number(content: bytearray, dice: random.Random, _: Sequence[Original]) -> bytearray:
    size = dice.choice([1, 2, 4, 8])
    value = (dice.choice(AWKWARD) & ((1 << 8 * size) - 1)).to_bytes(size, dice.choice(["big", "little"]))
    start = _place(content, dice)
    content[start : start + size] = value
    return content


def _claim_size(content: bytearray, dice: random.Random, chosen: Sequence[Original]) -> bytearray:
    """Another width, height or both, all too large ones among them."""
    found = [
        (content.index(mark) + len(mark) + offset, size, order)
        for mark, offset, size, order in SIZES
        if mark in content
    ]
    if not found:
        return _set_number(content, dice, chosen)
    start, size, order = dice.choice(found)
    value = dice.choice([0, 1, 3, 0xFF, 2048, 4096, 8192, 16000, 16384, 32768, 65500, 65535, 1 << 20, (1 << 31) - 1])
    number = min(value, (1 << 8 * size) - 1).to_bytes(size, "big" if order == "big" else "little")
    content[start : start + len(number)] = number
    if dice.random() < 0.7:
        content[start + size : start + 2 * size] = number
    return content


def _cut_end(content: bytearray, dice: random.Random, _: Sequence[Original]) -> bytearray:
    return content[: dice.randrange(len(content) + 1)]


def _cut_start(content: bytearray, dice: random.Random, _: Sequence[Original]) -> bytearray:
    return content[_place(content, dice) :]


def _splice(content: bytearray, dice: random.Random, chosen: Sequence[Original]) -> bytearray:
    """The head of another file on this one's rest."""
    _, other = dice.choice(list(chosen))
    cut = dice.randrange(min(len(other), 2 * HEADER_BYTES) + 1)
    return bytearray(other[:cut]) + content[min(cut, len(content)) :]


def _repeat(content: bytearray, dice: random.Random, _: Sequence[Original]) -> bytearray:
    chunk = _stretch(content, dice)
    return content[: chunk.stop] + content[chunk] * dice.choice([1, 1, 2, 50]) + content[chunk.stop :]


def _remove(content: bytearray, dice: random.Random, _: Sequence[Original]) -> bytearray:
    del content[_stretch(content, dice)]
    return content


def _overwrite(content: bytearray, dice: random.Random, _: Sequence[Original]) -> bytearray:
    """A stretch of zeros, ones or noise."""
    chunk = _stretch(content, dice)
    length = len(content[chunk])
    content[chunk] = dice.choice([bytes(length), b"\xff" * length, dice.randbytes(length)])
    return content


def _swap(content: bytearray, dice: random.Random, _: Sequence[Original]) -> bytearray:
    one, other = sorted([_stretch(content, dice), _stretch(content, dice)], key=lambda chunk: chunk.start)
    stop = min(one.stop, other.start)
    middle = content[stop : other.start]
    return content[: one.start] + content[other] + middle + content[one.start : stop] + content[other.stop :]


_WAYS: dict[str, Way] = {
    "flipped bits": _flip_bits,
    "set a number": _set_number,
    "claimed another size": _claim_size,
    "cut off the end": _cut_end,
    "cut off the start": _cut_start,
    "spliced with another": _splice,
    "repeated a stretch": _repeat,
    "removed a stretch": _remove,
    "overwrote a stretch": _overwrite,
    "swapped stretches": _swap,
}
