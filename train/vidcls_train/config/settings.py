"""Everything that decides a training run, in one object that is saved with it."""

from __future__ import annotations

import dataclasses
import json
import math
import types
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from vidcls import huggingface

SETTINGS_FILE = "settings.json"


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How the weights are trained. What each field means is said in `RunSettings` and `Settings`."""

    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float = 0.05
    layer_decay: float = 1.0
    optimizer: Literal["adamw", "muon"] = "adamw"
    warmup_share: float = 0.1
    label_smoothing: float = 0.1
    drop_path: float = 0.0
    averaging: float = 0.03
    dropout: float = 0.0
    patch_dropout: float = 0.0
    crop_area: float = 0.5
    crop_stretch: float = 4 / 3
    colour_jitter: float = 0.3
    hue_jitter: float = 0.0
    grey_share: float = 0.0
    rand_augment: int = 0
    erasing: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A size of VideoMAE trained from scratch, and the recipe that suits it.

    small and base are the published VideoMAE-S and -B; tiny is for small data, small pictures and
    machines without a GPU. patch_levels: whether its encoder sees how bright and coloured a patch is as a whole.
    """

    hidden_size: int
    layers: int
    heads: int
    frames: int
    image_size: int
    patch_size: int
    patch_levels: bool
    recipe: Recipe


PRESETS = {
    "tiny": Preset(
        hidden_size=96,
        layers=6,
        heads=3,
        frames=8,
        image_size=112,
        patch_size=8,
        patch_levels=False,
        # Few clips are soon known by heart, and few places by their colours, unless both are mixed up.
        recipe=Recipe(
            epochs=80,
            batch_size=16,
            learning_rate=2e-3,
            optimizer="muon",
            dropout=0.1,
            patch_dropout=0.75,
            crop_area=0.4,
            crop_stretch=1.0,
            colour_jitter=0.4,
            hue_jitter=0.1,
            grey_share=0.2,
            mixup=0.8,
            cutmix=1.0,
        ),
    ),
    "small": Preset(
        hidden_size=384,
        layers=12,
        heads=6,
        frames=16,
        image_size=224,
        patch_size=16,
        patch_levels=True,
        recipe=Recipe(epochs=100, batch_size=8, learning_rate=5e-4),
    ),
    "base": Preset(
        hidden_size=768,
        layers=12,
        heads=12,
        frames=16,
        image_size=224,
        patch_size=16,
        patch_levels=True,
        recipe=Recipe(epochs=100, batch_size=8, learning_rate=3e-4),
    ),
}

DEFAULT_BASE = "MCG-NJU/videomae-base"

# VideoMAE's published fine-tuning of a pretrained encoder (github.com/MCG-NJU/VideoMAE, scripts/ucf101 and
# scripts/kinetics): AdamW, weight decay 0.05, layer decay 0.7 to 0.75, label smoothing 0.1, mixup 0.8 with cutmix
# 1.0, RandAugment of magnitude 7, erasing 0.25. Its rate of 2.5e-4 for UCF101's batch of 128 is 6e-5 for one of 8 by
# the square root, which suits Adam; its hundred epochs would take the small data of most users hours on a GPU.
_FINE_TUNING = Recipe(
    epochs=20,
    batch_size=8,
    learning_rate=1e-4,
    layer_decay=0.75,
    drop_path=0.1,
    rand_augment=7,
    erasing=0.25,
    mixup=0.8,
    cutmix=1.0,
)

# Encoders of more layers lose more of them to drop path, and change less with each step.
_LARGE_LAYERS = 24

# A head alone is a linear classifier on fixed features: it can take large steps, and cannot learn from mixtures.
_HEAD_ONLY = Recipe(epochs=20, batch_size=8, learning_rate=1e-3, weight_decay=0.01, label_smoothing=0.0)

DEFAULT_CLIP_SECONDS = huggingface.DEFAULT_CLIP_SECONDS

# Training clips are stored at this multiple of the crop: the scale the guide crops 224 from goes up to 320.
STORED_SCALE = 320 / 224


def fine_tuning_recipe(*, layers: int, head_only: bool) -> Recipe:
    """The recipe for a pretrained encoder of so many layers: 12 in VideoMAE-S and -B, 24 in -L.

    One as small as the tiny preset's, as `vidcls-pretrain` makes them, learns on as that preset does from scratch.
    """
    if head_only:
        return _HEAD_ONLY
    if layers <= PRESETS["tiny"].layers:
        return PRESETS["tiny"].recipe
    if layers >= _LARGE_LAYERS:
        return dataclasses.replace(_FINE_TUNING, drop_path=0.2, layer_decay=0.8)
    return _FINE_TUNING


