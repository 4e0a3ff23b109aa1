"""Whether a base is there: a folder on this machine, a model in the hub's cache, or one that the hub answers for."""

from __future__ import annotations

import os
import re
import threading
from pathlib import Path

from huggingface_hub import constants, hf_hub_url, try_to_load_from_cache
from huggingface_hub.utils import build_hf_headers, get_session, validate_repo_id  # type: ignore[attr-defined]

from vidcls.errors import ModelError
from vidcls.huggingface import CONFIG_FILE
from vidcls_train.data.hub_problem import hub_problem

# The hub answers within one.
_HUB_SECONDS = 4.0

# What systems say of a name that they cannot look up.
_NO_NETWORK = ("failed to resolve", "name or service not known", "name resolution", "getaddrinfo failed", "nodename")

# What else makes a folder a checkpoint: those who load it say what to do with it.
_OTHER_KINDS = ("adapter_config.json", "checkpoint-*")

# More than owner/name, or beginning as no name on the hub does.
_PATH = re.compile(r"[./~].*|.*[/\\].*[/\\].*|.*\\.*|[A-Za-z]:.*")


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
    elif _PATH.fullmatch(base):
        raise ModelError(f"{base}: there is no such folder; name a checkpoint's folder, or a model on the hub")
    else:
        _check_name(base)
        if not isinstance(try_to_load_from_cache(base, CONFIG_FILE), str):
            _check_hub(base)


def _check_name(base: str) -> None:
    try:
        validate_repo_id(base)
    except ValueError as error:
        raise ModelError(f"{base}: there is no such folder, and no model on the hub can be called so") from error


def _check_hub(base: str) -> None:
    """Ask the hub for the model, once and for a few seconds: its own library tries again for minutes."""
    if constants.HF_HUB_OFFLINE:
        raise ModelError(_unreachable(base, "HF_HUB_OFFLINE says not to ask the hub"))
    seconds = float(os.environ.get("HF_HUB_ETAG_TIMEOUT", _HUB_SECONDS))
    answers: list[int | Exception] = []
    thread = threading.Thread(target=lambda: answers.append(_answer(base, seconds)), daemon=True)
    thread.start()
    thread.join(seconds)  # names are looked up without a limit of their own
    if not answers:
        raise ModelError(_unreachable(base, f"the hub does not answer within {seconds:g} s"))
    (answer,) = answers
    if isinstance(answer, Exception):
        raise ModelError(_unreachable(base, _reason(answer))) from answer
    if answer in (401, 403, 404):
        raise ModelError(
            f"{base}: there is no such folder, and the hub has no model of that name that you may read (it answers "
            f"{answer}); check the name, and run 'hf auth login' if it is private"
        )


def _answer(base: str, seconds: float) -> int | Exception:
    """The status with which the hub answers for the model's configuration, or what goes wrong before it does."""
    try:
        url = hf_hub_url(base, CONFIG_FILE)
        status: int = get_session().head(url, headers=build_hf_headers(), timeout=seconds).status_code
    except Exception as error:  # noqa: BLE001 - whatever it is, the thread that waits says it
        return error
    return status


def _reason(error: Exception) -> str:
    """Why there was no answer, without the layers that each library puts around it."""
    text = str(error).lower()
    if any(phrase in text for phrase in _NO_NETWORK):
        return "there is no network, or it does not know the hub's name"
    return hub_problem(error)


def _unreachable(base: str, why: str) -> str:
    return (
        f"{base}: is neither a folder nor in the cache of this machine, and cannot be fetched ({why}); run "
        f"'hf download {base} --local-dir FOLDER' where there is a network, copy FOLDER here and give --base FOLDER, "
        "or train a fresh model with --preset tiny"
    )
