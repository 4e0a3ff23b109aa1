"""How a pretrained encoder is fine-tuned that nobody gave settings for: by its family and its layers.

What the authors published, as far as it carries over to data of a few hundred clips, batches of a few, and AdamW:

- VideoMAE (github.com/MCG-NJU/VideoMAE, scripts/ucf101 and scripts/kinetics): AdamW, weight decay 0.05, layer decay 0.7
  to 0.75, label smoothing 0.1, mixup 0.8 with cutmix 1.0, RandAugment of magnitude 7, erasing 0.25. Its rate of 2.5e-4
  for UCF101's batch of 128 is 6e-5 for one of 8 by the square root, which suits Adam; its hundred epochs would take the
  small data of most users hours on a GPU. Its new head takes the mean of all tokens.
- V-JEPA 2 (github.com/facebookresearch/vjepa2, configs/eval/vitl/ssv2.yaml and evals/video_classification_frozen): the
  encoder is never tuned there; an attentive pooler is trained on it, as it is, for 20 epochs by AdamW without warm-up,
  with the best of the rates 1e-4 to 5e-3 and of the decays 0.01 to 0.8 for a batch of 256. Crops may be small, pictures
  are varied by RandAugment and erased with 0.25; nothing is mixed, smoothed or mirrored. `--head-only` is this recipe,
  its rate in the middle, 1e-3, by the square root for a batch of 8. Where the encoder is tuned too, it moves as a large
  VideoMAE's does, layer by layer.
- TimeSformer (github.com/facebookresearch/TimeSformer, configs/Kinetics/TimeSformer_divST_8x32_224.yaml): 15 epochs of
  SGD, weight decay 1e-4, no layer decay; short sides of 256 to 320 pixels for crops of 224, which is half of the
  area at least; nothing is mixed, smoothed or erased. It answers by its class token.
- ViViT (github.com/google-research/scenic, projects/vivit/configs, something_something_v2): 35 epochs of SGD with a
  warm-up and a cosine, no weight decay, stochastic depth 0.3, label smoothing 0.3, mixup 0.3, RandAugment; colours are
  dropped with 0.1 in the one for Kinetics. Scales of 0.9 to 1.33. It answers by its class token.

- VideoMAE hybrid (`vidcls/tiny`, of this project): nothing is published. AdamW, and its picture network at a tenth of
  the rate of what has learnt nothing yet; the tiny preset's crops and colours; no clips mixed and no tokens hidden.
  Mixing was chosen on one fold of ucf8 in five, epochs and tokens on one of gestures (docs/measurements.md).

SGD's rates say nothing to AdamW: TimeSformer and ViViT take 5e-5 for a batch of 8, as transformers' guide to video
classification does. None of these was measured here on published weights but VideoMAE's and the hybrid's.
"""

from __future__ import annotations

from dataclasses import replace

from vidcls_train.config.groups import (
    AugmentationConfig,
    OptimizationConfig,
    RegularizationConfig,
    ScheduleConfig,
)
from vidcls_train.config.recipes import EMA, MILD, PRESETS, Recipe

_VIDEOMAE = Recipe(
    optimization=OptimizationConfig(batch_size=8, learning_rate=1e-4, layer_decay=0.75),
    schedule=ScheduleConfig(epochs=20, ema=EMA),
    augmentation=replace(MILD, rand_augment=7, random_erasing_prob=0.25),
    regularization=RegularizationConfig(label_smoothing=0.1, drop_path=0.1, mixup=0.8, cutmix=1.0),
)

# Encoders of more layers lose more of them to drop path, and change less with each step.
_LARGE_LAYERS = 24
_LARGE_VIDEOMAE = replace(
    _VIDEOMAE,
    optimization=replace(_VIDEOMAE.optimization, layer_decay=0.8),
    regularization=replace(_VIDEOMAE.regularization, drop_path=0.2),
)

