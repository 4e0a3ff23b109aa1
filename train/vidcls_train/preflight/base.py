"""Whether a base is there: a folder on this machine, a model in the hub's cache, or one that the hub answers for."""

from __future__ import annotations

from pathlib import Path

from vidcls.errors import ModelError
from vidcls.huggingface import CONFIG_FILE
from vidcls.huggingface.hub import check_on_hub

# What else makes a folder a checkpoint: those who load it say what to do with it.
_OTHER_KINDS = ("adapter_config.json", "checkpoint-*")


def check_base(base: str) -> None:
    """Refuse a base that cannot be loaded, as far as its name and its folder say.

    Args:
        base: a folder, or a model's name on the hub.

    Raises:
        ModelError: there is no such folder, it holds no checkpoint, or neither cache nor hub have a model of that name.
    """
    folder = Path(base)
    if folder.is_dir():
        if not (folder / CONFIG_FILE).is_file() and not any(next(folder.glob(kind), None) for kind in _OTHER_KINDS):
            raise ModelError(
                f"{base}: holds no {CONFIG_FILE}; name a folder that vidcls-train, vidcls-pretrain or transformers' "
                "save_pretrained has written"
            )
    elif folder.exists():
        raise ModelError(f"{base}: is a file, expected a checkpoint's folder or a model's name on the hub")
    else:
        check_on_hub(
            base,
            expected="a checkpoint's folder, or a model on the hub",
            instead="give --base FOLDER, or train what needs no hub: --base vidcls/tiny or --preset tiny",
        )
