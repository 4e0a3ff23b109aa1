"""Which clips a model knows, for its contract."""

from __future__ import annotations

import logging

from vidcls.contract import MOST_FINGERPRINTS, ClipFingerprints
from vidcls.fingerprint import ALGORITHM, decode, encode
from vidcls_train.audit.check import DataCheck
from vidcls_train.data.clip_list import Clip
from vidcls_train.data.preparation import PreparedClips

_LOG = logging.getLogger("vidcls.train")


def clip_fingerprints(
    prepared: PreparedClips, checked: DataCheck, *, base: ClipFingerprints | None
) -> ClipFingerprints:
    """Fingerprints of the clips that are trained on and chosen by, with those that the base brings along.

    Args:
        prepared: the readable clips by split.
        checked: with the fingerprint of each.
        base: what the base knows; None where that is unknown, or there is none.
    """

    def encoded(clips: list[Clip], inherited: str) -> str:
        own = [checked.fingerprints[clip.footage] for clip in clips]
        return encode([*own, *({*decode(inherited)} - {*own})])

    return ClipFingerprints(
        algorithm=ALGORITHM,
        train=encoded(prepared.train, "" if base is None else base.train),
        val=encoded(prepared.val, "" if base is None else base.val),
    )


def fitting_a_contract(clips: ClipFingerprints) -> ClipFingerprints | None:
    """The clips; None, and said so, where there are more of them than a contract holds."""
    count = len(decode(clips.train)) + len(decode(clips.val))
    if count <= MOST_FINGERPRINTS:
        return clips
    _LOG.warning(
        "the model does not say which clips it was trained on: a contract holds the fingerprints of %s, and these "
        "are %s",
        f"{MOST_FINGERPRINTS:,}",
        f"{count:,}",
    )
    return None
