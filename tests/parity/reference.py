"""The whole path from a video file to probabilities a second time, written out from the design.

PyAV in decode order, exact fractions, Pillow, torch and transformers; not a line of vidcls. Slow and
plain on purpose: what the SDK does quickly has to agree with what can be read here.
"""

from __future__ import annotations

import contextlib
import functools
import math
from bisect import bisect_left
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from PIL import Image

MILLISECOND = Fraction(1, 1000)


@dataclass(frozen=True)
class Window:
    start: Fraction
    end: Fraction
    indices: list[int]


def film(container: Any) -> Any:
    """FFmpeg's best video stream, unless that is a picture about the film."""
    pictures = av.stream.Disposition.attached_pic | av.stream.Disposition.timed_thumbnails
    best = container.streams.best("video")
    return (
        best
        if not best.disposition & pictures
        else next(stream for stream in container.streams.video if not stream.disposition & pictures)
    )


@functools.lru_cache(maxsize=1)
def _decode(path: Path) -> list[av.VideoFrame]:
    """PyAV's frames in decode order, up to the first that cannot be decoded."""
    decoded: list[av.VideoFrame] = []
    with av.open(str(path)) as container:
        frames = container.decode(film(container))
        with contextlib.suppress(av.FFmpegError):  # a damaged file: what came before counts
            decoded.extend(frames)
    return decoded


def frame_times(path: Path) -> list[Fraction]:
    """Seconds after the first frame of every frame, in decode order."""
    frames = _decode(path)
    stamps = [frame.pts * frame.time_base for frame in frames if frame.pts is not None and frame.time_base is not None]
    if len(stamps) == len(frames) and all(early < late for early, late in pairwise(stamps)):
        return [stamp - stamps[0] for stamp in stamps]
    with av.open(str(path)) as container:
        rate = film(container).average_rate
    assert rate is not None
    return [index / Fraction(rate) for index in range(len(frames))]


def windows(times: list[Fraction], sampling: dict[str, Any], *, views: int) -> list[Window]:
    """The design's sampling rule in exact fractions."""
    clip, wanted = Fraction(sampling["clip_seconds"]), sampling["frames"]
    duration = times[-1] + times[-1] / (len(times) - 1) if len(times) > 1 else Fraction(0)
    slack = max(Fraction(0), duration - clip)
    found = []
    for k in range(views):
        start = slack / 2 if views == 1 else slack * Fraction(k, views - 1)
        end = start + clip
        held = range(bisect_left(times, start - MILLISECOND), bisect_left(times, end - MILLISECOND))
        if not held:
            last = bisect_left(times, start) - 1  # before the window
            held = range(last, last + 1)
        picked = [held[math.floor(Fraction(j * (len(held) - 1), wanted - 1))] for j in range(wanted)]
        found.append(Window(start, end, picked))
    return found


def upright_frames(path: Path, indices: set[int]) -> dict[int, np.ndarray]:
    """{index: uint8 RGB [H, W, 3]}, turned as the container asks players to."""
    found = {}
    reformatter = VideoReformatter()  # one for all frames is twice as fast
    for index in sorted(indices):
        frame = _decode(path)[index]
        quarters = frame.rotation // 90 if frame.rotation % 90 == 0 and abs(frame.rotation) < 360 else 0
        found[index] = np.rot90(reformatter.reformat(frame, format="rgb24").to_ndarray(), quarters)
    return found


def count_frames(path: Path) -> int:
    """How many frames can be decoded."""
    return len(_decode(path))


def crop_pixels(frame: np.ndarray, image: dict[str, Any], *, crops: int) -> list[np.ndarray]:
    """uint8 RGB [crop, crop, 3] of each crop of one frame."""
    picture = Image.fromarray(np.ascontiguousarray(frame))
    crop = image["crop_size"]
    if image["resize"] == "stretch":
        assert crops == 1
        return [np.asarray(picture.resize((crop, crop), Image.Resampling.BILINEAR))]
    short = min(picture.size)
    size = [math.floor(Fraction(image["resize_size"] * side, short)) for side in picture.size]
    picture = picture.resize((size[0], size[1]), Image.Resampling.BILINEAR)
    left, top = math.floor(Fraction(size[0] - crop, 2)), math.floor(Fraction(size[1] - crop, 2))
    corners = [(left, top)]
    if crops == 3 and size[0] >= size[1]:
        corners = [(0, top), (left, top), (size[0] - crop, top)]
    elif crops == 3:
        corners = [(left, 0), (left, top), (left, size[1] - crop)]
    return [np.asarray(picture.crop((x, y, x + crop, y + crop))) for x, y in corners]


