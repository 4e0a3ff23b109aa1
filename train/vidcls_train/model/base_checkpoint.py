"""What a base checkpoint, in a folder or on the hub, is and says of itself: weights, preprocessing, licence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from huggingface_hub import _CACHED_NO_EXIST, hf_hub_download, try_to_load_from_cache
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, LocalEntryNotFoundError
from safetensors import SafetensorError
from transformers import AutoConfig, PretrainedConfig, VideoMAEConfig
from transformers.utils import logging

from vidcls.contract import CHECKPOINT_FILE, Image, read_checkpoint
from vidcls.errors import ArgumentError, ModelError
from vidcls.huggingface import CONFIG_FILE, PREPROCESSOR_FILE, Preprocessor, Weights, find_preprocessor, find_weights
from vidcls.huggingface.hub import CARD_FILE, hub_problem, read_card
from vidcls_train.bases import shipped_name
from vidcls_train.model.families import Family, family_of
from vidcls_train.model.image_section import IMAGENET_MEAN, IMAGENET_STD, image_section


def load_config(base: str) -> PretrainedConfig:
    """The base's config.json.

    Raises:
        ModelError: there is no such checkpoint, it is none of the families that can be trained, it takes no RGB, or it
            answers every frame by itself.
    """
    if Path(base).exists() and not (Path(base) / CONFIG_FILE).exists():
        base_weights(base)  # says what is there instead
    config = load_pretrained(base, AutoConfig)
    try:
        channels = family_of(config).channels
    except ModelError as error:
        raise ModelError(f"{base}: {error}") from None
    if getattr(config, channels) != 3:
        raise ModelError(
            f"{base}: config.json has {channels} {getattr(config, channels)}, expected 3 (RGB); take another checkpoint"
        )
    if getattr(config, "attention_type", None) == "space_only":
        raise ModelError(
            f"{base}: config.json has attention_type 'space_only', which answers every frame by itself and no clip; "
            "take another checkpoint"
        )
    base_weights(base)
    return config


def load_videomae_config(base: str) -> VideoMAEConfig:
    """As `load_config`, of a VideoMAE.

    Raises:
        ModelError: likewise, or it is of another family.
    """
    config = load_config(base)
    if config.model_type != VideoMAEConfig.model_type:  # a hybrid's is a VideoMAEConfig too
        raise ModelError(
            f"{shipped_name(Path(base)) or base}: is a '{config.model_type}' checkpoint, expected VideoMAE, the only "
            "one that can be pretrained; fine-tune it with 'vidcls-train --base'"
        )
    return config


def base_weights(base: str) -> Weights | None:
    """What the headers of a base's weights say; None of one on the hub.

    Raises:
        ModelError: the folder holds no safetensors, or what is there is damaged or of another kind.
    """
    return find_weights(Path(base)) if Path(base).exists() else None


def load_pretrained(base: str, kind: Any, **options: Any) -> Any:
    """What `kind.from_pretrained` returns for the base, without its log.

    Args:
        base: a folder or a hub id.
        kind: a class of transformers.
        options: of its `from_pretrained`.

    Raises:
        ModelError: it cannot be loaded.
    """
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()  # what it has to say of missing weights is checked, and said, here
    if bars and Path(base).exists():  # one for the parts of a checkpoint is drawn in a log file too
        logging.disable_progress_bar()
    try:
        return kind.from_pretrained(base, **options)
    except (OSError, RuntimeError, ValueError, SafetensorError) as error:
        raise ModelError(
            f"{base}: cannot be loaded as a checkpoint ({hub_problem(error)}); name a folder with config.json "
            "and a whole model.safetensors, or a model on the hub"
        ) from error
    finally:
        logging.set_verbosity(verbosity)
        if bars and Path(base).exists():
            logging.enable_progress_bar()


def base_image(
    base: str, family: Family, *, own_size: int, image_size: int | None, resize: str | None
) -> tuple[Image, tuple[str, ...]]:
    """The image section of the base's own preprocessing, except for what is asked for; and sentences for the user.

    Args:
        base: a folder or a hub id.
        family: of the base.
        own_size: the image size of its config.json, in pixels.
        image_size: pixels, square; None for the base's own.
        resize: "shortest_edge" or "stretch"; None for the base's own.

    Raises:
        ModelError: its preprocessing is one that vidcls does not do, contradicts config.json, or the hub cannot say.
    """
    said = _said_image(base, family, own_size)
    image = said.image
    if image_size is None and image.crop_size != own_size:
        raise ModelError(
            f"{said.path}: makes pictures of {image.crop_size} pixels, expected the image_size {own_size} of "
            "config.json; say which one is right with --image-size"
        )
    size, how = image_size or image.crop_size, resize or image.resize
    if family.resize_ratio is not None and how == "stretch":
        raise ArgumentError(
            f"--resize is stretch, which {family.title}'s processor in transformers cannot do; leave it out"
        )
    if (size, how) != (image.crop_size, image.resize):
        section = image_section(size=size, resize=how, mean=image.mean, std=image.std)
        image = replace(section, resize_size=family.resize_size(section))
    return image, said.notices


def _said_image(base: str, family: Family, own_size: int) -> Preprocessor:
    """What the base says of its preprocessing, and what is assumed of a VideoMAE that says nothing."""
    contract = Path(base) / CHECKPOINT_FILE
    if contract.exists():
        return Preprocessor(path=contract, image=read_checkpoint(Path(base)).image, notices=())
    found = _preprocessor(base)
    if found is not None:
        return found
    if family.title != "VideoMAE":
        raise ModelError(
            f"{base}: has no {family.preprocessor}, which says how frames become the input of {family.title}; copy it "
            "from the model that the weights were made from"
        )
    image = image_section(size=own_size, resize="shortest_edge", mean=IMAGENET_MEAN, std=IMAGENET_STD)
    notice = (
        f"{base}: has no {PREPROCESSOR_FILE}; frames are resized to {own_size} pixels and normalised by ImageNet's "
        "statistics, as VideoMAE's authors pretrain it"
    )
    return Preprocessor(path=Path(base), image=image, notices=(notice,))


def origin(base: str) -> tuple[str, str | None]:
    """(name of the pretrained weights, their licence or None if unknown).

    A model fine-tuned from one of ours inherits what that one was made from.
    """
    folder = Path(base)
    if (folder / CHECKPOINT_FILE).exists():
        source = read_checkpoint(folder).source
        return source.base or folder.resolve().name, source.base_license
    if folder.is_dir():
        return shipped_name(folder) or folder.resolve().name, read_card(folder / CARD_FILE).licence
    return base, read_card(base).licence


def _preprocessor(base: str) -> Preprocessor | None:
    """What the base's own file says, fetched if it is on the hub; None where it has none."""
    folder = Path(base)
    if folder.is_dir():
        return find_preprocessor(folder)
    unknown: list[ModelError] = []

    def find(name: str) -> Path | None:
        try:
            return _file_of(base, name) if not unknown else _cached(base, name)
        except ModelError as error:
            unknown.append(error)
            return _cached(base, name)

    found = find_preprocessor(folder, files=find)
    if found is None and unknown:
        raise unknown[0]
    return found


def _cached(base: str, name: str) -> Path | None:
    path = try_to_load_from_cache(base, name)
    return Path(path) if isinstance(path, str) else None


def _file_of(base: str, name: str) -> Path | None:
    """A file of a model on the hub; None where it has none."""
    try:
        return Path(hf_hub_download(base, name))
    except (OSError, ValueError, HfHubHTTPError) as error:
        # Without a connection the hub's library knows what it cached before.
        if isinstance(error, LocalEntryNotFoundError):
            absent = try_to_load_from_cache(base, name) is _CACHED_NO_EXIST
        else:
            absent = isinstance(error, EntryNotFoundError)
        if absent:
            return None
        raise ModelError(
            f"{base}: the hub does not say whether it has a {name} ({hub_problem(error)}); try again, or "
            "download the model and name its folder"
        ) from error
