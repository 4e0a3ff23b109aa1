"""Pushing a checkpoint to the Hugging Face hub."""

from __future__ import annotations

from pathlib import Path

from huggingface_hub import HfApi, get_token
from huggingface_hub.errors import HfHubHTTPError, HFValidationError

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
    """Make the repository if need be: a push that cannot work is to fail before hours of training.

    Raises:
        HubError: no token, or the hub refuses it or cannot be reached.
    """
    check_token(repo)
    try:
        HfApi().create_repo(repo, exist_ok=True)
    except (HfHubHTTPError, HFValidationError, OSError) as error:
        raise HubError(
            f"--push-to-hub {repo}: the hub does not accept it ({hub_problem(error)}); "
            "check the name, the token's rights and the network"
        ) from error


def push(folder: Path, repo: str) -> None:
    """Upload a checkpoint folder, without the steps in between and unpacked data.

    Raises:
        HubError: the upload failed; the folder is complete and can be pushed again.
    """
    try:
        HfApi().upload_folder(folder_path=folder, repo_id=repo, allow_patterns=_PUSHED)
    except (HfHubHTTPError, OSError) as error:
        raise HubError(
            f"{folder} is complete, but pushing it to {repo} failed ({hub_problem(error)}); "
            f"push it with 'hf upload {repo} {folder}'"
        ) from error
