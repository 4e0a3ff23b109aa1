"""Options of both training commands, made of the settings they set, and what both need before they can start."""

from __future__ import annotations

import math
import os
import types
import typing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Literal, TypeVar

import click

from vidcls.cli.options import device_option
from vidcls.errors import ArgumentError, DependencyError
from vidcls.runtime.devices import card_of
from vidcls.schema.bounds import Above
from vidcls.versions import check_training
from vidcls_train.config.groups import TEACHER_TEMPERATURE, TEACHER_WEIGHT
from vidcls_train.config.processes import process_count
from vidcls_train.config.settings import Config, TrainConfig, setting_kinds

F = TypeVar("F", bound=Callable[..., Any])


def setting(
    kind: type[Config], name: str, *, what: str, also: tuple[str, ...] = (), metavar: str | None = None
) -> Callable[[F], F]:
    """The option for a setting, of its type and in its range.

    Args:
        also: earlier names of the option, which it keeps.
    """
    hint = setting_kinds(kind)[name]
    names = [f"--{name.replace('_', '-')}", *also, name]
    if hint is bool:
        return click.option(*names, is_flag=True, help=what)
    return click.option(*names, type=_click_type(hint), metavar=metavar, help=what)


def common(kind: type[Config]) -> Callable[[F], F]:
    """Options that both commands end with."""
    options = [
        setting(kind, "frames", what="Frames per clip. Default: the preset's or the base's."),
        setting(
            kind,
            "image_size",
            what="Pixels, square; a multiple of the patch size, mostly 16 (--preset tiny: 8). Default: the preset's or "
            "the base's.",
        ),
        setting(
            kind,
            "clip_seconds",
            what="Length of the window that the frames are spread over. Default: the base's, where vidcls-train made "
            "it, else 64/30 (16 frames, every 4th, at 30 fps).",
        ),
        setting(kind, "seed", what="Default: 0."),
        device_option(
            "auto takes a CUDA card where there is one; cuda:1 the second of several. Default: auto.",
            default=None,
            take=_take_card,
        ),
        setting(
            kind,
            "workers",
            what="Processes that load clips for each one that trains. Default: half as many as CPUs, at most 4; none "
            "where /dev/shm is small.",
        ),
        setting(
            kind,
            "cache_gb",
            what="Disk for decoded training clips, in ~/.cache/vidcls/frames; those not read for longest make room, "
            "and what does not fit is decoded every epoch. Default: 20.",
        ),
        setting(kind, "resume", what="Go on with the run in the output folder from its last whole epoch."),
        setting(
            kind,
            "keep_steps",
            what="Leave checkpoints/, what --resume goes on from, in the output folder at the end. Default: it is "
            "removed once the run is complete.",
        ),
        _removed(
            "--processes",
            "--processes is no more: start several by 'torchrun --nproc-per-node 2 -m vidcls_train.cli ...'",
        ),
    ]
    return _chained(options)


def steps(kind: type[Config]) -> Callable[[F], F]:
    """Options for the length of a run and the size of its steps."""
    options = [
        setting(kind, "max_steps", what="Stop after so many steps, whatever --epochs says."),
        setting(
            kind,
            "batch_size",
            what="Clips per step of the optimizer, of all processes together. Default: the recipe's.",
        ),
        setting(
            kind,
            "gradient_accumulation_steps",
            also=("--accumulate",),
            what="Compute each batch in so many parts, one after the other, where it does not fit in memory. "
            "Default: 1.",
        ),
        setting(kind, "learning_rate", what="Highest rate, after the warm-up. Default: the recipe's."),
    ]
    return _chained(options)


def decision() -> Callable[[F], F]:
    """Options for what follows from a trained model's answers."""
    options = [
        setting(
            TrainConfig,
            "target_precision",
            what="Each label's operating point is the lowest probability that reaches this precision on the "
            "validation clips. Default: 0.9.",
        ),
        setting(
            TrainConfig,
            "false_alarm_rate",
            what="Instead of a precision: the largest share of validation clips without a label that its operating "
            "point may take for it.",
        ),
        setting(
            TrainConfig,
            "negatives",
            metavar="DIR",
            what="Videos that show none of the labels, at any depth. They are never trained on: they say how many of "
            "their like are taken for one of the labels, and which score rejects them best.",
        ),
        setting(
            TrainConfig,
            "no_fingerprints",
            what="Leave out of the model which clips it was trained on. Evaluations then count clips that it knows as "
            "if they were new; with them, whoever has a clip can find out whether it was among them.",
        ),
    ]
    return _chained(options)


