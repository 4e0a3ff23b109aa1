"""Pushing a checkpoint to the Hugging Face hub."""

from __future__ import annotations

import json
from pathlib import Path

from huggingface_hub import CommitOperationAdd, HfApi, get_token

from vidcls.errors import VidclsError
from vidcls.huggingface.hub_names import hub_problem

_PUSHED = [
    "README.md",
    "config.json",
    "confusion.png",
    "curves.png",
    "metrics.json",
    "model.safetensors",
    "preprocessor_config.json",
    "samples.gif",
    "vidcls.json",
    "video_preprocessor_config.json",  # of a V-JEPA 2, instead of the other
]
# What names clips of this machine in metrics.json, by path.
_OF_THIS_MACHINE = (("unreadable",), ("data", "copies"), ("data", "findings"), ("decision", "negatives", "unreadable"))


class HubError(VidclsError):
    """The hub cannot be pushed to."""


def check_token(repo: str) -> None:
    """Refuse to push where this machine has no token, which needs no hub to be known.

    Raises:
        HubError: there is none.
    """
    if get_token() is None:
        raise HubError(
            f"--push-to-hub {repo} needs a token for the hub: run 'hf auth login' or set HF_TOKEN, then start again"
        )


def check_push(repo: str) -> None:
    """Make the repository if need be, a private one: a push that cannot work is to fail before hours of training.

    Raises:
        HubError: no token, or the hub refuses it or cannot be reached.
    """
    check_token(repo)
    try:
        HfApi().create_repo(repo, exist_ok=True, private=True)
    except Exception as error:  # what a network raises is an OSError of requests, and none of httpx, which came later
        raise HubError(
            f"--push-to-hub {repo}: the hub does not accept it ({hub_problem(error)}); "
            "check the name, the token's rights and the network"
        ) from error


def push(folder: Path, repo: str) -> None:
    """Upload what the model is opened and described by; of metrics.json without what names clips of this machine.

    Raises:
        HubError: the upload failed; the folder is complete and can be pushed again.
    """
    try:
        files = [
            CommitOperationAdd(name, shared_metrics(folder) if name == "metrics.json" else str(folder / name))
            for name in _PUSHED
            if (folder / name).exists()
        ]
        HfApi().create_commit(repo, files, commit_message="Checkpoint of vidcls-train")
    except Exception as error:
        raise HubError(
            f"{folder} is complete, but pushing it to {repo} failed ({hub_problem(error)}); "
            "the same command with --resume pushes it again, and trains nothing"
        ) from error


def shared_metrics(folder: Path) -> bytes:
    """A checkpoint's metrics.json as others may read it."""
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    for *parents, name in _OF_THIS_MACHINE:
        part = metrics
        for parent in parents:
            part = part.get(parent) or {}
        part.pop(name, None)
    return json.dumps(metrics, indent=1).encode()
