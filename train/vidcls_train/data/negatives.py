"""Videos that show none of the labels, none of which is trained on: found before a step is."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from vidcls.errors import ArgumentError
from vidcls.video.folders import list_videos
from vidcls_train.data.clip_list import Clip


def find_negatives(folder: str | None) -> list[Path]:
    """The videos below `folder`, at any depth; none where it is None.

    Raises:
        ValueError: not a folder, or one without videos.
    """
    if folder is None:
        return []
    if not Path(folder).is_dir():
        raise ArgumentError(f"--negatives {folder}: is no folder; name one with videos that show none of the labels")
    videos = list_videos(Path(folder))
    if not videos:
        raise ArgumentError(f"--negatives {folder}: holds no videos; expected some that show none of the labels")
    return videos


def check_negatives(negatives: Iterable[Path], clips: Iterable[Clip]) -> None:
    """Refuse negatives that are clips of DATA.

    Raises:
        ValueError: one of them is.
    """
    own = {clip.path.resolve() for clip in clips}
    for video in negatives:
        if video.resolve() in own:
            raise ArgumentError(
                f"--negatives: '{video}' is a clip of DATA; give videos that are not trained on, and that show none of "
                "the labels"
            )
