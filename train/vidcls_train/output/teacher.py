"""A student beside its teacher: how often each is right, how often they agree, how large and how fast they are."""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from transformers import PreTrainedModel

from vidcls.clips import read_clips
from vidcls.contract import Contract
from vidcls.decision import EVEN, probabilities
from vidcls.evaluation.intervals import paired_bootstrap, wilson_interval
from vidcls.evaluation.per_label import mean_average_precision
from vidcls.preprocessing import normalise
from vidcls.progress import Track, untracked
from vidcls.region import Region
from vidcls_train.data.clip_list import Footage
from vidcls_train.model.teacher import Teacher
from vidcls_train.output.metrics import Results
from vidcls_train.output.scored import Scored
from vidcls_train.output.scoring import clip_logits
from vidcls_train.trainer.classification import ClassificationTrainer

# Each is timed so often, turn by turn, so that a slow spell meets both.
_RUNS = 7


def beside_teacher(
    results: Results, trainer: ClassificationTrainer, contract: Contract, *, track: Track = untracked
) -> Results:
    """The figures with a section "teacher"; as they are where the run had no teacher.

    Both are given each clip of val and test as they would be in use, by their own windows and pixels.

    Args:
        results: of the kept model.
        trainer: with that model, and with its teacher.
        contract: the student's, with its decision.
        track: shows the progress.

    Raises:
        VideoError: a video that could be read before cannot be read any more.
    """
    if trainer.distillation is None:
        return results
    distillation, teacher = trainer.distillation, trainer.distillation.teacher
    section: dict[str, Any] = {
        "name": teacher.file.name,
        "sha256": teacher.file.sha256,
        "base": teacher.contract.source.base,
        "base_license": teacher.contract.source.base_license,
        "weight": distillation.weight,
        "temperature": distillation.temperature,
        "calibration_temperature": distillation.calibration,
        "models": cost(trainer.model, teacher, results.val.clips[0].footage, contract, region=results.region),
    }
    for split, scored in (("val", results.val), ("test", results.test)):
        section[split] = None
        if scored is not None and scored.shows_any(contract.labels):
            videos = track(scored.clips, label=f"the teacher answers {split}", length=len(scored.clips))
            logits = np.stack([teacher_logits(teacher, clip.footage, region=results.region) for clip in videos])
            section[split] = compare(scored, logits, contract, temperature=distillation.calibration)
    return dataclasses.replace(results, metrics={**results.metrics, "teacher": section})


def seconds_beside_teacher(
    trainer: ClassificationTrainer, video: Footage, *, clips: int, student_seconds: float, region: Region | None
) -> float:
    """About how long `beside_teacher` takes, by a clip that the teacher answers; 0 where the run has none.

    Args:
        trainer, region: as there.
        video: the clip, which the teacher has to answer twice.
        clips: of val and test.
        student_seconds: of one clip through the student, without decoding.

    Raises:
        VideoError: the video cannot be decoded.
    """
    if trainer.distillation is None:
        return 0.0
    teacher = trainer.distillation.teacher
    teacher.logits(_pixels(video, teacher.contract, region))  # what is done once for all clips
    started = time.perf_counter()
    pixels = _pixels(video, teacher.contract, region)
    decoded = time.perf_counter()
    teacher.logits(pixels)
    ended = time.perf_counter()
    return clips * (ended - started) + (_RUNS + 1) * (ended - decoded + student_seconds)


def teacher_logits(teacher: Teacher, video: Footage, *, region: Region | None) -> npt.NDArray[np.float32]:
    """Of the video's middle view, for the student's labels, float32 [labels].

    Raises:
        VideoError: the video cannot be decoded.
    """
    return teacher.logits(_pixels(video, teacher.contract, region))[0].cpu().numpy()