_PROBE_AUGMENTATION = AugmentationConfig(
    crop_scale_min=0.3, crop_aspect_ratio_max=4 / 3, rand_augment=7, random_erasing_prob=0.25
)
_HYBRID = Recipe(
    optimization=OptimizationConfig(batch_size=16, learning_rate=5e-4, layer_decay=0.1),
    schedule=ScheduleConfig(epochs=24, ema=EMA),
    augmentation=AugmentationConfig(crop_scale_min=0.4, color_jitter=0.4, hue_jitter=0.1, grayscale_prob=0.2),
    regularization=RegularizationConfig(label_smoothing=0.1),
)

_VJEPA2 = Recipe(
    optimization=OptimizationConfig(batch_size=8, learning_rate=1e-4, layer_decay=0.8),
    schedule=ScheduleConfig(epochs=20, ema=EMA),
    augmentation=_PROBE_AUGMENTATION,
    regularization=RegularizationConfig(drop_path=0.1),
)

_TIMESFORMER = Recipe(
    optimization=OptimizationConfig(batch_size=8, learning_rate=5e-5, weight_decay=1e-4),
    schedule=ScheduleConfig(epochs=15, ema=EMA),
    augmentation=AugmentationConfig(crop_scale_min=0.5),
    regularization=RegularizationConfig(),
)

_VIVIT = Recipe(
    optimization=OptimizationConfig(batch_size=8, learning_rate=5e-5, weight_decay=0.0),
    schedule=ScheduleConfig(epochs=35, ema=EMA),
    augmentation=AugmentationConfig(crop_scale_min=0.43, color_jitter=0.3, grayscale_prob=0.1, rand_augment=7),
    regularization=RegularizationConfig(label_smoothing=0.3, drop_path=0.3, mixup=0.3),
)

_RECIPES = {
    "videomae": _VIDEOMAE,
    "videomae_hybrid": _HYBRID,
    "vjepa2": _VJEPA2,
    "timesformer": _TIMESFORMER,
    "vivit": _VIVIT,
}

# A head alone is a linear classifier on fixed features: it can take large steps, and cannot learn from mixtures.
_HEAD_ONLY = Recipe(
    optimization=OptimizationConfig(batch_size=8, learning_rate=1e-3, weight_decay=0.01),
    schedule=ScheduleConfig(epochs=20, ema=EMA),
    augmentation=MILD,
    regularization=RegularizationConfig(),
)

# A pooler of several layers is no linear classifier.
_PROBE = Recipe(
    optimization=OptimizationConfig(batch_size=8, learning_rate=2e-4, weight_decay=0.1),
    schedule=ScheduleConfig(epochs=20, warmup_ratio=0.0, ema=EMA),
    augmentation=_PROBE_AUGMENTATION,
    regularization=RegularizationConfig(),
)


def has_recipe(kind: str) -> bool:
    """Whether `fine_tuning_recipe` knows a `model_type`.

    Example:
        >>> has_recipe("vivit"), has_recipe("vit")
        (True, False)
    """
    return kind in _RECIPES


def fine_tuning_recipe(kind: str = "videomae", *, layers: int, head_only: bool) -> Recipe:
    """The recipe for a pretrained encoder.

    One as small as the tiny preset's, as `vidcls-pretrain` makes them, learns on as that preset does from scratch,
    without what its family does not have.

    Args:
        kind: the base's `model_type`.
        layers: of its encoder: 12 in VideoMAE-S and -B, 24 in -L and in V-JEPA 2's ViT-L.
        head_only: whether the encoder stays as it is.
    """
    if head_only:
        return _PROBE if kind == "vjepa2" else _HEAD_ONLY
    if layers <= PRESETS["tiny"].layers and kind != "videomae_hybrid":
        return _tiny(kind)
    if kind == "videomae" and layers >= _LARGE_LAYERS:
        return _LARGE_VIDEOMAE
    return _RECIPES[kind]


def _tiny(kind: str) -> Recipe:
    recipe = PRESETS["tiny"].recipe
    regularization = recipe.regularization
    if kind == "timesformer":
        return replace(recipe, regularization=replace(regularization, patch_dropout=0.0))
    if kind == "vjepa2":
        return replace(recipe, regularization=replace(regularization, dropout=0.0))
    return recipe