def teacher() -> Callable[[F], F]:
    """Options for a student that learns another model's answers."""
    options = [
        setting(
            TrainConfig,
            "teacher",
            metavar="CHECKPOINT",
            what="Learn the answers of this model too: a checkpoint folder, an id on the hub, or a file made by "
            "vidcls-export. It has to know all labels of DATA; size, frames and normalisation may differ.",
        ),
        setting(
            TrainConfig,
            "teacher_weight",
            what=f"Share of the teacher's answers in the loss; the rest is the labels'. Default: {TEACHER_WEIGHT:g}.",
        ),
        setting(
            TrainConfig,
            "teacher_temperature",
            what=f"Softens both answers where they are compared. Default: {TEACHER_TEMPERATURE:g}.",
        ),
    ]
    return _chained(options)


def no_pretraining() -> Callable[[F], F]:
    """What `--pretraining-epochs` says, which is no more."""
    return _removed(
        "--pretraining-epochs",
        "--pretraining-epochs is no more: run 'vidcls-pretrain' on the clips first, and give its folder to --base",
    )


@contextmanager
def named_missing_packages(what: str) -> Iterator[None]:
    """Where an import fails, or a version is known not to work, say which packages `what` needs."""
    check_training(what)
    try:
        yield
    except ImportError as error:
        raise DependencyError(
            f"{what} needs packages that are not installed ({error}); run 'pip install \"vidcls[train]\"'"
        ) from error


def _chained(options: list[Callable[[F], F]]) -> Callable[[F], F]:
    def add(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def visible_cards(device: str, visible: str | None) -> str | None:
    """What CUDA_VISIBLE_DEVICES has to be for PyTorch to find one card alone, that of `device`.

    Args:
        device: as --device takes it.
        visible: what the variable is; None where it is not set.

    Raises:
        ArgumentError: the variable does not show so many cards.
    """
    number = card_of(device)
    if number is None or ":" not in device:
        return visible
    shown = None if visible is None else [name.strip() for name in visible.split(",") if name.strip()]
    if shown is None:
        return str(number)
    if number >= len(shown):
        raise ArgumentError(
            f"--device {device} was asked for, but CUDA_VISIBLE_DEVICES is {visible!r}, which shows {len(shown)}; name "
            "one of these, or unset it"
        )
    return shown[number]


def _take_card(_context: click.Context, _option: click.Parameter, device: str | None) -> str | None:
    """Hide every other card, before PyTorch is loaded; which one it was is nothing that a run depends on."""
    if device is None or ":" not in device:
        return device
    try:
        if process_count() > 1:
            raise click.BadParameter(f"{device} is for one process; several take a card each of CUDA_VISIBLE_DEVICES")
        os.environ["CUDA_VISIBLE_DEVICES"] = visible_cards(device, os.environ.get("CUDA_VISIBLE_DEVICES")) or ""
    except ArgumentError as problem:
        raise click.BadParameter(str(problem)) from None
    return "cuda"


def _removed(name: str, told: str) -> Callable[[F], F]:
    def refuse(_context: click.Context, _option: click.Parameter, value: object) -> None:
        if value is not None:
            raise click.UsageError(told)

    return click.option(name, hidden=True, expose_value=False, callback=refuse)


def _click_type(hint: Any) -> Any:
    """What a setting's type, ranges included, is to click."""
    parts = typing.get_args(hint)
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return _click_type(next(part for part in parts if part is not type(None)))
    if typing.get_origin(hint) is Literal:
        return click.Choice(parts)
    if typing.get_origin(hint) is not Annotated:
        return click.STRING
    kind, limit = parts
    if isinstance(limit, Above):
        return click.FloatRange(min=limit.low, min_open=True)
    high = None if limit.high == math.inf else limit.high
    if kind is int:
        return click.IntRange(min=int(limit.low), max=None if high is None else int(high))
    return click.FloatRange(min=limit.low, max=high)
