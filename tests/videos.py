"""Videos of every kind, painted with their frame numbers so that each frame read can be told from its pixels.

A frame is a grid of 4 x 4 blocks that survive any codec. The corners say which way is up and which
channel is which (white, red; blue, black); the twelve blocks between them are the number in nine bits,
most significant first, and three bits of check. Everything is written with PyAV.
"""

from __future__ import annotations

import io
import itertools
import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

os.environ.setdefault("SVT_LOG", "1")  # SVT-AV1 otherwise tells its settings on stderr

WIDTH, HEIGHT = 96, 64
LARGEST = 1 << 9

# In reading order.
_CORNERS = {0: (255, 255, 255), 3: (255, 0, 0), 12: (0, 0, 255), 15: (0, 0, 0)}
_BITS = [block for block in range(16) if block not in _CORNERS]

# A block's middle is this far from grey, or it shows two frames at once.
_SURE = 40


def _check_bits(number: int) -> int:
    return (number * 5 + number // 8 + 3) % 8


@cache
def paint(number: int, *, width: int = WIDTH, height: int = HEIGHT) -> npt.NDArray[np.uint8]:
    """uint8 RGB [height, width, 3] that shows `number`, below `LARGEST`; not to be written to."""
    assert 0 <= number < LARGEST
    code = number << 3 | _check_bits(number)
    frame = np.zeros((height, width, 3), np.uint8)
    for block in range(16):
        row, column = divmod(block, 4)
        top, bottom = row * height // 4, (row + 1) * height // 4
        left, right = column * width // 4, (column + 1) * width // 4
        if block in _CORNERS:
            frame[top:bottom, left:right] = _CORNERS[block]
        elif code >> (11 - _BITS.index(block)) & 1:
            frame[top:bottom, left:right] = 255
    frame.setflags(write=False)
    return frame


@cache
def _middles(height: int, width: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Rows [16, h, 1] and columns [16, 1, w] of the middles of the blocks of a frame."""
    row, column = np.divmod(np.arange(16), 4)
    top, left = (4 * row + 1) * height // 16, (4 * column + 1) * width // 16
    down, across = np.arange(max(height // 8, 1)), np.arange(max(width // 8, 1))
    return (top[:, None] + down)[:, :, None], (left[:, None] + across)[:, None, :]


def painted(frame: npt.NDArray[np.uint8], *, grey: bool = False) -> int:
    """The number that `paint` painted on an upright RGB frame, after any codec and resize.

    Args:
        frame: uint8 RGB [H, W, 3].
        grey: the video has no colour, so only the corners' brightness can be held against them.

    Raises:
        ValueError: no painted frame can be seen, or it lies on its side or has its channels swapped.
    """
    rows, columns = _middles(*frame.shape[:2])
    middles = frame[rows, columns].mean(axis=(1, 2))
    levels = middles.mean(axis=1).tolist()
    for block, colour in _CORNERS.items():
        seen = middles[block]
        if grey:  # white is light, the three others are dark
            right = (seen > 128 + _SURE).all() if block == 0 else (seen < 128).all()
        else:
            right = ((seen > 128) == (np.array(colour) > 128)).all()
        if not right:
            raise ValueError(f"corner {block} is {seen.round()}, expected {colour}: not upright, or not RGB")
    code = 0
    for block in _BITS:
        level = levels[block]
        if abs(level - 128) < _SURE:
            raise ValueError(f"block {block} is {level:.0f}, neither black nor white")
        code = code << 1 | int(level > 128)
    number, check = code >> 3, code & 7
    if check != _check_bits(number):
        raise ValueError(f"{number} was read, but its check bits are {check}, expected {_check_bits(number)}")
    return number


def reference_pixels(frame: av.VideoFrame) -> npt.NDArray[np.uint8]:
    """A frame that PyAV decoded, as uint8 RGB [H, W, 3], upright: what every reader should give, bit for bit.

    Through BGR, with a bicubic filter for the colours: where sides are odd or colours have more than 8 bits,
    FFmpeg converts to RGB by another rounding, and by default with a coarser filter.
    """
    bgr = frame.reformat(format="bgr24", interpolation="BICUBIC").to_ndarray()
    return np.rot90(bgr[..., ::-1], frame.rotation // 90 if frame.rotation % 90 == 0 else 0)


@dataclass(frozen=True, kw_only=True)
class Encoding:
    """How a stream is written.

    gop: frames from one keyframe to the next.
    b_frames: frames in a row that are predicted from both sides.
    pixels: FFmpeg's name of the pixel format.
    options: of the encoder, by FFmpeg's names.
    """

    codec: str
    gop: int = 12
    b_frames: int = 0
    pixels: str = "yuv420p"
    options: dict[str, str] = field(default_factory=dict)


# (encoder, frames predicted from both sides, pixel format) of each codec of the matrix.
CODECS = {
    "mpeg4": ("mpeg4", 2, "yuv420p"),
    "h264": ("libx264", 3, "yuv420p"),
    "hevc": ("libx265", 3, "yuv420p"),
    "vp9": ("libvpx-vp9", 0, "yuv420p"),
    "mjpeg": ("mjpeg", 0, "yuvj420p"),
    "av1": ("libsvtav1", 0, "yuv420p"),
}

CONTAINERS = {
    "avi": ("mpeg4", "h264", "mjpeg"),
    "mp4": ("mpeg4", "h264", "hevc", "vp9", "mjpeg", "av1"),
    "mkv": ("mpeg4", "h264", "hevc", "vp9", "mjpeg", "av1"),
    "mov": ("mpeg4", "h264", "hevc", "mjpeg"),
    "webm": ("vp9", "av1"),
}

# A tick of a container's clock, where it is coarse: times are rounded to it.
TICKS = {"mkv": Fraction(1, 1000), "webm": Fraction(1, 1000)}

RATES = {"10": Fraction(10), "25": Fraction(25), "29.97": Fraction(30000, 1001), "60": Fraction(60), "variable": None}


def encoding(codec: str, *, gop: int) -> Encoding:
    """How the matrix writes a codec: quickly, and with the frames from both sides that it is known for."""
    encoder, b_frames, pixels = CODECS[codec]
    options = {
        "libx264": {"preset": "veryfast", "x264-params": "scenecut=0:threads=1"},
        "libx265": {
            "preset": "ultrafast",
            "x265-params": f"keyint={gop}:min-keyint={gop}:scenecut=0:bframes={b_frames}:pools=1:frame-threads=1"
            ":log-level=none",
        },
        # Alternate references: frames that are decoded and never shown.
        "libvpx-vp9": {"deadline": "good", "cpu-used": "5", "lag-in-frames": "16", "auto-alt-ref": "1", "crf": "20"},
        "libsvtav1": {"preset": "8", "crf": "10", "svtav1-params": f"keyint={gop}:lp=1"},
    }.get(encoder, {})
    return Encoding(codec=encoder, gop=gop, b_frames=0 if gop == 1 else b_frames, pixels=pixels, options=options)


def variable_stamps(frames: int) -> list[Fraction]:
    """Times in whole milliseconds that follow no rate: 5 to 120 ms apart, always the same."""
    steps = [5 + (number * number * 37 + number * 11) % 116 for number in range(frames - 1)]
    return [Fraction(milliseconds, 1000) for milliseconds in itertools.accumulate(steps, initial=0)]


def even_stamps(frames: int, rate: Fraction) -> list[Fraction]:
    """The times of `frames` frames at a constant rate."""
    return [number / rate for number in range(frames)]


def write_video(
    path: Path,
    *,
    encoding: Encoding,
    frames: int,
    rate: Fraction | None = Fraction(25),
    start: Fraction = Fraction(0),
    rotation: int = 0,
    width: int = WIDTH,
    height: int = HEIGHT,
    format: str | None = None,  # noqa: A002 (FFmpeg's word)
    muxer: dict[str, str] | None = None,
    aspect: Fraction | None = None,
    pictures: Sequence[npt.NDArray[np.uint8]] | None = None,
) -> list[Fraction]:
    """Write a video whose frame i shows `paint(i)`; the seconds after the first frame of every frame.

    Args:
        encoding: codec and its settings.
        rate: frames per second; None follows `variable_stamps`.
        start: time of the first frame.
        rotation: degrees clockwise by which players are to turn the picture; what is stored lies on its side.
        width, height: of the upright picture.
        format: container, where the name does not say it.
        muxer: options of the container, by FFmpeg's names.
        aspect: width of a pixel over its height.
        pictures: uint8 RGB [H, W, 3] of each frame instead of the painted ones.
    """
    stamps = variable_stamps(frames) if rate is None else even_stamps(frames, rate)
    base = Fraction(1, 1000) if rate is None else 1 / rate
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format=format, options=muxer or {}) as container:
        stream = container.add_stream(encoding.codec, rate=rate or 30, options=encoding.options)
        assert isinstance(stream, av.VideoStream)
        on_side = rotation % 180 == 90
        stream.width, stream.height = (height, width) if on_side else (width, height)
        stream.pix_fmt = encoding.pixels
        context = stream.codec_context
        # A stated quality takes the place of a bit rate.
        context.bit_rate = 0 if "crf" in encoding.options else 1_000_000
        context.gop_size, context.max_b_frames = encoding.gop, encoding.b_frames
        context.time_base = base
        if aspect is not None:
            context.sample_aspect_ratio = aspect
        if rotation:
            stream.set_display_rotation(-rotation)  # FFmpeg turns counterclockwise
        for number, stamp in enumerate(stamps):
            upright = paint(number, width=width, height=height) if pictures is None else pictures[number]
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(np.rot90(upright, rotation // 90)), format="rgb24")
            frame.pts, frame.time_base = int((stamp + start) / base), base
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return stamps


@dataclass(frozen=True, kw_only=True)
class Painted:
    """A video and what is in it.

    times: seconds after the first frame of every frame, by the container's clock.
    numbers: what each frame shows.
    """

    path: Path
    times: list[Fraction]
    numbers: list[int]
    grey: bool = False


def write_painted(
    path: Path, *, tick: Fraction | None = None, grey: bool = False, start: Fraction = Fraction(0), **settings: Any
) -> Painted:
    """`write_video`, and what is in it. `tick` is the container's, which rounds every frame's time."""
    stamps = [stamp + start for stamp in write_video(path, start=start, **settings)]
    if tick is not None:
        stamps = [math.floor(stamp / tick + Fraction(1, 2)) * tick for stamp in stamps]
    times = [stamp - stamps[0] for stamp in stamps]
    return Painted(path=path, times=times, numbers=list(range(len(times))), grey=grey)


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One kind of video of the matrix."""

    codec: str
    container: str
    gop: int
    rate: str
    rotation: int

    def __str__(self) -> str:
        turned = f"-turned{self.rotation}" if self.rotation else ""
        return f"{self.codec}-{self.container}-gop{self.gop}-{self.rate}fps{turned}"

    @property
    def frames(self) -> int:
        """A few frames past the second keyframe, and enough for several windows."""
        return 262 if self.gop == 250 else 50

    def write(self, folder: Path) -> Painted:
        """The cell's video."""
        return write_painted(
            folder / f"{self}.{self.container}",
            encoding=encoding(self.codec, gop=self.gop),
            frames=self.frames,
            rate=RATES[self.rate],
            rotation=self.rotation,
            tick=TICKS.get(self.container),
        )


def matrix() -> Iterator[Cell]:
    """Every codec in every container that takes it, with every keyframe distance, rate and rotation."""
    for container, codecs in CONTAINERS.items():
        for codec, gop, rate, rotation in itertools.product(codecs, (1, 12, 250), RATES, (0, 90, 180, 270)):
            if codec == "mjpeg" and gop > 1:  # has keyframes only
                continue
            if container == "avi" and (rotation or rate == "variable"):  # can say neither
                continue
            yield Cell(codec=codec, container=container, gop=gop, rate=rate, rotation=rotation)


# Beyond the matrix: what else containers, codecs and cameras do.

X264 = {"preset": "veryfast"}
H264 = Encoding(codec="libx264", b_frames=2, options=X264 | {"x264-params": "threads=1"})
MPEG4 = Encoding(codec="mpeg4", b_frames=2)
VP9 = encoding("vp9", gop=12)
HEVC = encoding("hevc", gop=12)
MJPEG = encoding("mjpeg", gop=1)
AV1 = encoding("av1", gop=12)
MPEG2 = Encoding(codec="mpeg2video", b_frames=2)
MPEG_TICK = Fraction(1, 90000)


def x264(*, b_frames: int = 2, **settings: object) -> Encoding:
    """H.264 with x264's own settings."""
    chosen = ":".join(f"{name.replace('_', '-')}={value}" for name, value in settings.items())
    return replace(H264, b_frames=b_frames, options=X264 | {"x264-params": f"threads=1:{chosen}"})


def as_pixels(encoding: Encoding, pixels: str) -> Encoding:
    """The same in another pixel format."""
    return replace(encoding, pixels=pixels)


Write = Callable[[Path], Painted]


def _kind(extension: str, *, frames: int = 50, encoding: Encoding = H264, **settings: Any) -> Write:
    tick = settings.pop("tick", TICKS.get(extension))

    def write(folder: Path) -> Painted:
        return write_painted(folder / f"video.{extension}", frames=frames, encoding=encoding, tick=tick, **settings)

    return write


def patch(path: Path, box: bytes, offset: int, value: bytes) -> None:
    """Overwrite bytes of a file, `offset` bytes after where the name `box` ends."""
    content = bytearray(path.read_bytes())
    start = content.index(box) + len(box) + offset
    content[start : start + len(value)] = value
    path.write_bytes(content)


def _cut_by_edit_list(folder: Path, *, first: int, last: int) -> Painted:
    """An .mp4 of which players show the frames first..last only."""
    whole = write_painted(folder / "edited.mp4", encoding=H264, frames=50)
    content = whole.path.read_bytes()
    start = content.index(b"elst") + 12  # of the one entry: its length and the time of the medium at which it begins
    clock = 12800  # of the track; the file's is 1000
    begin = int.from_bytes(content[start + 4 : start + 8], "big") + first * clock // 25
    edit = ((last + 1 - first) * 1000 // 25).to_bytes(4, "big") + begin.to_bytes(4, "big")
    patch(whole.path, b"elst", 8, edit)
    times = [time - whole.times[first] for time in whole.times[first : last + 1]]
    return replace(whole, times=times, numbers=list(range(first, last + 1)))


def _avi_without_counts(folder: Path) -> Painted:
    video = write_painted(folder / "counts.avi", encoding=MPEG4, frames=50)
    patch(video.path, b"avih", 4 + 16, bytes(4))
    patch(video.path, b"strh", 4 + 32, bytes(4))
    return video


def _avi_without_index(folder: Path) -> Painted:
    video = write_painted(folder / "index.avi", encoding=MPEG4, frames=50)
    content = video.path.read_bytes()
    video.path.write_bytes(content[: content.rindex(b"idx1")])
    return video


def _joined(folder: Path, *, start: Fraction) -> Painted:
    """Two MPEG transport streams in one file, the second one's clock beginning at `start`."""
    first = write_painted(folder / "first.ts", encoding=H264, frames=25)
    pictures = [paint(number) for number in range(25, 50)]
    second = write_painted(folder / "second.ts", encoding=H264, frames=25, start=start, pictures=pictures)
    joined = folder / "joined.ts"
    joined.write_bytes(first.path.read_bytes() + second.path.read_bytes())
    return Painted(path=joined, times=even_stamps(50, Fraction(25)), numbers=list(range(50)))


def _with_other_streams(extension: str, streams: str) -> Write:
    """A file with several streams: V the video that counts, v a smaller one with other numbers, a sound."""

    def write(folder: Path) -> Painted:
        path = folder / f"streams.{extension}"
        with av.open(str(path), "w") as container:
            opened: list[Any] = []
            for kind in streams:
                if kind == "a":
                    opened.append(container.add_stream("aac", rate=16000, layout="mono"))
                    continue
                stream = container.add_stream("libx264", rate=25, options=X264)
                stream.width, stream.height = (WIDTH, HEIGHT) if kind == "V" else (WIDTH // 2, HEIGHT // 2)
                opened.append(stream)
            for number, (kind, stream) in itertools.product(range(50), list(zip(streams, opened, strict=True))):
                frame: Any
                if kind == "a":
                    frame = av.AudioFrame.from_ndarray(np.zeros((1, 640), np.float32), format="fltp", layout="mono")
                    frame.sample_rate, frame.pts = 16000, number * 640
                else:
                    shown = number if kind == "V" else 400 - number
                    picture = paint(shown, width=stream.width, height=stream.height)
                    frame = av.VideoFrame.from_ndarray(picture.copy(), format="rgb24")
                    frame.pts = number
                container.mux(stream.encode(frame))
            for stream in opened:
                container.mux(stream.encode())
        return Painted(path=path, times=even_stamps(50, Fraction(25)), numbers=list(range(50)))

    return write


def _changing_pixels(folder: Path, *, formats: tuple[str, str]) -> Painted:
    """Trail cameras' Motion JPEG: the first frame's colours are sampled otherwise than the rest's."""
    path = folder / "changing.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, formats[0]
        for number in range(50):
            encoder = av.CodecContext.create("mjpeg", "w")
            encoder.width, encoder.height, encoder.pix_fmt = WIDTH, HEIGHT, formats[number > 0]
            encoder.time_base, encoder.bit_rate = Fraction(1, 25), 4_000_000
            frame = av.VideoFrame.from_ndarray(paint(number).copy(), format="rgb24").reformat(format=encoder.pix_fmt)
            frame.pts = 0
            for encoded in [*encoder.encode(frame), *encoder.encode(None)]:
                packet = av.Packet(bytes(encoded))
                packet.pts = packet.dts = number
                packet.time_base, packet.stream, packet.is_keyframe = Fraction(1, 25), stream, True
                container.mux(packet)
    return Painted(path=path, times=even_stamps(50, Fraction(25)), numbers=list(range(50)))


def _gif(folder: Path) -> Painted:
    """As Pillow writes it: frames of 30 to 200 ms, a palette each."""
    from PIL import Image

    path = folder / "pillow.gif"
    milliseconds = [50, 100, 30, 20, 200, 50, 60, 50, 50, 70]
    pictures = [Image.fromarray(paint(number)) for number in range(len(milliseconds))]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=milliseconds)
    times = [Fraction(time, 1000) for time in itertools.accumulate(milliseconds[:-1], initial=0)]
    return Painted(path=path, times=times, numbers=list(range(len(milliseconds))))


def mirrored(folder: Path, *, kind: str) -> Painted:
    """An .mp4 that players are to mirror, as some telephones' front cameras write."""
    one = 1 << 16
    matrices = {"sideways": [-one, 0, 0, one], "upside down": [one, 0, 0, -one], "diagonally": [0, one, one, 0]}
    turns: dict[str, Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.uint8]]] = {
        "sideways": lambda picture: picture[:, ::-1],
        "upside down": lambda picture: picture[::-1],
        "diagonally": lambda picture: picture.transpose(1, 0, 2),
    }
    stored = [np.ascontiguousarray(turns[kind](paint(number))) for number in range(30)]
    height, width = stored[0].shape[:2]
    video = write_painted(
        folder / "mirrored.mp4", encoding=H264, frames=30, pictures=stored, width=width, height=height
    )
    a, b, c, d = matrices[kind]
    matrix = [a, b, 0, c, d, 0, 0, 0, 1 << 30]
    patch(video.path, b"tkhd", 40, b"".join(value.to_bytes(4, "big", signed=True) for value in matrix))
    return video


def sound_with_cover(folder: Path, *, sound: bytes) -> Path:
    """An .mp3 with a picture of its cover, which is no video."""
    from PIL import Image

    picture = io.BytesIO()
    Image.fromarray(paint(0)).save(picture, "jpeg")
    content = b"\0image/jpeg\0\x03\0" + picture.getvalue()
    frame = b"APIC" + len(content).to_bytes(4, "big") + b"\0\0" + content
    size = bytes(len(frame) >> shift & 127 for shift in (21, 14, 7, 0))
    path = folder / "sound.mp3"
    path.write_bytes(b"ID3\x03\0\0" + size + frame + sound)
    return path


def _fragmented(flags: str, *, rate: Fraction | None = Fraction(25)) -> Write:
    return _kind("mp4", rate=rate, muxer={"movflags": flags})


KINDS: dict[str, Write] = {
    # Clocks.
    "mp4 that starts late": _kind("mp4", start=Fraction(3, 2)),
    "mkv that starts late": _kind("mkv", start=Fraction(5)),
    "mkv that starts before zero": _kind("mkv", start=Fraction(-1)),
    "mpegts": _kind("ts", tick=MPEG_TICK),
    "mpegts of hevc": _kind("ts", encoding=HEVC, tick=MPEG_TICK),
    "mpegts that starts after a day": _kind("ts", start=Fraction(90000), tick=MPEG_TICK),
    "mpegts whose clock wraps": _kind("ts", start=Fraction(2**33 - 90000, 90000), tick=MPEG_TICK),
    "mpegts of two cameras": lambda folder: _joined(folder, start=Fraction(0)),
    "mpegts of two parts": lambda folder: _joined(folder, start=Fraction(1)),
    "m2ts": _kind("m2ts", format="mpegts", muxer={"mpegts_m2ts_mode": "1"}, tick=MPEG_TICK),
    "mpeg program stream": _kind("mpg", encoding=MPEG2, tick=MPEG_TICK),
    "flv": _kind("flv", tick=Fraction(1, 1000)),
    "wmv": _kind("wmv", format="asf", encoding=Encoding(codec="wmv2"), tick=Fraction(1, 1000)),
    "3gp": _kind("3gp"),
    "h264 without a container": _kind("h264"),
    "mpeg4 without a container": _kind("m4v", encoding=MPEG4),
    "mjpeg without a container": _kind("mjpeg", encoding=MJPEG),
    "ivf": _kind("ivf", encoding=VP9),
    "1000 fps in whole milliseconds": _kind("mkv", rate=Fraction(1000)),
    "2000 fps in whole milliseconds": _kind("mkv", rate=Fraction(2000), tick=None),
    "240 fps": _kind("mp4", rate=Fraction(240)),
    "a frame every ten seconds": _kind("mp4", rate=Fraction(1, 10)),
    "a frame every ten seconds in avi": _kind("avi", rate=Fraction(1, 10)),
    "14.985 fps in avi": _kind("avi", rate=Fraction(15000, 1001)),
    # Headers.
    "edit list that cuts off the start": lambda folder: _cut_by_edit_list(folder, first=10, last=49),
    "edit list that cuts off the end": lambda folder: _cut_by_edit_list(folder, first=0, last=29),
    "edit list that cuts off both": lambda folder: _cut_by_edit_list(folder, first=7, last=40),
    "fragmented mp4": _fragmented("frag_keyframe+empty_moov"),
    "fragmented mp4 of variable rate": _fragmented("frag_keyframe+empty_moov", rate=None),
    "fragmented mp4, a frame each": _fragmented("frag_every_frame+empty_moov"),
    "dash mp4": _fragmented("dash+delay_moov"),
    "cmaf mp4": _fragmented("cmaf+delay_moov+negative_cts_offsets"),
    "mp4 with its index in front": _kind("mp4", muxer={"movflags": "+faststart"}),
    "live mkv": _kind("mkv", muxer={"live": "1"}),
    "live webm": _kind("webm", encoding=VP9, muxer={"live": "1"}),
    "avi without counts": _avi_without_counts,
    "avi without an index": _avi_without_index,
    "sound before the video": _with_other_streams("mp4", "aV"),
    "sound in mkv": _with_other_streams("mkv", "Va"),
    "two videos": _with_other_streams("mp4", "Vv"),
    # Prediction from frame to frame.
    "open groups of pictures": _kind("mp4", encoding=x264(open_gop=1, keyint=12, scenecut=0), frames=120),
    "open groups of pictures in mpegts": _kind(
        "ts", encoding=x264(open_gop=1, keyint=12, scenecut=0), frames=120, tick=MPEG_TICK
    ),
    "open groups of pictures in hevc": _kind(
        "mp4",
        frames=120,
        encoding=replace(
            HEVC,
            options={
                "preset": "ultrafast",
                "x265-params": "open-gop=1:keyint=12:min-keyint=12:bframes=3:pools=1:log-level=none",
            },
        ),
    ),
    "gradual refresh": _kind("mp4", encoding=x264(b_frames=0, intra_refresh=1, keyint=20), frames=120),
    "gradual refresh in mkv": _kind("mkv", encoding=x264(b_frames=0, intra_refresh=1, keyint=20), frames=120),
    "gradual refresh in mpegts": _kind(
        "ts", encoding=x264(b_frames=0, intra_refresh=1, keyint=20), frames=120, tick=MPEG_TICK
    ),
    "pyramid of seven": _kind("mp4", encoding=x264(b_frames=7, b_pyramid="normal", b_adapt=0, ref=6)),
    "pyramid of seven in avi": _kind("avi", encoding=x264(b_frames=7, b_pyramid="normal", b_adapt=0, ref=6)),
    "pyramid of seven in mpegts": _kind(
        "ts", encoding=x264(b_frames=7, b_pyramid="normal", b_adapt=0, ref=6), tick=MPEG_TICK
    ),
    # Pixels.
    "grey": _kind("mp4", encoding=as_pixels(H264, "gray"), grey=True),
    "grey of ten bits": _kind("mp4", encoding=as_pixels(H264, "gray10le"), grey=True),
    "4:2:2": _kind("mp4", encoding=as_pixels(H264, "yuv422p")),
    "4:4:4": _kind("mp4", encoding=as_pixels(H264, "yuv444p")),
    "h264 in RGB": _kind("mkv", encoding=Encoding(codec="libx264rgb", pixels="rgb24", options=X264)),
    "h264 of ten bits": _kind("mp4", encoding=as_pixels(H264, "yuv420p10le")),
    "hevc of ten bits": _kind("mp4", encoding=as_pixels(HEVC, "yuv420p10le")),
    "hevc of twelve bits": _kind("mp4", encoding=as_pixels(HEVC, "yuv420p12le")),
    "av1 of ten bits": _kind("mp4", encoding=as_pixels(AV1, "yuv420p10le")),
    "prores": _kind("mov", encoding=Encoding(codec="prores_ks", pixels="yuv422p10le")),
    "prores with transparency": _kind("mov", encoding=Encoding(codec="prores_ks", pixels="yuva444p10le"), frames=20),
    "vp8": _kind("webm", encoding=Encoding(codec="libvpx", options={"lag-in-frames": "16", "auto-alt-ref": "1"})),
    "vp9 with transparency": _kind(
        "webm", encoding=Encoding(codec="libvpx-vp9", pixels="yuva420p", options={"auto-alt-ref": "0"})
    ),
    "png with transparency": _kind("mov", encoding=Encoding(codec="png", pixels="rgba")),
    "animation with transparency": _kind("mov", encoding=Encoding(codec="qtrle", pixels="argb")),
    "gif": _kind("gif", encoding=Encoding(codec="gif", pixels="rgb8"), tick=Fraction(1, 100)),
    "gif of variable rate": _gif,
    "apng": _kind("apng", encoding=Encoding(codec="apng", pixels="rgba")),
    "ffv1": _kind("mkv", encoding=Encoding(codec="ffv1")),
    "uncompressed": _kind("avi", encoding=Encoding(codec="rawvideo", pixels="bgr24")),
    "uncompressed 4:2:2": _kind("avi", encoding=Encoding(codec="rawvideo", pixels="yuyv422")),
    "odd sides in vp9": _kind("webm", encoding=VP9, width=95, height=63),
    "odd sides in mpeg4": _kind("mp4", encoding=MPEG4, width=95, height=63),
    "odd sides in mjpeg": _kind("avi", encoding=MJPEG, width=95, height=63),
    "odd sides in 4:4:4": _kind("mp4", encoding=as_pixels(H264, "yuv444p"), width=95, height=63),
    "odd sides in av1": _kind("mp4", encoding=AV1, width=95, height=65),
    "wide pixels": _kind("mp4", aspect=Fraction(16, 11)),
    "narrow pixels in mkv": _kind("mkv", aspect=Fraction(1, 2)),
    "wide pixels in avi": _kind("avi", encoding=Encoding(codec="mpeg4"), aspect=Fraction(2)),
    "full range": _kind("mp4", encoding=as_pixels(H264, "yuvj420p")),
    "full range, turned": _kind("mp4", encoding=as_pixels(H264, "yuvj420p"), rotation=90),
    "4:2:2 and then 4:2:0": lambda folder: _changing_pixels(folder, formats=("yuvj422p", "yuvj420p")),
    "4:2:0 and then 4:4:4": lambda folder: _changing_pixels(folder, formats=("yuvj420p", "yuvj444p")),
    # Few frames.
    "one frame": _kind("mp4", frames=1),
    "one frame of mpegts": _kind("ts", frames=1, tick=MPEG_TICK),
    "one frame of webm": _kind("webm", encoding=VP9, frames=1),
    "one frame of gif": _kind("gif", encoding=Encoding(codec="gif", pixels="rgb8"), frames=1),
    "two frames": _kind("mkv", frames=2),
    "three frames in avi": _kind("avi", frames=3),
}


def _interlaced_later(folder: Path) -> Painted:
    """A broadcast that goes over from whole pictures to fields."""
    pictures = [paint(number) for number in range(25, 50)]
    first = write_painted(folder / "whole.ts", encoding=H264, frames=25)
    fields = write_painted(folder / "fields.ts", encoding=x264(tff=1), frames=25, start=Fraction(1), pictures=pictures)
    joined = folder / "joined.ts"
    joined.write_bytes(first.path.read_bytes() + fields.path.read_bytes())
    return Painted(path=joined, times=even_stamps(50, Fraction(25)), numbers=list(range(50)))


# Every picture in two fields, one line each in turn.
INTERLACED: dict[str, Write] = {
    "h264 after whole pictures": _interlaced_later,
    "h264": _kind("mp4", encoding=x264(tff=1)),
    "mpeg2": _kind("ts", encoding=replace(MPEG2, options={"flags": "+ilme+ildct"}), tick=MPEG_TICK),
}
