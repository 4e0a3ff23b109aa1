"""Held-out clips that the models which a run learns from, its base and its teacher, know already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vidcls.contract import ClipFingerprints
from vidcls.fingerprint import KnownClips
from vidcls_train.data.clip_list import NONE_LABEL, Clip, Footage, Splits


def known_clips(
    splits: Splits, fingerprints: Mapping[Footage, bytes], models: Sequence[ClipFingerprints | None]
) -> dict[str, list[Footage]]:
    """{"val", "test": those of its clips that one of the models knows}, sorted by name.

    Of val those that it was trained on; of test those that it was chosen by as well, since test chooses nothing. That
    a model was chosen by a clip of val is what val is for. Clips that show none of the labels are left aside, as among
    copies: one empty yard looks like another.

    Args:
        splits: the readable clips.
        fingerprints: of each.
        models: what the contract of each says that it knows; None where it says nothing.
    """
    known = [KnownClips(clips) for clips in models if clips is not None]

    def is_known(clip: Clip, *origins: str) -> bool:
        shows_any = bool({*clip.labels} - {NONE_LABEL})
        return shows_any and any(each.match(fingerprints[clip.footage]) in origins for each in known)

    return {
        "val": sorted((clip.footage for clip in splits.val if is_known(clip, "train")), key=str),
        "test": sorted((clip.footage for clip in splits.test if is_known(clip, "train", "val")), key=str),
    }
