"""A pretrained encoder -> the model to train, with a new head for classification or a decoder for pretraining."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from pathlib import Path

import torch
from transformers import PretrainedConfig, PreTrainedModel, VideoMAEForPreTraining

from vidcls.errors import ModelError
from vidcls.huggingface import find_weights, is_non_commercial
from vidcls_train.data.clip_list import MULTI_LABEL, SINGLE_LABEL, ProblemType
from vidcls_train.hybrid.videomae_hybrid import VideoMAEHybridForVideoClassification
from vidcls_train.model.base_checkpoint import load_config, load_pretrained
from vidcls_train.model.base_folder import base_image, check_pretrainable, pretraining_image
from vidcls_train.model.families import Family, check_shape, family_of, set_sizes, sizes_of
from vidcls_train.model.origin import origin_of
from vidcls_train.model.positions import resized
from vidcls_train.model.starting_point import PretrainingPoint, StartingPoint, label_maps

_PRETRAINED = "VideoMAEForPreTraining"  # as config.json names it

# Draws its own random numbers, which a resumed run would not draw again; what a run asks for is `model.drop_path`'s.
_NO_RANDOMNESS = {
    "vjepa2": {"drop_path_rate": 0.0},
    "timesformer": {"drop_path_rate": 0.0, "hidden_dropout_prob": 0.0},
    "vivit": {"hidden_dropout_prob": 0.0},
}

# What is said where the data contradicts a base, by the problem type of the data.
_OTHER_PROBLEM = {
    MULTI_LABEL: "was trained for one label a clip; the data has any number, and the model learns that",
    SINGLE_LABEL: "was trained for any number of labels a clip; the data has one each, and the model learns that",
}


def from_base(
    base: str,
    labels: tuple[str, ...],
    *,
    frames: int | None,
    image_size: int | None,
    resize: str | None,
    problem_type: ProblemType = SINGLE_LABEL,
) -> StartingPoint:
    """A pretrained classifier or encoder in float32, with a head for `labels`.

    The head is a new one, unless the base was trained for the same labels in the same order.

    Args:
        base: a folder.
        labels: in class id order.
        frames: per clip; None for the base's.
        image_size: pixels, square; None for the base's.
        resize: how frames are made square, "shortest_edge" or "stretch"; None for the base's.
        problem_type: whether a clip of the data has one label, or any number; whatever the base was trained for.

    Raises:
        ModelError: there is no such checkpoint, it is none of the families that can be trained, parts of its encoder
            are missing or of another size, or its preprocessing is one that vidcls does not do.
        ValueError: frames or image_size do not fit the base's tubelets or patches.
    """
    config = load_config(base)
    family = family_of(config)
    own_frames, own_size = sizes_of(config)
    old_labels = tuple(config.id2label.get(index) for index in range(config.num_labels))
    image, notices = base_image(base, family, own_size=own_size, image_size=image_size, resize=resize)
    problem_differs = (config.problem_type == MULTI_LABEL) != (problem_type == MULTI_LABEL)
    config.update({**label_maps(labels), "num_labels": len(labels), "problem_type": problem_type})
    set_sizes(config, frames=frames or own_frames, image_size=image.crop_size)
    _prepare(config)
    model, had_head, left_out = _load_classifier(base, config, other_head=len(old_labels) != len(labels))
    if had_head and old_labels != labels:
        _renew_head(model)
    notices += find_weights(Path(base)).notices
    notices += (_head_notice(base, old_labels if had_head else None, labels), *left_out)
    if had_head and problem_differs:
        notices += (f"{base}: {_OTHER_PROBLEM[problem_type]}",)
    origin = origin_of(base)
    notices += _licence_notices(base, origin.licence)
    frames, _ = sizes_of(config)
    return StartingPoint(model=model, image=image, frames=frames, origin=origin, notices=notices)


def masked_from_base(base: str, *, frames: int | None, image_size: int | None) -> PretrainingPoint:
    """A pretrained or fine-tuned VideoMAE in float32 for masked pretraining, with a new decoder if it has none.

    Raises:
        ModelError: there is no such checkpoint, it is no VideoMAE, or parts of its encoder are missing.
        ValueError: frames or image_size do not fit the base's tubelets or patches.
    """
    config = load_config(base)
    check_pretrainable(base, config.model_type)
    image, notices = pretraining_image(base, own_size=config.image_size, image_size=image_size)
    config.update({"num_frames": frames or config.num_frames, "image_size": image.crop_size})
    check_shape(config)
    loaded, loading = load_pretrained(
        base, VideoMAEForPreTraining, config=config, use_safetensors=True, output_loading_info=True
    )
    missing = set(loading["missing_keys"])
    lost = sorted(name for name in missing if name.startswith(("videomae.encoder.", "videomae.embeddings.")))
    if lost:
        raise ModelError(f"{base}: lacks {len(lost)} of the encoder's weights ('{lost[0]}' and so on); not a VideoMAE")
    # Into a fresh model: where weights are missing, transformers leaves some as it finds them in memory.
    model = VideoMAEForPreTraining(config)
    weights = {name: weight for name, weight in loaded.float().state_dict().items() if name not in missing}
    model.load_state_dict(weights, strict=False)
    origin = origin_of(base)
    notices += (*find_weights(Path(base)).notices, *_licence_notices(base, origin.licence))
    return PretrainingPoint(model=model, image=image, frames=config.num_frames, origin=origin, notices=notices)


def freeze_encoder(model: PreTrainedModel) -> None:
    """Leave only the head to be trained, and what stands between it and the encoder: a norm, V-JEPA 2's pooler.

    Example:
        >>> from transformers import VideoMAEConfig, VideoMAEForVideoClassification
        >>> config = VideoMAEConfig(
        ...     hidden_size=24, num_hidden_layers=1, num_attention_heads=2, intermediate_size=48, image_size=32
        ... )
        >>> model = VideoMAEForVideoClassification(config)
        >>> freeze_encoder(model)
        >>> sorted(name for name, weight in model.named_parameters() if weight.requires_grad)
        ['classifier.bias', 'classifier.weight', 'fc_norm.bias', 'fc_norm.weight']
    """
    for weight in model.base_model.parameters():
        weight.requires_grad_(False)


def _prepare(config: PretrainedConfig) -> None:
    """Set what a training needs; raises a ValueError where the sizes are no whole number of patches and tubelets."""
    check_shape(config)
    if _PRETRAINED in (config.architectures or []):
        # As in VideoMAE's own fine-tuning: a new head takes the mean of all tokens, not the first one alone.
        config.use_mean_pooling = True
    config.update(_NO_RANDOMNESS.get(config.model_type, {}))


def _load_classifier(
    base: str, config: PretrainedConfig, *, other_head: bool
) -> tuple[PreTrainedModel, bool, tuple[str, ...]]:
    """The base's classifier in float32, whether it brought a head with it, and a sentence on weights without a place.

    other_head: as in `_check_weights`.
    """
    family = family_of(config)
    # Positions that are weights have the base's own sizes, from which others are made afterwards.
    own = copy.deepcopy(config)
    if family.learned_positions:
        frames, image_size = sizes_of(load_config(base))
        set_sizes(own, frames=frames, image_size=image_size)
    model, loading = load_pretrained(
        base,
        family.class_of(),
        config=own,
        ignore_mismatched_sizes=True,
        use_safetensors=True,  # the other format is a pickle, which can run any code
        output_loading_info=True,
    )
    # transformers 5 gives each name with the two shapes.
    mismatched = {key if isinstance(key, str) else key[0] for key in loading["mismatched_keys"]}
    missing = set(loading["missing_keys"]) - mismatched
    _check_weights(base, family, missing=missing, mismatched=mismatched, other_head=other_head)
    had_head = not any(name.startswith("classifier.") for name in missing)
    left_out = _left_out(base, model, family, loading["unexpected_keys"])
    # transformers 5 keeps the checkpoint's type, and half precision does not train
    model = resized(model.float(), config)
    if isinstance(model, VideoMAEHybridForVideoClassification):
        model.videomae.embeddings.patch_embeddings.fix_finer_stages()
    if family.unused is not None:
        model.get_submodule(family.unused).requires_grad_(False)
    return model, had_head, left_out


def _left_out(base: str, model: PreTrainedModel, family: Family, names: Iterable[str]) -> tuple[str, ...]:
    """What is said of weights that the model has no place for, such as a decoder's; those of an encoder are refused."""
    names = sorted(name for name in names if not name.startswith(family.new_parts))
    encoder = [name for name in names if name.startswith(f"{model.base_model_prefix}.")]
    if encoder:
        raise ModelError(
            f"{base}: its weights hold {len(encoder)} of an encoder that config.json has no place for ('{encoder[0]}' "
            "first), so they are another model's; take both files from the same one"
        )
    if not names:
        return ()
    return (f"{base}: {len(names)} of its weights are left out, which a classifier does not need ('{names[0]}' first)",)


