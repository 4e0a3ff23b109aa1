"""Models on the Hugging Face hub: whether one is there, fetched without waiting for a hub that is not, and their cards.

The hub's own library takes longer to load than all else that is needed to refuse a command line, and what lies in a
folder has no use for it: it is loaded when something is asked of the hub or of its cache.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from vidcls.huggingface.hub_names import check_hub_name


def check_on_hub(name: str, *, expected: str, instead: str) -> None:
    """Refuse a name that is no folder's, unless this machine's cache or the hub has a model of that name.

    Args:
        name: what was given.
        expected: what may be named, for messages, such as "a checkpoint's folder, or a model on the hub".
        instead: what to do with a folder that was fetched elsewhere, such as "give --base FOLDER".

    Raises:
        ModelError: neither has it, or the hub cannot be asked, which takes a few seconds at most.
    """
    check_hub_name(name, expected=expected)
    from vidcls.huggingface import hub_access  # noqa: PLC0415 - see above

    hub_access.check_there(name, expected=expected, instead=instead)


def fetched(name: str, *, expected: str, instead: str) -> Path:
    """The folder of a model on the hub in this machine's cache: as the hub has it now, or as it was fetched before.

    Args:
        name: as for `check_on_hub`, like `expected` and `instead`.

    Raises:
        ModelError: as `check_on_hub`, or the files cannot be fetched.
    """
    check_hub_name(name, expected=expected)
    from vidcls.huggingface import hub_access  # noqa: PLC0415 - see above

    return hub_access.fetched(name, expected=expected, instead=instead)


class Card(NamedTuple):
    """base: the model that this one was made from, a name on the hub. licence: its short name. None: not said."""

    base: str | None
    licence: str | None


def read_card(card: Path) -> Card:
    """What the metadata of a model card's file says; nothing where there is none or it cannot be read."""
    if not card.is_file():
        return Card(base=None, licence=None)
    from vidcls.huggingface import hub_access  # noqa: PLC0415 - see above

    said = hub_access.card_fields(card)
    base, licence = said.get("base_model"), said.get("license")
    return Card(base=base if isinstance(base, str) else None, licence=licence if isinstance(licence, str) else None)