def clip_pixels(
    path: Path, contract: dict[str, Any], *, views: int, crops: int
) -> tuple[list[Window], list[list[float]], np.ndarray]:
    """Windows, timestamps [views][T], and uint8 RGB [views * crops, T, h, w, 3]."""
    times = frame_times(path)
    found = windows(times, contract["sampling"], views=views)
    frames = upright_frames(path, {index for window in found for index in window.indices})
    cropped = {index: crop_pixels(frame, contract["image"], crops=crops) for index, frame in frames.items()}
    clips = [np.stack([cropped[index][crop] for index in window.indices]) for window in found for crop in range(crops)]
    return found, [[float(times[index]) for index in window.indices] for window in found], np.stack(clips)


def pixel_values(clips: np.ndarray, image: dict[str, Any]) -> Any:
    """torch float32 [N, T, 3, h, w]: x / 255, minus mean, over std."""
    import torch

    pixels = torch.from_numpy(clips).permute(0, 1, 4, 2, 3).to(torch.float32) / 255
    return (pixels - torch.tensor(image["mean"]).view(3, 1, 1)) / torch.tensor(image["std"]).view(3, 1, 1)


@functools.cache
def _model(checkpoint: Path) -> Any:
    from transformers import VideoMAEForVideoClassification

    return VideoMAEForVideoClassification.from_pretrained(checkpoint).eval()


def hidden_tokens(contract: dict[str, Any], config: Any, clips: np.ndarray) -> np.ndarray | None:
    """bool [clips, tokens], true for those that are left out of each clip; None where the model sees all."""
    share = contract["tokens"].get("share")
    if share is None:
        return None
    side = config.image_size // config.patch_size
    t, y, x = np.indices((config.num_frames // config.tubelet_size, side, side))
    if contract["tokens"]["rule"] == "moving":
        hidden = np.ones((len(clips), t.size), bool)
        for clip, row in zip(clips, hidden, strict=True):
            order = moving_order(clip, (config.tubelet_size, config.patch_size, config.patch_size))
            row[order[: round(share * len(order))]] = False
        return hidden
    every = round(1 / share)
    down, later = {2: (1, 1), 4: (2, 1), 8: (3, 2)}[every]
    return np.tile(((x + down * y + later * t) % every != 0).ravel(), (len(clips), 1))


def moving_order(clip: np.ndarray, patch: tuple[int, int, int]) -> list[int]:
    """The numbers of a clip's patches, uint8 [T, H, W, 3], from the one that changes most; of those alike the first."""
    (deep, high, wide), pixels = patch, clip.astype(np.int64)
    changes = []
    for t in range(0, clip.shape[0], deep):
        for y in range(0, clip.shape[1], high):
            for x in range(0, clip.shape[2], wide):
                one = pixels[t : t + deep, y : y + high, x : x + wide]
                changes.append(sum(int(np.abs(after - before).sum()) for before, after in pairwise(one)))
    return sorted(range(len(changes)), key=lambda number: -changes[number])


def clip_logits(clips: np.ndarray, contract: dict[str, Any], checkpoint: Path) -> np.ndarray:
    """float64 [labels]: transformers' logits, the mean over views and crops; of a model of some tokens, by its mask."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # a tiny model gains nothing from more, and on a busy machine they wait for each other
    try:
        with torch.inference_mode():
            pixels, model = pixel_values(clips, contract["image"]), _model(checkpoint)
            hidden = hidden_tokens(contract, model.config, clips)
            if hidden is None:
                each = model(pixel_values=pixels).logits
            else:
                seen = model.videomae(pixel_values=pixels, bool_masked_pos=torch.from_numpy(hidden))[0]
                each = model.classifier(model.fc_norm(seen.mean(1)))
    finally:
        torch.set_num_threads(threads)
    return each.to(torch.float64).mean(dim=0).numpy()


def probabilities(logits: np.ndarray) -> np.ndarray:
    """float64 [labels]: torch's softmax."""
    import torch

    return torch.softmax(torch.from_numpy(logits), dim=-1).numpy()
