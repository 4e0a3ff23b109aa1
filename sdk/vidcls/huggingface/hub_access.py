"""What the hub or this machine's cache of it has, by the hub's own library, which is imported here alone."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, ModelCard, constants, hf_hub_url, snapshot_download, try_to_load_from_cache
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils import build_hf_headers, get_session, validate_repo_id  # type: ignore[attr-defined]
from yaml import YAMLError  # type: ignore[import-untyped]

from vidcls.contract import CHECKPOINT_FILE
from vidcls.errors import ModelError
from vidcls.huggingface.hub_names import CARD_FILE, hub_problem
from vidcls.huggingface.preprocessor import PREPROCESSOR_FILES
from vidcls.huggingface.weights import CONFIG_FILE, SHARDS_FILE, WEIGHTS_FILE, why_not_safetensors

# What is fetched of a model: weights are in one file, or in parts with an index.
_WANTED = [
    *(CONFIG_FILE, WEIGHTS_FILE, SHARDS_FILE, "model-*-of-*.safetensors", CHECKPOINT_FILE, CARD_FILE),
    *PREPROCESSOR_FILES,
]

# The hub answers within one.
_HUB_SECONDS = 3.5

# What systems say of a name that they cannot look up.
_NO_NETWORK = ("failed to resolve", "name or service not known", "name resolution", "getaddrinfo failed", "nodename")


def check_there(name: str, *, expected: str, instead: str) -> None:
    """Refuse a name that neither cache nor hub have a model of; arguments and errors as for `hub.check_on_hub`."""
    _check_name(name, expected=expected)
    problem = None if _is_cached(name) else _problem(name, instead=instead)
    if problem is not None:
        raise ModelError(problem)


def fetched(name: str, *, expected: str, instead: str) -> Path:
    """The folder of a model in the cache; arguments and errors as for `hub.fetched`."""
    _check_name(name, expected=expected)
    problem = _problem(name, instead=instead)
    if problem is not None and not _is_cached(name):
        raise ModelError(problem)
    try:
        folder = Path(snapshot_download(name, allow_patterns=_WANTED, local_files_only=problem is not None))
        files = _files(name) if problem is None and not _holds_weights(folder) else None
    except (OSError, HfHubHTTPError) as error:
        raise ModelError(
            f"{name}: cannot be fetched from the hub ({hub_problem(error)}); try again, or fetch it with "
            f"'hf download {name} --local-dir FOLDER' and {instead}"
        ) from None
    if files is not None:
        raise ModelError(
            why_not_safetensors(name, files, folder=folder)
            or f"{name}: the hub has no {WEIGHTS_FILE} of it; name a model that has one"
        )
    return folder


def _holds_weights(folder: Path) -> bool:
    return any((folder / file).exists() for file in (WEIGHTS_FILE, SHARDS_FILE))


def _files(name: str) -> list[str]:
    """All that the hub has of a model, by name."""
    return [file.rfilename for file in HfApi().model_info(name).siblings or ()]


def card_fields(card: Path) -> Mapping[str, Any]:
    """The metadata of a model card's file; nothing where they cannot be read."""
    try:
        said: dict[str, Any] = ModelCard.load(card, ignore_metadata_errors=True).data.to_dict()
    except (OSError, ValueError, HfHubHTTPError, YAMLError):
        return {}
    return said


def _check_name(name: str, *, expected: str) -> None:
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
        return _unreachable(name, _silent(seconds), instead)
    (answer,) = answers
    if isinstance(answer, Exception):
        return _unreachable(name, _reason(answer, seconds), instead)
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


def _reason(error: Exception, seconds: float) -> str:
    """Why there was no answer, without the layers that each library puts around it."""
    text = str(error).lower()
    if any(phrase in text for phrase in _NO_NETWORK):
        return "there is no network, or it does not know the hub's name"
    if "connection refused" in text:
        return "the hub refuses the connection"
    if "timed out" in text:
        return _silent(seconds)
    return hub_problem(error)


def _silent(seconds: float) -> str:
    return f"the hub does not answer within {seconds:g} s"


def _unreachable(name: str, why: str, instead: str) -> str:
    return (
        f"{name}: is neither a folder nor in the cache of this machine, and cannot be fetched ({why}); run "
        f"'hf download {name} --local-dir FOLDER' where there is a network, copy FOLDER here and {instead}"
    )
