"""Every video is opened once before a step is trained, so that what cannot be read is known and named."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from vidcls.cli import terminal
from vidcls.clips import read_clips
from vidcls.contract import Contract, Image
from vidcls.cpus import usable_cpus
from vidcls.errors import VideoError
from vidcls_train.config.groups import STORED_SCALE
from vidcls_train.data.frame_cache import FrameStore, default_folder
from vidcls_train.data.sources import Clip, DataError, Splits
from vidcls_train.data.video import DecodedVideo

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """Readable videos, opened.

    val_views: .npy files for `ViewDataset`. unreadable: {"video", "message"} of each one left out.
    """

    train: list[Clip]
    train_videos: list[DecodedVideo]
    val: list[Clip]
    val_views: list[Path]
    test: list[Clip]
    unreadable: list[dict[str, str]]


def prepare(splits: Splits, contract: Contract, *, views_folder: Path, cache_gb: float) -> Prepared:
    """Open every video once: decode training clips into the store, take validation's views, try the test's."""
    store = clip_store(contract.image, cache_gb=cache_gb)
    unreadable: list[dict[str, str]] = []
    train_clips, stored = open_each(splits.train, store.fill, unreadable, label="decoding train")
    views_folder.mkdir(parents=True, exist_ok=True)

    def write_view(video: Path) -> Path:
        file = views_folder / f"{hashlib.sha256(os.fsencode(video)).hexdigest()}.npy"
        np.save(file, read_clips(video, contract).frames[0])
        return file

    val_clips, val_views = open_each(splits.val, write_view, unreadable, label="decoding val")
    test_clips, _ = open_each(
        splits.test, lambda video: len(read_clips(video, contract).frames), unreadable, label="decoding test"
    )
    if unreadable:
        terminal.note(f"{len(unreadable)} videos cannot be read and are left out (metrics.json lists them)")
    for split, clips in (("train", train_clips), ("val", val_clips)):
        if not clips:
            raise DataError(f"not one video of '{split}' can be read")
    for label in sorted(set(splits.labels) - {clip.label for clip in train_clips}):
        terminal.note(f"the label '{label}' has no readable video in train: the model cannot learn it")
    videos = [DecodedVideo(clip.path, known, store) for clip, known in zip(train_clips, stored, strict=True)]
    return Prepared(
        train=train_clips,
        train_videos=videos,
        val=val_clips,
        val_views=val_views,
        test=test_clips,
        unreadable=unreadable,
    )


def clip_store(image: Image, *, cache_gb: float) -> FrameStore:
    """The user's store of frames at the size that training crops from."""
    short_side = round(image.crop_size * STORED_SCALE)
    return FrameStore(default_folder(), short_side=short_side, limit_bytes=int(cache_gb * 1e9))


def open_each(
    clips: Sequence[Clip], open_one: Callable[[Path], T], unreadable: list[dict[str, str]], *, label: str
) -> tuple[list[Clip], list[T]]:
    """`open_one` for every clip's path, in threads; clips it fails on are named, noted and left out."""

    def attempt(clip: Clip) -> T | VideoError:
        try:
            return open_one(clip.path)
        except VideoError as error:
            return error

    opened, results = [], []
    with ThreadPoolExecutor(usable_cpus()) as pool:
        attempts = zip(clips, pool.map(attempt, clips), strict=True)
        with terminal.progress(attempts, label=label, length=len(clips)) as bar:
            for clip, result in bar:
                if isinstance(result, VideoError):
                    terminal.note(f"unreadable: {result}")
                    unreadable.append({"video": str(clip.path), "message": str(result)})
                else:
                    opened.append(clip)
                    results.append(result)
    return opened, results
