"""Made video with real textures: a camera moves over a picture, cut-outs of other pictures move across it.

What is shown and how it moves follows from a seed. Among the made clips are windows of real video, as it was filmed.
The idea of learning from made video: "Learning Video Representations without Natural Videos" (arXiv 2410.24213).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

FRAMES, SIZE = 8, 224  # SIZE is what pictures and lengths below are meant for

_PICTURES, _VIDEOS = (".jpg", ".jpeg", ".png", ".webp"), (".mkv", ".mp4", ".gif")
_LEFT_OUT = ("screenshot", "1080x1920", "720x1440", "1622x2880")  # the same picture, smaller or narrower
_LONG_SIDE, _SHORT_SIDE = 1200, 256  # that pictures and frames of videos are kept with
_RATE, _KEPT_FRAMES = 12, 500
_REAL = 0.3  # share of clips
_NEAREST_VIEW = 160  # pixels of a picture
_PLAIN, _TRIES = 20, 4  # spread of a view's values in which there is little; how often another is tried
_TIMES = np.linspace(-0.5, 0.5, FRAMES)

Picture = list[np.ndarray]  # uint8 [H, W, 3] RGB, each half as large as the one before


@dataclass(frozen=True)
class Footage:
    """What clips are made of. videos: uint8 [T, H, W, 3] RGB each."""

    pictures: Sequence[Picture]
    videos: Sequence[np.ndarray]


def read_footage(folders: Iterable[Path]) -> Footage:
    """All pictures and videos below these folders, as small as they are needed."""
    files = sorted(path for folder in folders for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    pictures = [path for path in files if path.suffix in _PICTURES and path.stem not in _LEFT_OUT]
    videos = [path for path in files if path.suffix in _VIDEOS]
    return Footage(
        pictures=[
            picture_levels(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))
            for path in pictures
            if (picture := cv2.imread(str(path))) is not None
        ],
        videos=[video for path in videos if len(video := _frames(path)) >= FRAMES],
    )


def make_clip(footage: Footage, seed: Sequence[int], *, size: int = SIZE) -> np.ndarray:
    """uint8 [8, size, size, 3] RGB; the same for the same footage, seed and size."""
    random = np.random.default_rng(seed)
    real = bool(footage.videos) and random.random() < _REAL
    frames = _real(footage, random, size) if real else _made(footage, random, size)
    return np.ascontiguousarray(_recoloured(frames, random))


def picture_levels(picture: np.ndarray) -> Picture:
    """Of a uint8 RGB picture [H, W, 3]."""
    levels = [_shrunk(picture, _LONG_SIDE / max(picture.shape[:2]))]
    while min(levels[-1].shape[:2]) > SIZE:
        levels.append(_shrunk(levels[-1], 0.5))
    return levels


def _frames(path: Path) -> np.ndarray:
    capture = cv2.VideoCapture(str(path))
    step = max(1, round(capture.get(cv2.CAP_PROP_FPS) / _RATE))
    frames: list[np.ndarray] = []
    number = 0
    while len(frames) < _KEPT_FRAMES and capture.grab():
        if number % step == 0:
            _, frame = capture.retrieve()
            frames.append(cv2.cvtColor(_shrunk(frame, _SHORT_SIDE / min(frame.shape[:2])), cv2.COLOR_BGR2RGB))
        number += 1
    return np.array(frames)


def _shrunk(picture: np.ndarray, scale: float) -> np.ndarray:
    return picture if scale >= 1 else cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def _real(footage: Footage, random: np.random.Generator, size: int) -> np.ndarray:
    """A window of a video, a square of its picture."""
    video = footage.videos[int(random.integers(len(footage.videos)))]
    step = int(random.integers(1, 1 + min(3, (len(video) - 1) // (FRAMES - 1))))
    first = int(random.integers(len(video) - (FRAMES - 1) * step))
    height, width = video.shape[1:3]
    side = int(min(height, width) * random.uniform(0.5, 1))
    top, left = random.integers(height - side + 1), random.integers(width - side + 1)
    window = video[first : first + FRAMES * step : step, top : top + side, left : left + side]
    how = cv2.INTER_AREA if side > size else cv2.INTER_LINEAR
    return np.stack([cv2.resize(frame, (size, size), interpolation=how) for frame in window])


def _made(footage: Footage, random: np.random.Generator, size: int) -> np.ndarray:
    frames = _view(_any(footage, random), _camera(random, travel=0.5, turn=0.4, zoom=0.4), random, size)
    for _ in range(random.integers(4)):
        _add_cut_out(frames, _any(footage, random), random)
    return _warped(frames, random) if random.random() < 0.4 else frames


def _any(footage: Footage, random: np.random.Generator) -> Picture:
    return footage.pictures[int(random.integers(len(footage.pictures)))]


def _path(random: np.random.Generator, travel: float) -> np.ndarray:
    """Where something is at each frame, float [8]: it moves, accelerates, and may sway."""
    speed, acceleration = random.normal(0, travel, 2)
    sway = random.normal(0, travel / 4) * np.sin(2 * np.pi * (random.uniform(0.5, 2) * _TIMES + random.random()))
    path: np.ndarray = speed * _TIMES + acceleration * 2 * _TIMES**2 + sway
    return path


def _camera(random: np.random.Generator, *, travel: float, turn: float, zoom: float) -> np.ndarray:
    """Places in widths of the view, turns in radians, and logarithms of zooms, float [8, 4]."""
    return np.stack([_path(random, scale) for scale in (travel, travel, turn, zoom)], axis=1)


def _view(picture: Picture, camera: np.ndarray, random: np.random.Generator, size: int) -> np.ndarray:
    """What a camera over a picture sees, uint8 [n, size, size, 3]; the picture goes on mirrored beyond its borders."""
    side, centre = _square(picture, random)
    tilt = random.normal(0, 0.1)
    level = int(np.clip(np.log2(side / size), 0, len(picture) - 1))
    views = []
    for across, down, turn, zoom in camera:
        middle = (centre + side * np.array([across, down])) / 2**level
        matrix = _matrix(middle, np.full(2, size / 2), turn + tilt, side * np.exp(zoom) / size / 2**level)
        views.append(_sampled(picture[level], matrix, (size, size)))
    return np.stack(views)


def _square(picture: Picture, random: np.random.Generator) -> tuple[float, np.ndarray]:
    """Side and centre of a square of a picture in which there is something: (x, y)."""
    height, width = picture[0].shape[:2]
    coarse = picture[-1]
    scale = len(coarse) / height
    for _ in range(_TRIES):
        side = float(np.exp(random.uniform(np.log(_NEAREST_VIEW), np.log(min(height, width)))))
        corner = random.uniform(0, 1, 2) * (np.array([width, height]) - side)
        left, top, right, bottom = (scale * np.array([*corner, *(corner + side)])).astype(int)
        if coarse[top : bottom + 1, left : right + 1].std() > _PLAIN:
            break
    return side, corner + side / 2


def _matrix(source: np.ndarray, target: np.ndarray, turn: float, scale: float) -> np.ndarray:
    """From pixels of the target to those of the source, where `target` is what shows `source`."""
    rotation = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return np.hstack([rotation, (source - rotation @ target)[:, None]])


def _sampled(picture: np.ndarray, matrix: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(picture, matrix, size, flags=flags, borderMode=cv2.BORDER_REFLECT_101)


def _add_cut_out(frames: np.ndarray, picture: Picture, random: np.random.Generator) -> None:
    """Move a part of a picture across the frames, in place."""
    size = frames.shape[1]
    texture, mask = _view(picture, np.zeros((1, 4)), random, size)[0], _outline(random, size)
    share, tilt, place = random.uniform(0.3, 1.1), random.uniform(-np.pi, np.pi), random.uniform(0, size, 2)
    camera = _camera(random, travel=0.6, turn=0.8, zoom=0.3)
    for frame, (across, down, turn, zoom) in zip(frames, camera, strict=True):
        scale = share * np.exp(zoom)
        middle = place + size * np.array([across, down])
        reach = scale * size / 2
        (left, top), (right, bottom) = (np.clip(middle + side * reach, 0, size).astype(int) for side in (-1, 1))
        if right <= left or bottom <= top:
            continue
        matrix = _matrix(np.full(2, size / 2), middle - (left, top), tilt + turn, 1 / scale)
        extent = (int(right - left), int(bottom - top))
        shown = (_sampled(mask, matrix, extent) > 127).astype(np.uint8)
        cv2.copyTo(_sampled(texture, matrix, extent), shown, frame[top:bottom, left:right])


def _outline(random: np.random.Generator, size: int) -> np.ndarray:
    """An ellipse or a polygon, 255 inside, uint8 [size, size]."""
    mask = np.zeros((size, size), np.uint8)
    if random.random() < 0.5:
        axes = random.integers(size // 6, size // 2 - 2, 2)
        cv2.ellipse(mask, (size // 2, size // 2), (int(axes[0]), int(axes[1])), 0, 0, 360, 255, -1)
        return mask
    angles = np.sort(random.uniform(0, 2 * np.pi, random.integers(3, 9)))
    radii = random.uniform(size / 5, size / 2 - 2, len(angles))
    corners = size / 2 + np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1)
    cv2.fillPoly(mask, [corners.astype(np.int32)], 255)
    return mask


def _warped(frames: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The frames as if painted on cloth that moves."""
    size = frames.shape[1]
    fields = [cv2.resize(random.normal(0, 1, (5, 5, 2)), (size, size), interpolation=cv2.INTER_CUBIC) for _ in "ab"]
    across, down = np.meshgrid(np.arange(size), np.arange(size))
    places = np.stack([across, down], axis=2)
    first, second = _path(random, size / 28), _path(random, size / 28)
    warped = []
    for frame, one, other in zip(frames, first, second, strict=True):
        moved = (places + one * fields[0] + other * fields[1]).astype(np.float32)
        warped.append(
            cv2.remap(frame, moved[..., 0], moved[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        )
    return np.stack(warped)


def _recoloured(frames: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Light, contrast and colours of another camera; sometimes grey, blurred, mirrored."""
    contrast, gains = np.exp(random.normal(0, 0.2)), np.exp(random.normal(0, 0.08, 3))
    light = random.normal(0, 20) + _path(random, 8 if random.random() < 0.3 else 0)
    values = (np.arange(256)[:, None] - 128) * contrast * gains + 128
    recoloured = np.stack(
        [
            cv2.LUT(frame, np.clip(values + level, 0, 255).astype(np.uint8)[None])
            for frame, level in zip(frames, light, strict=True)
        ]
    )
    if random.random() < 0.1:
        recoloured = recoloured.mean(axis=3, keepdims=True).astype(np.uint8).repeat(3, axis=3)
    if random.random() < 0.15:
        sigma = random.uniform(0.5, 2) * frames.shape[1] / SIZE
        recoloured = np.stack([cv2.GaussianBlur(frame, (0, 0), sigma) for frame in recoloured])
    return recoloured[:, :, ::-1] if random.random() < 0.5 else recoloured
