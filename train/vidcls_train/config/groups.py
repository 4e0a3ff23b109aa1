"""What decides a run, in groups; each value's range stands beside it.

A new hyperparameter is one line here: its name, its range and the value at which it changes nothing, which is what
runs had that were begun before it was there. Recipes set it; a settings file names it alone, without its group.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from vidcls import huggingface
from vidcls.errors import ArgumentError
from vidcls.region import Region, check_region
from vidcls.schema.bounds import Above, HexDigits, Range

DEFAULT_CLIP_SECONDS = huggingface.DEFAULT_CLIP_SECONDS

# Training clips are stored at this multiple of the crop: the scale the guide crops 224 from goes up to 320.
STORED_SCALE = 320 / 224

# Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network" (arXiv 1503.02531), give the labels a
# "considerably lower weight" than the teacher's answers, and soften by more than 1, the less the smaller the student.
TEACHER_WEIGHT, TEACHER_TEMPERATURE = 0.9, 2.0


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """Where and how a run computes.

    output: the checkpoint folder. resume: go on with the run in it.
    workers: processes that load clips for each one that trains; None: as suits the machine.
    precision: auto is bf16 on a GPU that has it, else fp32.
    gradient_accumulation_steps: parts that a batch is computed in, one after the other, to need less memory; it changes
        no result but for the order of sums.
    gradient_checkpointing: compute layers twice, to need less memory.
    keep_steps: leave the steps that a run goes on from where they are once it is complete.
    push_to_hub: the repository on the hub that the checkpoint goes to.
    """

    output: Path
    resume: bool = False
    seed: Annotated[int, Range(0)] = 0
    device: Literal["auto", "cpu", "cuda"] = "auto"
    workers: Annotated[int, Range(0)] | None = None
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    gradient_accumulation_steps: Annotated[int, Range(1)] = 1
    gradient_checkpointing: bool = False
    keep_steps: bool = False
    push_to_hub: str | None = None


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """What is trained on.

    data: as given on the command line. clip_seconds: length of a window in seconds, see `model.window`.
    cache_gb: disk for decoded clips, in gigabytes.
    """

    data: str
    clip_seconds: Annotated[float, Above(0)] = DEFAULT_CLIP_SECONDS
    cache_gb: Annotated[float, Range(0)] = 20.0


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """What is trained. Exactly one of base and preset is set; None of the others is what that one says.

    base: a folder or an id on the hub. preset: the size of a fresh model.
    image_size: pixels, square.
    patch_levels: whether a fresh encoder sees how bright and coloured a patch is as a whole, or what varies within it
        alone, see `model.patch_embedding`. A base stays as it was made.
    tokens: which of a clip's tokens the encoder sees, in training and in use; fewer take less time,
        in training where patch_dropout does not hide as many anyway.
    """

    base: str | None = None
    preset: Literal["tiny", "small", "base"] | None = None
    frames: Annotated[int, Range(2)] | None = None
    image_size: Annotated[int, Range(16)] | None = None
    patch_levels: bool | None = None
    tokens: (
        Literal["all", "lattice:0.5", "lattice:0.25", "lattice:0.125", "moving:0.5", "moving:0.25", "moving:0.125"]
        | None
    ) = None

    def __post_init__(self) -> None:
        if (self.base is None) == (self.preset is None):
            raise ArgumentError("give --base or --preset, not both")


@dataclass(frozen=True, kw_only=True)
class OptimizationConfig:
    """How weights move.

    optimizer: muon moves the matrices of the encoder's layers as `muon` says, and the rest as adamw does.
    batch_size: clips per optimizer step, of all processes and accumulated parts together.
    learning_rate: the schedule's top. weight_decay: none on biases and norms.
    layer_decay: each layer learns so many times as fast as the one above it.
    """

    batch_size: Annotated[int, Range(1)]
    learning_rate: Annotated[float, Above(0)]
    optimizer: Literal["adamw", "muon"] = "adamw"
    weight_decay: Annotated[float, Range(0)] = 0.05
    layer_decay: Annotated[float, Range(0.1, 1)] = 1.0


@dataclass(frozen=True, kw_only=True)
class ScheduleConfig:
    """How long, and at which rate when.

    epochs: the cosine schedule's length; max_steps ends it earlier.
    warmup_ratio: share of the steps in which the rate rises.
    ema: the kept weights are an exponential moving average over about this share of the run's steps.
    """

    epochs: Annotated[int, Range(1)]
    max_steps: Annotated[int, Range(1)] | None = None
    warmup_ratio: Annotated[float, Range(0, 0.9)] = 0.1
    ema: Annotated[float, Range(0, 0.5)] = 0.0


@dataclass(frozen=True, kw_only=True)
class AugmentationConfig:
    """How a training clip is varied.

    crop_scale_min: smallest share that a training crop has of the area that the deployed model sees, 1 the largest.
    crop_aspect_ratio_max: how many times as wide as high a training crop may be, or as high as wide, before it is
        squared.
    color_jitter: how far brightness, contrast and saturation stray, as a share. 0 leaves colours as they are.
    hue_jitter: how far hues stray, as a share of the colour circle; not at all where color_jitter is 0.
    grayscale_prob: share of training clips that lose their colours; likewise.
    rand_augment: magnitude, 0 to 30; 0 is off.
    random_erasing_prob: share of training clips with a rectangle blotted out.
    """

    crop_scale_min: Annotated[float, Range(0.01, 1)] = 1.0
    crop_aspect_ratio_max: Annotated[float, Range(1, 4)] = 1.0
    color_jitter: Annotated[float, Range(0, 1)] = 0.0
    hue_jitter: Annotated[float, Range(0, 0.5)] = 0.0
    grayscale_prob: Annotated[float, Range(0, 1)] = 0.0
    rand_augment: Annotated[int, Range(0, 30)] = 0
    random_erasing_prob: Annotated[float, Range(0, 1)] = 0.0


@dataclass(frozen=True, kw_only=True)
class RegularizationConfig:
    """What keeps a classifier from knowing its clips by heart.

    drop_path: share of the last layer's branches that a training clip skips; the first layer's skips none.
    dropout: share of the numbers that a branch adds which are dropped. Processes draw it each for themselves.
    patch_dropout: share of a training clip's patches that the encoder does not see; the deployed model sees all.
        Fewer `tokens` take its place.
    mixup, cutmix: the beta distribution's parameter for mixing pairs of clips; 0 is off.
    """

    label_smoothing: Annotated[float, Range(0, 0.9)] = 0.0
    drop_path: Annotated[float, Range(0, 0.9)] = 0.0
    dropout: Annotated[float, Range(0, 0.9)] = 0.0
    patch_dropout: Annotated[float, Range(0, 0.95)] = 0.0
    mixup: Annotated[float, Range(0)] = 0.0
    cutmix: Annotated[float, Range(0)] = 0.0


@dataclass(frozen=True, kw_only=True)
class ClassificationConfig:
    """What only a training on labelled clips has.

    resize: None is what the base says, else shortest_edge.
    region: left, top, right, bottom of the part of the picture that clips are cut to, as shares; None is all of it.
    flip: mirror clips; auto: unless labels name directions.
    val_fraction: share of the videos for validation, and again for test, where the data has no splits.
    class_weights: "balanced" counts the clips of rare labels for more.
    early_stopping: end after so many epochs without a better validation accuracy; None never does.
    head_only: train the classification head alone, on an encoder that stays as it is.
    allow_duplicates: train even where much of val or test is footage that is in train too, or that the base or the
        teacher knows.
    """

    resize: Literal["shortest_edge", "stretch"] | None = None
    region: Region | None = None
    flip: Literal["auto", "on", "off"] = "auto"
    val_fraction: Annotated[float, Range(0.02, 0.33)] = 0.15
    class_weights: Literal["none", "balanced"] = "none"
    early_stopping: Annotated[int, Range(1)] | None = None
    head_only: bool = False
    allow_duplicates: bool = False

    def __post_init__(self) -> None:
        check_region(self.region)


@dataclass(frozen=True, kw_only=True)
class MaskingConfig:
    """What only masked pretraining has. mask_ratio: share of a clip's patches that are hidden, alike in all frames."""

    mask_ratio: Annotated[float, Range(0.05, 0.99)] = 0.9


