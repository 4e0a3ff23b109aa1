"""Videos that flash while they beep, and when a decoder says that they do: what is in sync shows."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

RATE, SOUND_RATE = 25, 48_000
FLASHES = (0.4, 1.2)  # seconds after the first frame
FLASH_SECONDS = 0.2
SIDE = (160, 120)
LOUD, BRIGHT = 0.2, 128


def write_flashing(
    path: Path,
    *,
    seconds: float = 1.8,
    film_starts: Fraction = Fraction(0),
    sound_starts: Fraction = Fraction(0),
    codec: str = "libx264",
    sound: str = "aac",
    layout: str = "mono",
) -> Path:
    """Frames that are white at FLASHES and black else, and a tone of 1 kHz that is heard at the same times.

    Args:
        film_starts, sound_starts: seconds of the container's clock at which the first frame and the first sample come.
    """
    with av.open(str(path), "w") as container:
        film = container.add_stream(codec, rate=RATE)
        assert isinstance(film, av.VideoStream)
        film.width, film.height, film.pix_fmt = *SIDE, "yuv420p"
        heard = container.add_stream(sound, rate=SOUND_RATE, layout=layout)
        assert isinstance(heard, av.AudioStream)
        for number in range(round(seconds * RATE)):
            value = 255 if is_flashing(number / RATE) else 0
            frame = av.VideoFrame.from_ndarray(np.full((SIDE[1], SIDE[0], 3), value, np.uint8), format="rgb24")
            frame.pts, frame.time_base = number + round(film_starts * RATE), Fraction(1, RATE)
            container.mux(film.encode(frame))
        begin = float(sound_starts - film_starts)
        times = begin + np.arange(round((seconds - begin) * SOUND_RATE)) / SOUND_RATE
        tone = np.where([is_flashing(time) for time in times], np.sin(2000 * np.pi * times) / 2, 0)
        for start in range(0, len(tone), 960):
            samples = (tone[start : start + 960] * 32767).astype(np.int16)[None]
            block = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
            block.sample_rate, block.time_base = SOUND_RATE, Fraction(1, SOUND_RATE)
            block.pts = start + round(sound_starts * SOUND_RATE)
            container.mux(heard.encode(block))
        container.mux([*film.encode(), *heard.encode()])
    return path


def is_flashing(seconds: float) -> bool:
    return any(flash - 1e-9 <= seconds < flash + FLASH_SECONDS - 1e-9 for flash in FLASHES)


def rgb(frame: av.VideoFrame) -> np.ndarray:
    """uint8 RGB [H, W, 3], as it is stored."""
    return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


def flashes(path: Path) -> list[float]:
    """Seconds of the container's clock at which a part that nothing is drawn on turns white."""
    with av.open(str(path)) as container:
        shown = [(float(frame.time or 0), rgb(frame)) for frame in container.decode(video=0)]
    return _rises([(time, frame[60:80].mean() > BRIGHT) for time, frame in shown])


def beeps(path: Path) -> list[float]:
    """Seconds of the container's clock at which it is heard, after a tenth of a second's silence."""
    found: list[float] = []
    last = -1.0
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            samples = frame.to_ndarray()
            scale = 32768 if samples.dtype == np.int16 else 1.0
            times = float(frame.time or 0) + np.arange(frame.samples) / frame.sample_rate
            loud = np.abs(
                samples.reshape(-1, frame.samples) if frame.format.is_planar else samples.reshape(frame.samples, -1).T
            )
            for time in times[(loud / scale).max(axis=0) > LOUD]:
                if time - last > 0.1:
                    found.append(float(time))
                last = time
    return found


def _rises(states: Sequence[tuple[float, bool]]) -> list[float]:
    return [
        time for (_, before), (time, now) in zip([(0.0, False), *states], states, strict=False) if now and not before
    ]
