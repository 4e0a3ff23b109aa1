"""What a model says of itself, and what was fitted to its logits."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from typing import Any

from vidcls.contract import Contract, ModelContract, tokens_words
from vidcls.pages.document import Section, section
from vidcls.pages.markup import Content, name, tag
from vidcls.pages.tables import pairs, table
from vidcls.pages.wording import in_brackets

_LABELS_CHARACTERS = 2000
_FINGERPRINT_BYTES = 16


def model_section(contract: Contract) -> Section:
    """Labels, input, origin: the contract in a table."""
    return section("The model", pairs(_model_rows(contract)))


def decision_section(
    contract: Contract,
    *,
    temperature_interval: tuple[float, float] | None = None,
    notes: Iterable[str] = (),
    calibration: Mapping[str, Any] | None = None,
) -> Section:
    """What was fitted, to which clips, and why something was not.

    Args:
        contract: the model's.
        temperature_interval: the 95 % interval of the temperature, where it is known.
        notes: sentences about what was not fitted.
        calibration: {split: {"videos", "before", "after"} the temperature, or None}, as metrics.json holds it.
    """
    told = [tag("li", note) for note in notes]
    return section(
        "What follows from its logits",
        pairs(_decision_rows(contract, temperature_interval)),
        _before_and_after(calibration or {}),
        tag("ul", *told, class_="plain") if told else None,
    )


def _model_rows(contract: Contract) -> Iterable[tuple[str, Content]]:
    image, sampling, source = contract.image, contract.sampling, contract.source
    listed = ", ".join(map(name, contract.labels))
    yield "labels", f"{len(contract.labels)}: {name(listed, limit=_LABELS_CHARACTERS)}"
    yield "sampling", f"{sampling.frames} frames over {sampling.clip_seconds:.3f} s"
    if contract.tokens.share is not None:
        yield "tokens", tokens_words(contract.tokens)
    yield "pixels", f"{image.resize} {image.resize_size}, crop {image.crop_size}, mean {image.mean}, std {image.std}"
    if isinstance(contract, ModelContract):
        yield "input", f"{contract.model.input.dtype} {contract.model.input.layout}"
    yield "architecture", name(source.architecture)
    yield "base", name(source.base) if source.base else "none, from scratch"
    yield "licence of the base", name(source.base_license or "unknown") if source.base else "no base"
    if source.data:
        yield "videos", ", ".join(f"{name(split)} {count}" for split, count in source.data.items())
    yield "clips it knows", _known_clips(contract)
    yield "checkpoint SHA-256", source.checkpoint_sha256
    if isinstance(contract, ModelContract):
        yield "file SHA-256", f"{contract.model.file_sha256} (with zeros in its own place)"
    yield "trained with", ", ".join(f"{name(package)} {name(version)}" for package, version in source.versions.items())


def _known_clips(contract: Contract) -> str:
    clips = contract.source.clips
    if clips is None:
        return "not in the file: it has no fingerprints of them"
    train, val = (len(base64.b64decode(text)) // _FINGERPRINT_BYTES for text in (clips.train, clips.val))
    return f"fingerprints of {train} that it was trained on and {val} that it was chosen by"


def _decision_rows(contract: Contract, interval: tuple[float, float] | None) -> Iterable[tuple[str, Content]]:
    decision = contract.decision
    fitted = decision.fitted_on
    if fitted is None:
        yield "fitted on", "nothing: probabilities are as the training left them"
    else:
        yield (
            "fitted on",
            f"{fitted.videos} clips of {name(fitted.split)}, {fitted.views} x {fitted.crops} views, {fitted.precision}",
        )
    yield (
        "temperature",
        f"{decision.temperature:.3g}{in_brackets(interval)}: probabilities are {decision.activation}"
        "(logits / temperature)",
    )
    yield "none of the labels", _none_rule(contract)
    if decision.events is not None:
        rule = decision.events
        alarms = (
            "" if rule.false_alarms_per_hour is None else f", {rule.false_alarms_per_hour:.2g} false alarms an hour"
        )
        yield (
            "events",
            f"begin at {rule.on:.2f}, end below {rule.off:.2f}, last {rule.min_seconds:g} s or more, a change costs "
            f"{rule.change_cost:g}{alarms}",
        )


def _none_rule(contract: Contract) -> str:
    decision = contract.decision
    if decision.none_label is not None:
        return f"a class of its own, '{name(decision.none_label)}', trained on clips that show none of the labels"
    if decision.activation == "sigmoid":
        return "a clip of which no label reaches its operating point, or 0.5 where it has none"
    if decision.reject is None:
        return "no rule: every clip is taken for one of the labels"
    rule = decision.reject
    accepted = "" if rule.false_accepted is None else f", and took {rule.false_accepted:.2f} of clips of none for known"
    return (
        f"known from {rule.score.replace('_', ' ')} {rule.threshold:.4g} on, which kept {rule.accepted:.2f} of right "
        f"answers where it was fitted{accepted}"
    )


def _before_and_after(calibration: Mapping[str, Any]) -> Content:
    figures = {
        "log_loss": "log loss",
        "brier": "Brier score",
        "error": "calibration error",
        "expected_error": "of a perfect model",
    }
    rows = [
        (f"{name(split)}, {when} the temperature", row["videos"], *(f"{row[when][figure]:.3f}" for figure in figures))
        for split, row in calibration.items()
        if row is not None
        for when in ("before", "after")
    ]
    caption = "Probabilities before and after the temperature; it was fitted on validation."
    return table(["clips", "how many", *figures.values()], rows, caption=caption) if rows else None