def compare(
    scored: Scored, taught: npt.NDArray[np.float32], contract: Contract, *, temperature: float
) -> dict[str, Any]:
    """A split's figures of both.

    Args:
        scored: the student's answers.
        taught: the teacher's logits for the same clips and labels, float32 [clips, labels].
        contract: the student's.
        temperature: of the teacher's contract.

    Returns:
        "videos"; "student" and "teacher": the share of clips whose largest logit is their label's, "interval" its own;
        "difference" of these shares, student less teacher, with the ends of its 95 % interval, of whole footages drawn
        again; "agreement": the share of clips to which both give the same label, "agreement_interval". Where labels may
        hold together: "map" in the place of "top1", its interval None where drawing the clips again always gives the
        same, no difference, and as agreement the share of labels that both find, or both do not, from a probability of
        0.5 on.
    """
    targets = scored.answers(contract.labels).targets
    if contract.decision.activation == "sigmoid":
        student, teacher = (
            probabilities(logits, dataclasses.replace(contract.decision, temperature=own)) >= EVEN
            for logits, own in ((scored.logits, contract.decision.temperature), (taught, temperature))
        )
        figures = {
            name: dict(zip(("map", "interval"), mean_average_precision(logits, targets)[1:], strict=True))
            for name, logits in (("student", scored.logits), ("teacher", taught))
        }
        return {"videos": len(taught), **figures, "agreement": float((student == teacher).mean())}
    rows = np.arange(len(taught))
    chosen = {"student": scored.logits.argmax(axis=1), "teacher": taught.argmax(axis=1)}
    right = {name: targets[rows, labels] for name, labels in chosen.items()}
    agree = chosen["student"] == chosen["teacher"]
    groups = [clip.group for clip in scored.clips]
    return {
        "videos": len(taught),
        **{name: {"top1": float(found.mean()), "interval": _interval(found)} for name, found in right.items()},
        "difference": paired_bootstrap(right["student"].astype(float), right["teacher"].astype(float), groups=groups),
        "agreement": float(agree.mean()),
        "agreement_interval": _interval(agree),
    }


def _interval(found: npt.NDArray[np.bool_]) -> tuple[float, float]:
    return wilson_interval(int(found.sum()), len(found))


def cost(
    model: PreTrainedModel, teacher: Teacher, video: Footage, contract: Contract, *, region: Region | None
) -> dict[str, Any]:
    """What "student" and "teacher" are and cost.

    Args:
        model: the student, on any device.
        teacher: its own.
        video: whose middle view both answer.
        contract: the student's.
        region: of the picture; None for all of it.

    Returns:
        {"parameters": None of an exported file, "megabytes": of the weights, "engine", "frames", "crop_size",
        "answer_ms": the median time of one clip through the model, without decoding} of each.

    Raises:
        VideoError: the video cannot be decoded.
    """
    student, taught = _pixels(video, contract, region), _pixels(video, teacher.contract, region)
    device = next(model.parameters()).device
    model.eval()

    def answer() -> object:
        with torch.inference_mode():
            return clip_logits(model, student.to(device)).cpu()

    student_ms, teacher_ms = _turn_by_turn(answer, lambda: teacher.logits(taught))
    parameters = sum(weight.numel() for weight in model.parameters())
    size = sum(weight.numel() * weight.element_size() for weight in model.parameters())
    return {
        "student": _model(contract, parameters, size, "PyTorch", student_ms),
        "teacher": _model(teacher.contract, teacher.parameters, teacher.file.weight_bytes, teacher.engine, teacher_ms),
    }


def _model(contract: Contract, parameters: int | None, size: int, engine: str, answer_ms: float) -> dict[str, Any]:
    return {
        "parameters": parameters,
        "megabytes": size / 1e6,
        "engine": engine,
        "frames": contract.sampling.frames,
        "crop_size": contract.image.crop_size,
        "answer_ms": answer_ms,
    }


def _pixels(video: Footage, contract: Contract, region: Region | None) -> torch.Tensor:
    """The middle view as a model is given it, float32 [1, T, 3, H, W]."""
    frames = read_clips(video.path, contract, stretch=video.stretch, region=region).frames
    return torch.from_numpy(normalise(frames, contract.image))


def _turn_by_turn(*answers: Callable[[], object]) -> list[float]:
    """The median time of each in milliseconds; the first turn, which also allocates, is not counted."""
    times: list[list[float]] = [[] for _ in answers]
    for turn in range(_RUNS + 1):
        for own, answer in zip(times, answers, strict=True):
            started = time.perf_counter()
            answer()
            if turn:
                own.append((time.perf_counter() - started) * 1000)
    return [statistics.median(own) for own in times]
