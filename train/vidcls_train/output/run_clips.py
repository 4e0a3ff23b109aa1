"""Which clips a run is trained on, validated and tested by, kept in its folder: --resume goes on with these alone.

Clips that come or go between would move others from train to test where they are split here, and the model would be
tested by what it was trained on.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Annotated

from vidcls.errors import ArgumentError
from vidcls.files.atomic import write_whole
from vidcls.fingerprint import ALGORITHM, MATCHING_BITS
from vidcls.printable import printable
from vidcls.schema import read_fields, read_json
from vidcls.schema.bounds import HexDigits
from vidcls_train.audit.check import DataCheck
from vidcls_train.config.settings import DamagedRunError, TrainConfig
from vidcls_train.data.clip_list import (
    MULTI_LABEL,
    NONE_LABEL,
    SEPARATOR,
    SINGLE_LABEL,
    SPLITS,
    ClipList,
    ProblemType,
)

CLIPS_FILE = "clips.json"
# What videos without labels are known by: half of the SHA-256 of their files, as many digits as fingerprints have.
_FILES_ALGORITHM = "sha256-128"


@dataclass(frozen=True, kw_only=True)
class RunClip:
    """One readable clip.

    video: its file, relative to DATA where it lies in it.
    split: one of SPLITS.
    start_seconds, end_seconds: of the stretch of it, in seconds after its first frame; None for the whole file.
    fingerprint: see `algorithm` of `RunClips`; None of a run with --no-fingerprints.
    """

    video: str
    split: str
    labels: tuple[str, ...]
    start_seconds: float | None
    end_seconds: float | None
    fingerprint: Annotated[str, HexDigits(32)] | None

    @property
    def footage(self) -> tuple[str, float | None, float | None]:
        """By which it is known among other clips."""
        return self.video, self.start_seconds, self.end_seconds

    def __str__(self) -> str:
        """As messages name it."""
        stretch = "" if self.start_seconds is None else f" [{self.start_seconds:.2f} to {self.end_seconds:.2f} s]"
        return printable(self.video) + stretch


@dataclass(frozen=True, kw_only=True)
class RunClips:
    """The readable clips of a run, in the order of their splits.

    labels: of all clips of DATA, sorted. algorithm: of the fingerprints, `vidcls.fingerprint`'s or that of files; None
        where there are none.
    """

    problem_type: ProblemType
    labels: tuple[str, ...]
    algorithm: str | None
    clips: tuple[RunClip, ...]


def run_clips(config: TrainConfig, found: ClipList, checked: DataCheck, *, unpacked: Path) -> RunClips:
    """The clips of a run that begins, or goes on.

    Args:
        config: of the run.
        found: what DATA holds.
        checked: the readable ones, split.
        unpacked: where the files of DATA are, if it is an archive.
    """
    without = config.decision.no_fingerprints
    data = Path(config.data.data)
    folders = (unpacked, data, data.parent)
    clips = [
        RunClip(
            video=_relative(clip.path, folders),
            split=split,
            labels=clip.labels,
            start_seconds=clip.start_seconds,
            end_seconds=clip.end_seconds,
            fingerprint=None if without else checked.fingerprints[clip.footage].hex(),
        )
        for split in SPLITS
        for clip in getattr(checked.splits, split)
    ]
    return RunClips(
        problem_type=found.problem_type,
        labels=found.labels,
        algorithm=None if without else ALGORITHM,
        clips=tuple(clips),
    )


def unlabelled_run_clips(data: str, keys: Mapping[Path, str]) -> RunClips:
    """The clips of a pretraining that begins, or goes on.

    Args:
        data: the folder.
        keys: {a readable video: the SHA-256 of its file}, in the order in which batches are drawn from them.
    """
    clips = [
        RunClip(
            video=_relative(path, (Path(data),)),
            split="train",
            labels=(),
            start_seconds=None,
            end_seconds=None,
            fingerprint=key[:32],
        )
        for path, key in keys.items()
    ]
    return RunClips(problem_type=SINGLE_LABEL, labels=(), algorithm=_FILES_ALGORITHM, clips=tuple(clips))


def _relative(path: Path, folders: Sequence[Path]) -> str:
    """The name of a video, from the first of these that it lies in."""
    folder = next((folder for folder in folders if path.is_relative_to(folder)), None)
    return str(path) if folder is None else path.relative_to(folder).as_posix()


def save_clips(output: Path, clips: RunClips) -> None:
    """Write the clips of a run into its folder."""
    write_whole(output / CLIPS_FILE, (json.dumps(dataclasses.asdict(clips), indent=1) + "\n").encode())


def check_same_clips(output: Path, clips: RunClips) -> None:
    """Compare the clips with those that the run in the output folder was begun with, if it says which these are.

    Raises:
        ValueError: they are others; names the first label or clip that differs.
        DamagedRunError: the run's own cannot be read.
    """
    file = output / CLIPS_FILE
    if not file.exists():  # of a version that kept none
        return
    try:
        before = read_fields(RunClips, read_json(file.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise DamagedRunError(
            f"{file}: is damaged ({error}); copy it from a backup, or begin anew in another folder"
        ) from None
    comparisons = (_other_labels, _other_footage, _other_split, _other_clip)
    difference = next(filter(None, (compare(before, clips) for compare in comparisons)), None)
    if difference is not None:
        raise ArgumentError(
            f"--resume goes on with the clips of {file}, and {difference}; put the clips back as they were, or begin "
            "anew in another folder"
        )


def _other_labels(before: RunClips, now: RunClips) -> str | None:
    for label in before.labels:
        if label not in now.labels:
            return f"the label '{printable(label)}' is gone"
    for label in now.labels:
        if label not in before.labels:
            return f"the label '{printable(label)}' is new"
    if before.problem_type != now.problem_type:
        return f"a clip may have {'any number of labels' if now.problem_type == MULTI_LABEL else 'one label only'}"
    return None


def _other_footage(before: RunClips, now: RunClips) -> str | None:
    """Said before all else of clips: what comes or goes may move others to other splits."""
    had, has = ({clip.footage for clip in each.clips} for each in (before, now))
    for clip in before.clips:
        if clip.footage not in has:
            return f"{clip} of {clip.split} is gone or cannot be read"
    for clip in now.clips:
        if clip.footage not in had:
            return f"{clip} is new"
    return None


def _other_split(before: RunClips, now: RunClips) -> str | None:
    splits: dict[object, list[str]] = {}  # a file may be listed for several
    for clip in now.clips:
        splits.setdefault(clip.footage, []).append(clip.split)
    for clip in before.clips:
        if clip.split not in splits[clip.footage]:
            return f"{clip} of {clip.split} is now in {splits[clip.footage][0]}"
    return None


def _other_clip(before: RunClips, now: RunClips) -> str | None:
    """The first difference between clips of the same footage in the same splits."""
    same_algorithm = before.algorithm == now.algorithm
    for was, clip in zip_longest(before.clips, now.clips):
        if was is None or clip is None or (was.footage, was.split) != (clip.footage, clip.split):
            return f"{was or clip} comes in another place"  # by which batches are drawn
        if clip.labels != was.labels:
            shown, shows = (printable(SEPARATOR.join(each.labels) or NONE_LABEL) for each in (was, clip))
            return f"{was} is now labelled '{shows}', not '{shown}'"
        if same_algorithm and _shows_other(was.fingerprint, clip.fingerprint):
            return f"{was} shows something else"
    return None


def _shows_other(before: str | None, now: str | None) -> bool:
    """Whether two fingerprints are of different footage; some bits change with who decodes it."""
    if before is None or now is None:
        return False
    return (int(before, 16) ^ int(now, 16)).bit_count() > MATCHING_BITS