@dataclass(frozen=True, kw_only=True)
class DecisionConfig:
    """What is written of a trained model beside its weights; nothing here changes these.

    target_precision: each label's operating point is the lowest probability that reaches it on validation.
    false_alarm_rate: or the lowest at which no larger share of the clips without the label is taken for it; None:
        precision decides.
    negatives: a folder of videos that show none of the labels; none of them is trained on.
    no_fingerprints: leave the fingerprints of training and validation clips out of the contract.
    """

    target_precision: Annotated[float, Range(0.5, 0.999)] = 0.9
    false_alarm_rate: Annotated[float, Range(0, 0.5)] | None = None
    negatives: str | None = None
    no_fingerprints: bool = False


@dataclass(frozen=True, kw_only=True)
class DistillationConfig:
    """What a student learns from its teacher's answers; without a teacher nothing here counts.

    teacher: a checkpoint folder, an id on the hub, or a file that vidcls-export made.
    teacher_sha256: of the teacher's weights; a run writes it down itself.
    teacher_weight: share of the teacher's answers in the loss; the rest is the labels'. None: `TEACHER_WEIGHT`.
    teacher_temperature: softens both answers where they are compared. None: `TEACHER_TEMPERATURE`.
    """

    teacher: str | None = None
    teacher_sha256: Annotated[str, HexDigits(64)] | None = None
    teacher_weight: Annotated[float, Range(0, 1)] | None = None
    teacher_temperature: Annotated[float, Range(0.05, 20)] | None = None

    def __post_init__(self) -> None:
        given = [name for name in ("teacher_weight", "teacher_temperature") if getattr(self, name) is not None]
        if self.teacher is None and given:
            raise ArgumentError(f"--{given[0].replace('_', '-')} is of no effect without --teacher; name the teacher")
