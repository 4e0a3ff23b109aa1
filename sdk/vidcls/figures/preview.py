"""The frames of a video that a model is given, as one picture."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from vidcls.clips import SampledClips, read_clips
from vidcls.figures.contact_sheet import FRAMES_SHOWN, Strip, contact_sheet
from vidcls.printable import printable
from vidcls.video.source import source_name

if TYPE_CHECKING:
    from PIL import Image

    from vidcls.region import Region
    from vidcls.runtime.opened import OpenedModel
    from vidcls.video.reader import Decoder
    from vidcls.video.source import VideoSource


def preview(
    classifier: OpenedModel,
    video: VideoSource,
    *,
    views: int = 1,
    region: Region | None = None,
    decoder: Decoder = "auto",
) -> Image.Image:
    """The frames that `predict` gives the model, after sampling, resize and crop, in strips with their times.

    A notebook shows the picture; `save` writes it. A prediction keeps no frames, so they are read again.

    Examples:
        >>> picture = preview(VideoClassifier("model.onnx"), "clip.avi")
        >>> picture.mode, picture.width > picture.height
        ('RGB', True)

    Args:
        classifier: whose frames; the model is not run.
        video: path, URL, or open binary file.
        views, region, decoder: as for `VideoClassifier.predict`.

    Raises:
        VideoError, DependencyError, ValueError: as for `VideoClassifier.predict`.
    """
    clips = read_clips(video, classifier.contract, views=views, region=region, decoder=decoder)
    size = classifier.contract.image.crop_size
    title = f"{printable(source_name(video), limit=60)}: as the model is given it, {size} x {size} px"
    return contact_sheet(list(_strips(clips)), title=title)


def _strips(clips: SampledClips) -> Iterator[Strip]:
    """As many frames in each as a strip shows."""
    for frames, times, (start, end) in zip(clips.frames, clips.timestamps, clips.windows, strict=True):
        for first in range(0, len(frames), FRAMES_SHOWN):
            chosen = slice(first, first + FRAMES_SHOWN)
            shown = ", ".join(f"{seconds:.2f}" for seconds in times[chosen])
            window = f"window {start:.2f} to {end:.2f} s, " if first == 0 else ""
            yield Strip(caption=f"{window}frames at {shown} s", frames=frames[chosen])
