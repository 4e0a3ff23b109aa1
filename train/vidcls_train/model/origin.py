"""Where weights come from and which clips they know, from one folder to the next; read without PyTorch.

A trained checkpoint says so in its contract, a pretrained one, which has none, in a file of its own.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from vidcls.contract import CHECKPOINT_FILE, ClipFingerprints, read_checkpoint
from vidcls.errors import ModelError
from vidcls.files.atomic import write_whole
from vidcls.huggingface.hub import read_card
from vidcls.huggingface.hub_names import CARD_FILE
from vidcls.schema import read_fields, read_json
from vidcls_train.bases.location import base_name, is_here, located

ORIGIN_FILE = "origin.json"


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where weights come from: their name, their licence and the clips that they know, None each where unknown.

    All are None of random weights.
    """

    name: str | None = None
    licence: str | None = None
    clips: ClipFingerprints | None = None


def origin_of(base: str) -> Origin:
    """Where the weights in a base's folder come from.

    A model made from one of ours, by training or by pretraining, inherits what that one was made from, and what it
    knows.

    Raises:
        ModelError: its contract or its `ORIGIN_FILE` cannot be read.
    """
    folder = Path(base)
    if (folder / CHECKPOINT_FILE).exists():
        source = read_checkpoint(folder).source
        return Origin(name=source.base or base_name(folder), licence=source.base_license, clips=source.clips)
    file = folder / ORIGIN_FILE
    if file.exists():
        try:
            return read_fields(Origin, read_json(file.read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            raise ModelError(f"{file}: is damaged ({error}); copy it from where the folder comes from") from None
    return Origin(name=base_name(folder), licence=read_card(folder / CARD_FILE).licence)


def write_origin(folder: Path, origin: Origin) -> None:
    """Write where a pretrained checkpoint's weights come from into its folder."""
    write_whole(folder / ORIGIN_FILE, (json.dumps(dataclasses.asdict(origin), indent=1) + "\n").encode())


def known_to(base: str | None) -> ClipFingerprints | None:
    """The clips that a base on this machine knows; None without a base, and of one on the hub, which is not asked."""
    return None if base is None or not is_here(base) else origin_of(located(base)).clips
