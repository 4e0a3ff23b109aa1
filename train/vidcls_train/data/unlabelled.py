"""Videos without labels, in a folder, at any depth."""

from __future__ import annotations

from pathlib import Path

from vidcls.video.folders import list_videos
from vidcls_train.data.clip_list import DataError


def find_unlabelled(data: str) -> list[Path]:
    """The videos below a folder, sorted; at least one.

    Raises:
        DataError: it is not a folder, or holds none.
    """
    folder = Path(data)
    if not folder.is_dir():
        raise DataError(f"{folder}: is not a folder; name one with videos in it, at any depth")
    paths = list_videos(folder)
    if not paths:
        raise DataError(f"{folder}: holds no videos, at any depth")
    return paths
