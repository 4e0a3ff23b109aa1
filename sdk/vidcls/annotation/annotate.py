"""A video -> the same video with something drawn on each of its frames."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from vidcls.annotation.film import Shape, Sound, fitted
from vidcls.annotation.formats import check_output
from vidcls.annotation.recognised import recognise
from vidcls.annotation.writers import open_film
from vidcls.classifier import VideoClassifier
from vidcls.figures.answer import draw
from vidcls.files.atomic import whole_files
from vidcls.progress import Track, untracked
from vidcls.region import Region
from vidcls.video.protocol import Frame
from vidcls.video.reader import Decoder, VideoReader, open_video
from vidcls.video.source import VideoSource

# A frame, uint8 RGB [H, W, 3], and the seconds after the first at which it is shown -> what is written in its place.
Draw = Callable[[Frame, float], Frame]


@dataclass(frozen=True, kw_only=True)
class Written:
    """What was written.

    width, height: of its pictures, in pixels. seconds: how long it lasts. decoded_share: of the video, 0 to 1.
    """

    frames: int
    width: int
    height: int
    seconds: float
    sound: Sound
    decoded_share: float


def annotate(
    classifier: VideoClassifier,
    video: VideoSource,
    output: Path,
    *,
    crops: int = 1,
    region: Region | None = None,
    decoder: Decoder = "auto",
    track: Track = untracked,
) -> Written:
    """Write a video with what is recognised drawn on it.

    It is read twice: what a frame shows depends on what comes after it, and by how much nobody knows beforehand, so
    keeping the frames meanwhile would take memory without a limit. A frame shows the timeline's segment that it lies
    in, and below it the probabilities of the window whose middle is nearest.

    Raises:
        VideoError, ModelError: as for `VideoClassifier.timeline`.
        ValueError: the output is the video itself, or has another ending than a video's.
        DependencyError: only PyAV writes such a file.
        OSError: it cannot be written.
    """
    check_output(output, [video])
    found = recognise(classifier, video, crops=crops, region=region, decoder=decoder, track=track)

    def drawn(frame: Frame, at: float) -> Frame:
        prediction, segments = found.at(at)
        return draw(frame, prediction, segments=segments)

    return write_drawn(video, output, drawn, decoder=decoder, track=track)


def write_drawn(
    video: VideoSource, output: Path, drawn: Draw, *, decoder: Decoder = "auto", track: Track = untracked
) -> Written:
    """Write a video anew, each frame as `drawn` makes it of the video's: whole, or not at all.

    Raises:
        VideoError: the video cannot be opened or decoded.
        OSError: it cannot be written.
    """
    with whole_files(output.parent) as folder, open_video(video, decoder=decoder) as reader:
        return _write(reader, video, folder / output.name, drawn, track=track)


def _write(reader: VideoReader, video: VideoSource, path: Path, drawn: Draw, *, track: Track) -> Written:
    pictures = reader.read_along(lambda frame_index: range(len(frame_index.times)))
    frame_index, film, shape = None, None, None
    with ExitStack() as opened:
        for current, number, picture in track(pictures, label="drawing", length=len(reader.index.times)):
            frame = picture()
            if current is not frame_index:  # all begins anew, by other times, where the video is damaged
                opened.close()
                frame_index, shape = current, Shape(width=frame.shape[1], height=frame.shape[0], index=current)
                film = opened.enter_context(closing(open_film(path, shape, video)))
            assert film is not None and shape is not None  # noqa: S101, PT018
            film.add(drawn(fitted(frame, shape), current.times[number]), number)
        assert film is not None and shape is not None  # noqa: S101, PT018 - a video that is open has a frame
        film.finish(decoded_share=reader.decoded_share)
    return Written(
        frames=len(shape.index.times),
        width=shape.width,
        height=shape.height,
        seconds=shape.index.duration,
        sound=film.sound,
        decoded_share=reader.decoded_share,
    )
