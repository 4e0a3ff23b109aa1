"""Models on the Hugging Face hub: whether one is there, fetched without waiting for a hub that is not, and their cards.

The hub's own library, huggingface_hub, comes with what trains and what exports; what predicts has no use for it.
"""

from __future__ import annotations

import os
import re
import threading
from pathlib import Path
from typing import NamedTuple

from huggingface_hub import ModelCard, constants, hf_hub_url, snapshot_download, try_to_load_from_cache
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils import build_hf_headers, get_session, validate_repo_id  # type: ignore[attr-defined]
from yaml import YAMLError  # type: ignore[import-untyped]

from vidcls.contract import CHECKPOINT_FILE
from vidcls.errors import ModelError
from vidcls.huggingface.preprocessor import PREPROCESSOR_FILES
from vidcls.huggingface.weights import CONFIG_FILE, SHARDS_FILE, WEIGHTS_FILE
from vidcls.printable import printable
from vidcls.video.protocols import without_secrets

CARD_FILE = "README.md"

# What is fetched of a model: weights are in one file, or in parts with an index.
_WANTED = [
    *(CONFIG_FILE, WEIGHTS_FILE, SHARDS_FILE, "model-*-of-*.safetensors", CHECKPOINT_FILE, CARD_FILE),
    *PREPROCESSOR_FILES,
]

# Where the hub's library keeps a model, below its cache.
_SNAPSHOT = re.compile(r"models--(?P<name>.+)")

# The hub answers within one.
_HUB_SECONDS = 3.5

# What systems say of a name that they cannot look up.
_NO_NETWORK = ("failed to resolve", "name or service not known", "name resolution", "getaddrinfo failed", "nodename")

# More than owner/name, beginning as no name on the hub does, or ending as a file does.
_PATH = re.compile(r"[./~].*|.*[/\\].*[/\\].*|.*\\.*|[A-Za-z]:.*|.*\.onnx")


def check_on_hub(name: str, *, expected: str, instead: str) -> None:
    """Refuse a name that is no folder's, unless this machine's cache or the hub has a model of that name.

    Args:
        name: what was given.
        expected: what may be named, for messages, such as "a checkpoint's folder, or a model on the hub".
        instead: what to do with a folder that was fetched elsewhere, such as "give --base FOLDER".

    Raises:
        ModelError: neither has it, or the hub cannot be asked, which takes a few seconds at most.
    """
    _check_name(name, expected=expected)
    problem = None if _is_cached(name) else _problem(name, instead=instead)
    if problem is not None:
        raise ModelError(problem)


def fetched(name: str, *, expected: str, instead: str) -> Path:
    """The folder of a model on the hub in this machine's cache: as the hub has it now, or as it was fetched before.

    Args:
        name: as for `check_on_hub`, like `expected` and `instead`.

    Raises:
        ModelError: as `check_on_hub`, or the files cannot be fetched.
    """
    _check_name(name, expected=expected)
    problem = _problem(name, instead=instead)
    if problem is not None and not _is_cached(name):
        raise ModelError(problem)
    try:
        return Path(snapshot_download(name, allow_patterns=_WANTED, local_files_only=problem is not None))
    except (OSError, HfHubHTTPError) as error:
        raise ModelError(
            f"{name}: cannot be fetched from the hub ({hub_problem(error)}); try again, or fetch it with "
            f"'hf download {name} --local-dir FOLDER' and {instead}"
        ) from None


def snapshot_name(folder: Path) -> str | None:
    """The name on the hub of the model that lies in a folder of the hub's cache; None of any other folder.

    Example:
        >>> snapshot_name(Path("hub/models--MCG-NJU--videomae-base/snapshots/0123"))
        'MCG-NJU/videomae-base'
    """
    parents = folder.absolute().parents
    found = _SNAPSHOT.fullmatch(parents[1].name) if len(parents) > 1 and parents[0].name == "snapshots" else None
    return None if found is None else found["name"].replace("--", "/")


class Card(NamedTuple):
    """base: the model that this one was made from, a name on the hub. licence: its short name. None: not said."""

    base: str | None
    licence: str | None


def read_card(card: Path) -> Card:
    """What the metadata of a model card's file says; nothing where there is none or it cannot be read."""
    try:
        said = ModelCard.load(card, ignore_metadata_errors=True).data
    except (OSError, ValueError, HfHubHTTPError, YAMLError):
        return Card(base=None, licence=None)
    base, licence = said.get("base_model"), said.get("license")
    return Card(base=base if isinstance(base, str) else None, licence=licence if isinstance(licence, str) else None)


def hub_problem(error: Exception) -> str:
    """What went wrong between here and the hub: the first line of an error's text, without signatures in addresses.

    Example:
        >>> hub_problem(OSError("403 for url: https://cdn.example/a?X-Amz-Signature=5f1e&part=2"))
        '403 for url: https://cdn.example/a?X-Amz-Signature=...&part=2'
    """
    line = str(error).strip().partition("\n")[0]
    return printable(without_secrets(line)) or type(error).__name__


def _check_name(name: str, *, expected: str) -> None:
    if _PATH.fullmatch(name):
        raise ModelError(f"{name}: there is no such folder; name {expected}")
    try:
        validate_repo_id(name)
    except ValueError:
        raise ModelError(
            f"{name}: there is no such folder, and no model on the hub can be called so; name {expected}"
        ) from None


def _is_cached(name: str) -> bool:
    return isinstance(try_to_load_from_cache(name, CONFIG_FILE), str)


def _problem(name: str, *, instead: str) -> str | None:
    """Why the hub does not give a model; None where it does.

    It is asked once and for a few seconds: its own library tries again for minutes.
    """
    if constants.HF_HUB_OFFLINE:
        return _unreachable(name, "HF_HUB_OFFLINE says not to ask the hub", instead)
    seconds = float(os.environ.get("HF_HUB_ETAG_TIMEOUT", _HUB_SECONDS))
    answers: list[int | Exception] = []
    thread = threading.Thread(target=lambda: answers.append(_answer(name, seconds)), daemon=True)
    thread.start()
    thread.join(seconds)  # names are looked up without a limit of their own
    if not answers:
        return _unreachable(name, f"the hub does not answer within {seconds:g} s", instead)
    (answer,) = answers
    if isinstance(answer, Exception):
        return _unreachable(name, _reason(answer), instead)
    if answer in (401, 403, 404):
        return (
            f"{name}: there is no such folder, and the hub has no model of that name that you may read (it answers "
            f"{answer}); check the name, and run 'hf auth login' if it is private"
        )
    return None


def _answer(name: str, seconds: float) -> int | Exception:
    """The status with which the hub answers for the model's configuration, or what goes wrong before it does."""
    try:
        url = hf_hub_url(name, CONFIG_FILE)
        status: int = get_session().head(url, headers=build_hf_headers(), timeout=seconds).status_code
    except Exception as error:  # noqa: BLE001 - whatever it is, the thread that waits says it
        return error
    return status


def _reason(error: Exception) -> str:
    """Why there was no answer, without the layers that each library puts around it."""
    text = str(error).lower()
    if any(phrase in text for phrase in _NO_NETWORK):
        return "there is no network, or it does not know the hub's name"
    if "connection refused" in text:
        return "the hub refuses the connection"
    return hub_problem(error)


def _unreachable(name: str, why: str, instead: str) -> str:
    return (
        f"{name}: is neither a folder nor in the cache of this machine, and cannot be fetched ({why}); run "
        f"'hf download {name} --local-dir FOLDER' where there is a network, copy FOLDER here and {instead}"
    )
