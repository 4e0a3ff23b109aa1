"""Which clips a model knows, for its contract."""

from __future__ import annotations

import logging

from vidcls.contract import MOST_FINGERPRINTS, ClipFingerprints
from vidcls.fingerprint import ALGORITHM, encode
from vidcls_train.audit.check import DataCheck
from vidcls_train.data.clip_list import Clip
from vidcls_train.data.preparation import PreparedClips

_LOG = logging.getLogger("vidcls.train")


def clip_fingerprints(prepared: PreparedClips, checked: DataCheck) -> ClipFingerprints | None:
    """Fingerprints of the clips that are trained on and chosen by.

    None, and said so, where there are more of them than a contract holds.

    Args:
        prepared: the readable clips by split.
        checked: with the fingerprint of each.
    """
    clips = len(prepared.train) + len(prepared.val)
    if clips > MOST_FINGERPRINTS:
        _LOG.warning(
            "the model does not say which clips it was trained on: a contract holds the fingerprints of %s, and these "
            "are %s",
            f"{MOST_FINGERPRINTS:,}",
            f"{clips:,}",
        )
        return None

    def encoded(clips: list[Clip]) -> str:
        return encode([checked.fingerprints[clip.footage] for clip in clips])

    return ClipFingerprints(algorithm=ALGORITHM, train=encoded(prepared.train), val=encoded(prepared.val))
