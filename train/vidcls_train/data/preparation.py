"""Split clips -> videos that training can draw from: frames in the cache, validation's views on disk."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vidcls.clips import read_clips
from vidcls.contract import Contract, Image
from vidcls.progress import Track, untracked
from vidcls.region import Region
from vidcls_train.config.groups import STORED_SCALE
from vidcls_train.data.clip_list import Clip, DataError, Footage, Splits, labels_of
from vidcls_train.data.frame_cache import CachedVideo, FrameCache, default_folder
from vidcls_train.data.opening import open_clips
from vidcls_train.data.video import DecodedVideo

_logger = logging.getLogger("vidcls.train")


@dataclass(frozen=True, kw_only=True)
class PreparedClips:
    """Readable videos, opened.

    val_views: files for `ViewDataset`. unreadable: {"video", "message"} of each one left out.
    """

    train: list[Clip]
    train_videos: list[DecodedVideo]
    val: list[Clip]
    val_views: list[Path]
    test: list[Clip]
    unreadable: list[dict[str, str]]


def prepare(
    splits: Splits,
    contract: Contract,
    *,
    cache: FrameCache,
    cached: Mapping[Footage, CachedVideo],
    views_folder: Path,
    region: Region | None = None,
    track: Track = untracked,
) -> PreparedClips:
    """Take training clips from the cache, write validation's views, try the test's.

    Args:
        splits: the clips.
        contract: whose sampling and image sections say what a view is.
        cache: of training clips.
        cached: what adding the training clips to it returned; others in it make room.
        views_folder: where validation's views are written; made if missing.
        region: of the picture that views are of; None for all of it.
        track: shows the progress.

    Raises:
        DataError: not one video of 'train' or of 'val' can be read.
    """
    cache.settle(cached[clip.footage] for clip in splits.train)
    train = open_clips(
        splits.train, lambda video: cache.complete(video.path, cached[video]), label="decoding train", track=track
    )
    cache.tell_left_out(train.values)
    videos = [DecodedVideo(clip.path, known, cache) for clip, known in zip(train.clips, train.values, strict=True)]
    views_folder.mkdir(parents=True, exist_ok=True)
    view = partial(_middle_view, contract=contract, region=region)

    def write_view(video: Footage) -> Path:
        file = views_folder / f"{hashlib.sha256(os.fsencode(str(video))).hexdigest()}.rgb"
        file.write_bytes(view(video).tobytes())
        return file

    val = open_clips(splits.val, write_view, label="decoding val", track=track)
    test = open_clips(splits.test, lambda video: len(view(video)), label="decoding test", track=track)
    unreadable = [*train.unreadable, *val.unreadable, *test.unreadable]
    _check_readable(splits, train=train.clips, val=val.clips, unreadable=unreadable)
    return PreparedClips(
        train=train.clips,
        train_videos=videos,
        val=val.clips,
        val_views=val.values,
        test=test.clips,
        unreadable=unreadable,
    )


def _middle_view(video: Footage, *, contract: Contract, region: Region | None) -> npt.NDArray[np.uint8]:
    return np.asarray(read_clips(video.path, contract, stretch=video.stretch, region=region).frames[0])


def _check_readable(splits: Splits, *, train: list[Clip], val: list[Clip], unreadable: list[dict[str, str]]) -> None:
    if unreadable:
        _logger.warning("%d videos cannot be read and are left out (metrics.json lists them)", len(unreadable))
    for split, clips in (("train", train), ("val", val)):
        if not clips:
            raise DataError(f"not one video of '{split}' can be read")
    for label in sorted(set(splits.labels) - set(labels_of(train))):
        _logger.warning("the label '%s' has no readable video in train: the model cannot learn it", label)


def open_frame_cache(image: Image, *, cache_gb: float, region: Region | None = None) -> FrameCache:
    """The user's cache of frames, cut to a region, at the size that training crops from; makes its folder."""
    short_side = round(image.crop_size * STORED_SCALE)
    return FrameCache(default_folder(), short_side=short_side, limit_bytes=int(cache_gb * 1e9), region=region)