# Smallest and largest value of what is not bounded by its type.
_RANGES = {
    "epochs": (1, math.inf),
    "max_steps": (1, math.inf),
    "batch_size": (1, math.inf),
    "learning_rate": (0, math.inf),
    "colour_jitter": (0, 1),
    "val_fraction": (0.02, 0.33),
    "seed": (0, math.inf),
    "workers": (0, math.inf),
    "processes": (1, math.inf),
    "cache_gb": (0, math.inf),
    "accumulate": (1, math.inf),
    "early_stopping": (1, math.inf),
    "weight_decay": (0, math.inf),
    "layer_decay": (0.1, 1),
    "warmup_share": (0, 0.9),
    "label_smoothing": (0, 0.9),
    "drop_path": (0, 0.9),
    "averaging": (0, 0.5),
    "dropout": (0, 0.9),
    "patch_dropout": (0, 0.95),
    "crop_area": (0.01, 1),
    "crop_stretch": (1, 4),
    "hue_jitter": (0, 0.5),
    "grey_share": (0, 1),
    "rand_augment": (0, 30),
    "erasing": (0, 1),
    "mixup": (0, math.inf),
    "cutmix": (0, math.inf),
    "pretraining_epochs": (0, math.inf),
}


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """What every kind of run has. None means: what the recipe, the preset or the base checkpoint says.

    data, output: as given on the command line. base, preset: exactly one is set.
    clip_seconds: length of a window in seconds. image_size: pixels, square.
    patch_levels: whether a fresh encoder sees how bright and coloured a patch is as a whole, or what varies within it
        alone, see `contrast`. A base stays as it was made.
    batch_size: clips per optimizer step, of all processes and accumulated parts together.
    accumulate: parts that a batch is computed in, one after the other, to need less memory; it changes
        no result but for the order of sums.
    epochs, learning_rate: the cosine schedule's length and top; max_steps ends it earlier, and pretraining too.
    warmup_share: of the steps, in which the rate rises. weight_decay: none on biases and norms.
    layer_decay: each layer learns so many times as fast as the one above it.
    optimizer: muon moves the matrices of the encoder's layers as `muon` says, and the rest as adamw does.
    averaging: the kept weights are an exponential average over about this share of the run's steps.
    crop_area: smallest share that a training crop has of the area that the deployed model sees, 1 the largest.
    processes: that train together on a CPU. workers: processes that load clips for each of them. None: as suits the
        machine. (Processes are started anew, so a script that asks for several guards its main part by __name__.)
    precision: auto is bf16 on a GPU that has it, else fp32.
    """

    data: str
    output: Path
    base: str | None = None
    preset: str | None = None
    epochs: int | None = None
    max_steps: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    frames: int | None = None
    image_size: int | None = None
    patch_levels: bool | None = None
    clip_seconds: float = DEFAULT_CLIP_SECONDS
    seed: int = 0
    device: Literal["auto", "cpu", "cuda"] = "auto"
    workers: int | None = 0
    processes: int | None = 1
    cache_gb: float = 20.0
    resume: bool = False
    accumulate: int = 1
    gradient_checkpointing: bool = False
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    weight_decay: float | None = None
    layer_decay: float | None = None
    optimizer: Literal["adamw", "muon"] | None = None
    warmup_share: float | None = None
    averaging: float | None = None
    crop_area: float | None = None

    def __post_init__(self) -> None:
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name, None)
            if value is not None and not low <= value <= high:
                limit = f"at least {low:g}" if high == math.inf else f"from {low:g} to {high:g}"
                raise ValueError(f"{name} is {value:g}, expected {limit}")

    def save(self, folder: Path) -> None:
        """Write the settings as JSON into `folder`."""
        fields = {**dataclasses.asdict(self), "output": self.output.name}
        (folder / SETTINGS_FILE).write_text(json.dumps(fields, indent=1) + "\n", encoding="utf-8")


@dataclass(frozen=True, kw_only=True)
class Settings(RunSettings):
    """One training run.

    drop_path: share of the last layer's branches that a training clip skips; the first layer's skips none.
    dropout: share of the numbers that a branch adds which are dropped. Processes draw it each for themselves.
    patch_dropout: share of a training clip's patches that the encoder does not see; the deployed model sees all.
    crop_stretch: how many times as wide as high a training crop may be, or as high as wide, before it is squared.
    colour_jitter: how far brightness, contrast and saturation stray, as a share. 0 leaves colours as they are.
    hue_jitter: how far hues stray, as a share of the colour circle; not at all where colour_jitter is 0.
    grey_share: of training clips that lose their colours; likewise. rand_augment: magnitude, 0 to 30; 0 is off.
    erasing: share of training clips with a rectangle blotted out.
    mixup, cutmix: the beta distribution's parameter for mixing pairs of clips; 0 is off.
    pretraining_epochs: of masked pretraining on the training clips, before the first epoch of training. 0, none, is the
        default: on few clips the same time of training alone gave more.
    class_weights: "balanced" counts the clips of rare labels for more.
    early_stopping: end after so many epochs without a better validation accuracy; None never does.
    head_only: train the classification head alone, on an encoder that stays as it is.
    allow_duplicates: train even where much of val or test is footage that is in train too.
    """

    resize: Literal["shortest_edge", "stretch"] | None = None
    flip: Literal["auto", "on", "off"] = "auto"
    colour_jitter: float | None = None
    val_fraction: float = 0.15
    push_to_hub: str | None = None
    head_only: bool = False
    allow_duplicates: bool = False
    early_stopping: int | None = None
    class_weights: Literal["none", "balanced"] = "none"
    label_smoothing: float | None = None
    drop_path: float | None = None
    dropout: float | None = None
    patch_dropout: float | None = None
    crop_stretch: float | None = None
    hue_jitter: float | None = None
    grey_share: float | None = None
    rand_augment: int | None = None
    erasing: float | None = None
    mixup: float | None = None
    cutmix: float | None = None
    pretraining_epochs: int = 0

    def completed(self, recipe: Recipe) -> Settings:
        """These settings, with the recipe's values for those that are not given."""
        return _filled_in(self, recipe)


