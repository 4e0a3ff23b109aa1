"""A training as a page: how good the model became, how it got there, and what it does wrong."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from vidcls.contract import Contract
from vidcls.evaluation.answers import Answers
from vidcls.evaluation.intervals import figure_text, unless_point
from vidcls.evaluation.metrics import score_answers
from vidcls.pages.document import Section, page, section
from vidcls.pages.headline import figure_cards, verdict
from vidcls.pages.learning import learning_section
from vidcls.pages.markup import Content, name, preformatted, tag
from vidcls.pages.mistakes import FramesOf
from vidcls.pages.model import decision_section, model_section
from vidcls.pages.scored import score_sections
from vidcls.pages.tables import folded, pairs, table
from vidcls.pages.wording import between, with_labels

_MOST_UNREADABLE = 50
_CHOSEN_BY = (
    "There are no test clips. These are the validation clips, by which the epoch and all that follows from the logits "
    "were chosen: new clips will be answered somewhat worse."
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Training:
    """What a training has left.

    Attributes:
        name: of the model.
        contract: the checkpoint's.
        metrics: what metrics.json holds.
        split: of the clips below, "test" or, where there is none, "val".
        names, answers: of the same clips, in one order, with one view each; a name is that of a file.
        settings: every setting of the run, by name.
    """

    name: str
    contract: Contract
    metrics: Mapping[str, Any]
    split: Literal["test", "val"]
    names: Sequence[str]
    answers: Answers
    settings: Mapping[str, Any]


def training_page(made: Training, *, frames_of: FramesOf) -> str:
    """The page of a training.

    Args:
        made: the figures.
        frames_of: gives uint8 RGB [T, h, w, 3] of a clip by its number, as the model gets them.
    """
    contract, metrics = made.contract, made.metrics
    scores = score_answers(made.answers, contract.labels, contract.decision)
    base = contract.source.base
    origin = f"fine-tuned from {name(base)}" if base else "trained from scratch"
    clips = "test clips" if made.split == "test" else "validation clips"
    fitted = metrics.get("decision") or {}
    interval = fitted.get("temperature_interval")
    return page(
        f"Training of {made.name}",
        [
            tag("p", f"{name(contract.source.architecture)}, {origin}, {len(contract.labels)} labels", class_="sub"),
            verdict(scores, f"{len(with_labels(made.answers, contract))} {clips}"),
            tag("p", _CHOSEN_BY, class_="bad") if made.split == "val" else None,
            figure_cards(scores, made.answers, contract, failed=0),
        ],
        [
            _accuracy_section(metrics, contract),
            learning_section(metrics["train"], contract),
            *score_sections(made.names, made.answers, scores, contract, frames_of=frames_of),
            decision_section(
                contract,
                temperature_interval=None if interval is None else (interval[0], interval[1]),
                notes=fitted.get("notes", ()),
                calibration=fitted.get("calibration"),
            ),
            _data_section(metrics),
            model_section(contract),
            _made_with_section(made),
        ],
    )


def _accuracy_section(metrics: Mapping[str, Any], contract: Contract) -> Section:
    """Every split beside what needs no picture; never one figure over clips that were trained on and others."""
    key, words = ("top1", "top-1") if contract.decision.activation == "softmax" else ("map", "mAP")
    caption = (
        "Intervals are those of 95 % confidence. The epoch, and all that follows from the logits, was chosen by "
        "validation; the test clips were answered once, at the end."
    )
    rows = list(_accuracy_rows(metrics, key))
    return section("Accuracy", table(["clips", "how many", "views", words, "interval"], rows, caption=caption))


def _accuracy_rows(metrics: Mapping[str, Any], key: str) -> Iterable[tuple[Content, ...]]:
    splits = {"validation": metrics["val"], "test": metrics["test"], "test, many views": metrics["test_multiview"]}
    for words, row in splits.items():
        if row is None:
            continue
        views = f"{row['views']} x {row['crops']}"
        yield (words, row["videos"], views, *_figure(row, key))
        if "without_copies" in row:
            apart = row["without_copies"]
            yield (f"{words}, without clips whose footage was trained on", apart["videos"], views, *_figure(apart, key))
    names = {"majority": "always the most frequent label", "metadata": "guessed from file size, bit rate and the like"}
    for kind, row in (metrics.get("baselines") or {}).items():
        yield (f"test, {names.get(kind, kind)}", row["videos"], "", *_figure(row, "top1"))


def _figure(row: Mapping[str, Any], key: str) -> tuple[str, str]:
    """A share and its interval, where they are there; of earlier versions some intervals are points."""
    value, interval = row.get(key), row.get(f"{key}_interval")
    return "" if value is None else f"{value:.3f}", between(unless_point(interval))


def _data_section(metrics: Mapping[str, Any]) -> Section:
    data, unreadable = metrics["data"], metrics["unreadable"]
    found = [finding for finding in data["findings"] if finding["level"] != "note"]
    how = "made here so that recordings stay whole" if data["split_here"] else "those of the data"
    if data.get("val_here"):  # runs of earlier versions do not say
        how += "; val is made here of train's clips"
    words = f"The splits are {how}; there are {data['groups']} recordings, as far as names and pictures tell."
    listed = tag("ul", *(tag("li", f"{finding['what']}.") for finding in found), class_="plain") if found else None
    return section("The data", tag("p", words), listed, _unreadable(unreadable))


def _unreadable(rows: Sequence[Mapping[str, str]]) -> Content:
    if not rows:
        return None
    named = pairs((name(row["video"]), name(row["message"])) for row in rows[:_MOST_UNREADABLE])
    left_out = len(rows) - _MOST_UNREADABLE
    more = tag("p", f"{left_out} more are not named here.", class_="note") if left_out > 0 else None
    return folded(f"{len(rows)} videos could not be read and were left out", named, more)


def _teacher_row(fields: Mapping[str, Any] | None) -> Iterable[tuple[str, Content]]:
    """The teacher and its part of the loss, and its figure beside the student's; nothing without one."""
    if fields is None:
        return
    text = f"{name(fields['name'])} (SHA-256 {fields['sha256']}), {fields['weight']:.0%} of the loss"
    split = "val" if fields["test"] is None else "test"
    row = fields[split]
    if row is not None:
        key, words = ("top1", "top-1") if "top1" in row["student"] else ("map", "mAP")
        teacher, student = (figure_text(row[who][key], row[who]["interval"]) for who in ("teacher", "student"))
        text += f"; on {split} {words} {teacher}, this model's {student}"
    yield "teacher", text


def _made_with_section(made: Training) -> Section:
    settings = {key: value for key, value in made.settings.items() if key not in ("data", "output")}
    train = made.metrics["train"]
    rows: list[tuple[str, Content]] = [
        *made.contract.source.versions.items(),
        *_teacher_row(made.metrics.get("teacher")),
        ("made", made.contract.source.created),
        ("took", f"{train['seconds'] / 60:.1f} minutes, {train['steps']} steps over {train['videos']} clips"),
        ("command", tag("code", f"vidcls-train DATA -o {name(made.name)} --settings settings.json")),
    ]
    text = preformatted(json.dumps(settings, indent=1, ensure_ascii=False))
    return section("Made with", pairs(rows), folded("settings.json", text))
