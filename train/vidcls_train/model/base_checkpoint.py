"""A base checkpoint's folder, loaded by transformers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from transformers import AutoConfig, PretrainedConfig
from transformers.utils import logging

import vidcls_train.hybrid.videomae_hybrid  # noqa: F401 - which makes transformers know it
from vidcls.errors import ModelError
from vidcls.huggingface import CONFIG_FILE, find_weights
from vidcls.huggingface.hub_names import hub_problem
from vidcls_train.model.base_folder import check_kind


def load_config(base: str) -> PretrainedConfig:
    """The config.json in a base's folder.

    Raises:
        ModelError: there is no such checkpoint, it is none of the families that can be trained, it takes no RGB, or it
            answers every frame by itself.
    """
    if not (Path(base) / CONFIG_FILE).exists():
        find_weights(Path(base))  # says what is there instead
    config: PretrainedConfig = load_pretrained(base, AutoConfig)
    check_kind(base, vars(config) | {"model_type": config.model_type})
    find_weights(Path(base))
    return config


def load_pretrained(base: str, kind: Any, **options: Any) -> Any:
    """What `kind.from_pretrained` returns for the base, without its log.

    Args:
        base: a folder.
        kind: a class of transformers.
        options: of its `from_pretrained`.

    Raises:
        ModelError: it cannot be loaded.
    """
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()  # what it has to say of missing weights is checked, and said, here
    if bars:  # one for the parts of a checkpoint is drawn in a log file too
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
        if bars:
            logging.enable_progress_bar()