def _check_weights(
    base: str, family: Family, *, missing: Iterable[str], mismatched: Iterable[str], other_head: bool
) -> None:
    """Refuse weights that transformers has replaced by random numbers, except for those of a head.

    other_head: the new labels are more or fewer, so that the classifier's size has to differ.
    """
    lost = sorted(name for name in missing if not name.startswith(family.new_parts))
    if lost:
        raise ModelError(
            f"{base}: lacks {len(lost)} of the encoder's weights ('{lost[0]}' and so on); not a {family.title}"
        )
    wrong = sorted(name for name in mismatched if not (other_head and name.startswith("classifier.")))
    if wrong:
        raise ModelError(
            f"{base}: {len(wrong)} of its weights ('{wrong[0]}' and so on) have another size than config.json says; "
            "take both files from the same model"
        )


def _renew_head(model: PreTrainedModel) -> None:
    """Draw the classifier anew, as transformers draws that of a fresh model."""
    torch.nn.init.normal_(model.classifier.weight, std=model.config.initializer_range)
    torch.nn.init.zeros_(model.classifier.bias)


def _licence_notices(base: str, licence: str | None) -> tuple[str, ...]:
    """What the licence of its weights means to whoever trains on them; nothing where it allows all."""
    if licence is None:
        return (f"{base}: the licence of its weights is unknown, see its page; the result falls under it too",)
    if is_non_commercial(licence):
        return (f"{base}: its weights are licensed {licence}: not for commercial use, and neither is the result",)
    return ()


def _head_notice(base: str, old: tuple[str | None, ...] | None, new: tuple[str, ...]) -> str:
    """What becomes of the base's head for the labels `old`, None where it has none."""
    if old is None:
        return f"{base}: has no classification head; a new one for {len(new)} labels is trained"
    if old == new:
        return f"{base}: its head is kept and trained on, as it is for the same {len(new)} labels in the same order"
    return (
        f"{base}: its head for {len(old)} labels is replaced by a new one for {len(new)}, as the labels or their order "
        "differ"
    )
