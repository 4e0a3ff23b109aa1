"""Clips that play in a page: their frames side by side in one JPEG, of which one is shown."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from vidcls.errors import VideoError
from vidcls.pages.markup import Content, Markup, joined, name, tag, void

MOST_CLIPS = 16
# All clips of a page together, before base64, which adds a third: a page stays below 3 MB.
MOST_JPEG_BYTES = 1_800_000
MOST_FRAMES = 32

# Sides in px and JPEG qualities, the best first; the first at which a clip fits its share of the page is taken.
_SIZES = ((192, 80), (160, 75), (128, 70), (96, 65), (64, 50))
_SMALL = 100  # px: below it pixels are drawn as squares
_JPEG_BLOCK = 16  # px that a JPEG mixes, also across the border of two frames


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A clip to show. number: for `frames_of`. facts: (name, value) below it. alt: what it shows, in a sentence."""

    number: int
    facts: tuple[tuple[str, Content], ...]
    alt: str


def clip_list(clips: Sequence[Shown], frames_of: Callable[[int], npt.NDArray[np.uint8]], *, seconds: float) -> Markup:
    """Players for the first of `clips`, at most 16, and a line about those left out.

    Args:
        clips: the most telling first.
        frames_of: gives uint8 RGB [T, h, w, 3] of a clip's number.
        seconds: that a clip lasts.
    """
    chosen = clips[:MOST_CLIPS]
    items = [
        tag("li", _player(clip, frames_of, seconds=seconds, share=MOST_JPEG_BYTES // len(chosen))) for clip in chosen
    ]
    left_out = len(clips) - len(chosen)
    note = tag("p", f"{left_out} more are not shown here.", class_="note") if left_out else None
    return joined([tag("ul", *items, class_="clips"), note])


def clip_player(
    frames: npt.NDArray[np.uint8], *, seconds: float, facts: Iterable[tuple[str, Content]], alt: str, most_bytes: int
) -> Markup:
    """A clip with buttons to play, pause and scrub; without scripts its first frame.

    Args:
        frames: uint8 RGB [T, h, w, 3], of which at most 32 are shown, spread evenly.
        seconds: that the clip lasts.
        facts: (name, value) to stand below it.
        alt: what it shows, for those who cannot see it.
        most_bytes: of the JPEG, if a smaller picture can keep to it.
    """
    picks = np.linspace(0, len(frames) - 1, min(MOST_FRAMES, len(frames))).round().astype(int)
    jpeg, width, height, step = _fitting(frames[picks], most_bytes)
    picture = tag(
        "svg",
        tag("image", href=Markup(f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"), x=0, y=0,
            width=step * len(picks), height=height, class_="small" if min(width, height) < _SMALL else None),
        viewBox=f"0 0 {width} {height}", role="img", aria_label=alt,
    )  # fmt: skip
    slider = void("input", type="range", min=0, max=len(picks) - 1, value=0, step=1, aria_label=f"Frame: {alt}")
    controls = tag("div", tag("button", "Play", type="button", aria_label=f"Play or pause: {alt}"), slider,
                   class_="controls", hidden="")  # fmt: skip
    rows = joined(part for fact, value in facts for part in (tag("dt", fact), tag("dd", value)))
    return tag("figure", picture, controls, tag("dl", rows), class_="player", data_seconds=f"{seconds:.4g}")


def _player(clip: Shown, frames_of: Callable[[int], npt.NDArray[np.uint8]], *, seconds: float, share: int) -> Markup:
    try:
        frames = frames_of(clip.number)
    except VideoError as error:  # read once already: it was moved or changed meanwhile
        rows = joined(part for fact, value in clip.facts for part in (tag("dt", fact), tag("dd", value)))
        return tag(
            "figure", tag("dl", rows, tag("dt", "frames"), tag("dd", f"cannot be read any more: {name(str(error))}"))
        )
    return clip_player(frames, seconds=seconds, facts=clip.facts, alt=clip.alt, most_bytes=share)


def _fitting(frames: npt.NDArray[np.uint8], most_bytes: int) -> tuple[bytes, int, int, int]:
    """(JPEG of the frames side by side, width and height of one, px from one to the next), as large as may be."""
    for side, quality in _SIZES:
        scaled = _scaled(frames, side)
        height, width = scaled.shape[1:3]
        step = -(-width // _JPEG_BLOCK) * _JPEG_BLOCK
        padded = np.pad(scaled, ((0, 0), (0, 0), (0, step - width), (0, 0)), mode="edge")
        strip = Image.fromarray(np.concatenate(list(padded), axis=1))
        buffer = io.BytesIO()
        strip.save(buffer, "JPEG", quality=quality, optimize=True)
        if buffer.tell() <= most_bytes:
            break
    return buffer.getvalue(), width, height, step


def _scaled(frames: npt.NDArray[np.uint8], side: int) -> npt.NDArray[np.uint8]:
    """Frames whose longer side has at most `side` px."""
    height, width = frames.shape[1:3]
    scale = side / max(height, width)
    if scale >= 1:
        return frames
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.stack([np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.BILINEAR)) for frame in frames])