@dataclass(frozen=True, kw_only=True)
class MaskedRecipe:
    """What suits masked pretraining: VideoMAE's 90 % of each clip hidden, AdamW with its rate for a batch of 256."""

    epochs: int
    batch_size: int = 8
    learning_rate: float = 1.5e-4
    optimizer: Literal["adamw", "muon"] = "adamw"
    mask_ratio: float = 0.9


# A fresh encoder as small as tiny takes larger steps.
_MASKED_RECIPES = {
    "tiny": MaskedRecipe(epochs=60, batch_size=16, learning_rate=2e-3, optimizer="muon"),
    "small": MaskedRecipe(epochs=200),
    "base": MaskedRecipe(epochs=200),
}

# For an encoder that has been pretrained.
_ADAPTING = MaskedRecipe(epochs=50)


@dataclass(frozen=True, kw_only=True)
class PretrainSettings(RunSettings):
    """One run of masked pretraining.

    mask_ratio: share of each clip's patches that are hidden, the same ones in all its frames.
    """

    mask_ratio: float | None = None
    weight_decay: float = 0.05
    layer_decay: float = 1.0
    warmup_share: float = 0.1
    averaging: float = 0.0
    crop_area: float = 0.5

    def completed(self) -> PretrainSettings:
        """These settings, with the values that suit the preset or the base for those that are not given."""
        return _filled_in(self, _MASKED_RECIPES[self.preset] if self.preset else _ADAPTING)


def pretraining_settings(settings: Settings, *, folder: Path) -> PretrainSettings:
    """Complete settings for the masked pretraining that `settings`, complete ones, ask for."""
    shared = {name: getattr(settings, name) for name in _SHARED_WITH_PRETRAINING}
    return PretrainSettings(output=folder, epochs=settings.pretraining_epochs, **shared).completed()


# What is not named here (rates, decay, crops) is the masked recipe's.
_SHARED_WITH_PRETRAINING = (
    "data",
    "base",
    "preset",
    "max_steps",
    "batch_size",
    "frames",
    "image_size",
    "patch_levels",
    "clip_seconds",
    "seed",
    "device",
    "workers",
    "cache_gb",
    "resume",
    "accumulate",
    "gradient_checkpointing",
    "precision",
)

# Fields that belong to one run, and are not taken over from another run's file.
_OF_ONE_RUN = frozenset({"data", "output", "resume", "push_to_hub"})


def read_settings(file: Path) -> dict[str, Any]:
    """Fields of `Settings` from a JSON file: some of them, or the settings.json of another run.

    What belongs to one run (data, output, resume, push_to_hub) and what is null is left out.

    Raises:
        ValueError: not such a file, or a field of another name or type; names it.
    """
    try:
        fields = json.loads(file.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{file}: is not JSON ({error})") from None
    if not isinstance(fields, dict):
        raise ValueError(f"{file}: holds a {type(fields).__name__}, expected an object of settings")
    kinds = typing.get_type_hints(Settings)
    for name, value in fields.items():
        if name not in kinds:
            raise ValueError(f"{file}: '{name}' is no setting; expected some of {', '.join(sorted(kinds))}")
        if not (name in _OF_ONE_RUN or value is None or _fits(value, kinds[name])):
            raise ValueError(f"{file}: {name} is {value!r}, expected {_described(kinds[name])}")
    return {name: value for name, value in fields.items() if name not in _OF_ONE_RUN and value is not None}


def _fits(value: Any, kind: Any) -> bool:
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return any(_fits(value, part) for part in typing.get_args(kind) if part is not type(None))
    if typing.get_origin(kind) is Literal:
        return value in typing.get_args(kind)
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return type(value) is kind


def _described(kind: Any) -> str:
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return " or ".join(_described(part) for part in typing.get_args(kind) if part is not type(None))
    if typing.get_origin(kind) is Literal:
        return "one of " + ", ".join(str(value) for value in typing.get_args(kind))
    return {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}.get(kind, str(kind))


def given(value: Any) -> Any:
    """A setting that `completed` has filled in."""
    assert value is not None  # noqa: S101 - the settings were not completed, which is a mistake of ours
    return value


_AnySettings = TypeVar("_AnySettings", bound=RunSettings)


def _filled_in(settings: _AnySettings, recipe: Recipe | MaskedRecipe) -> _AnySettings:
    missing = {name: value for name, value in dataclasses.asdict(recipe).items() if getattr(settings, name) is None}
    return dataclasses.replace(settings, **missing)
