"""The pages of an evaluation and a training: the figures of the clips in words, those the model knows counted apart."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest

from generated import CHECKPOINT_SECTIONS, contract_fields
from html_page import Page, check_self_contained
from vidcls.contract import (
    ClipFingerprints,
    Contract,
    FittedOn,
    OperatingPoint,
    Reject,
    Tokens,
    from_json,
)
from vidcls.evaluation.answers import Answers, answers_of
from vidcls.evaluation.event_metrics import DetectedEvent, TrueEvent, VideoEvents
from vidcls.evaluation.event_parts import score_events_apart
from vidcls.evaluation.intervals import wilson_interval
from vidcls.evaluation.metrics import score_answers
from vidcls.pages.evaluation import Evaluation, evaluation_page
from vidcls.pages.events import EventEvaluation, event_page
from vidcls.pages.per_label import f1_intervals, predicted
from vidcls.pages.training import Training, training_page

FITTED = FittedOn(split="val", videos=31, views=1, crops=1, precision="fp32")
CLIPS = ClipFingerprints(algorithm="dct-1", train="AAAAAAAAAAAAAAAAAAAAAA==", val="AAAAAAAAAAAAAAAAAAAAAA==")
# (true class, logits): of 10 clips 6 are right.
CASES = [
    (0, [4, 0, 0, 0]), (0, [0, 3, 0, 0]), (0, [2, 1, 0, 0]), (1, [0, 2, 0, 0]), (1, [0, 0, 5, 0]),
    (2, [0, 0, 1, 0]), (2, [0, 0, 2, 1]), (2, [1, 0, 0, 0]), (3, [0, 0, 0, 2]), (3, [0, 1, 0, 0]),
]  # fmt: skip


def contract(labels: tuple[str, ...] = ("clap", "jump", "run", "wave"), **decision: Any) -> Contract:
    fields = contract_fields(labels=labels)
    found = from_json(Contract, json.dumps({name: fields[name] for name in CHECKPOINT_SECTIONS}), where="here")
    return dataclasses.replace(
        found,
        decision=dataclasses.replace(found.decision, **decision),
        source=dataclasses.replace(found.source, clips=CLIPS),
    )


def evaluation(**changes: Any) -> Evaluation:
    class_ids, logits = zip(*CASES, strict=True)
    found = Evaluation(
        data="test",
        model="model.onnx",
        contract=contract(),
        names=[f"clip{number}.mp4" for number in range(len(CASES))],
        answers=answers_of(np.array(logits, np.float32), class_ids, "abcd"),
        known_from=[None] * len(CASES),
        failed=[],
        views=1,
        crops=1,
        region=None,
        made_with={"vidcls": "1.2.3"},
        command="vidcls evaluate model.onnx test --report report",
    )
    return dataclasses.replace(found, **changes)


def frames_of(_: object) -> np.ndarray:
    return np.zeros((4, 32, 32, 3), np.uint8)


def page_of(found: Evaluation) -> Page:
    page = Page(evaluation_page(found, frames_of=frames_of))
    check_self_contained(page)
    return page


def words(page: Page) -> str:
    return " ".join(page.text.split())


def test_the_verdict_and_the_figures_are_those_of_the_clips() -> None:
    text = words(page_of(evaluation()))
    low, high = wilson_interval(6, 10)
    verdict = "6 of 10 clips that the model does not know are answered rightly: top-1 0.60"
    assert f"{verdict} (95 % interval {low:.2f} to {high:.2f})." in text
    assert "always 'clap': 0.30" in text
    assert "vidcls evaluate model.onnx test --report report" in text
    assert "vidcls 1.2.3" in text
    # What went wrong, the most probable first: logits 5, 3, 1 and 1 above three zeros.
    order = [text.index(f"clip{number}.mp4") for number in (4, 1, 7, 9)]
    assert order == sorted(order)
    assert "clip0.mp4" not in text
    shares = np.exp(CASES[4][1]) / np.exp(CASES[4][1]).sum()
    assert f"label jump {shares[1]:.2f} answer run {shares[2]:.2f} file clip4.mp4" in text


def test_clips_that_the_model_knows_are_counted_apart() -> None:
    origins = ["train", "train", None, "val", *[None] * 6]
    text = words(page_of(evaluation(known_from=origins)))
    assert "4 of 7 clips that the model does not know are answered rightly" in text
    for row in ("new to the model 7 0.571", "chosen by (validation) 1 1.000", "trained on 2 0.500"):
        assert row in text, row
    assert "clip1.mp4" not in text  # wrong, but trained on
    assert "0.60" not in text  # of all


def test_clips_that_are_all_right_promise_nothing_of_others() -> None:
    """Drawn again they are all right again: mean average precision, macro F1 and a label's F1 have no interval."""
    targets = np.array([[1, 0], [0, 1], [1, 0]], bool)
    right = Answers(logits=np.where(targets, 3.0, -3.0).astype(np.float32), targets=targets)
    found = contract(("clap", "wave"), activation="sigmoid")
    page = page_of(evaluation(contract=found, names=["a", "b", "c"], answers=right, known_from=[None] * 3))
    text = words(page)
    assert "Mean average precision 1.00 on 3 clips that the model does not know." in text
    assert "mean average precision 1.00 macro F1 1.00 calibration error" in text
    assert "95 % interval new to the model 3 1.000 " in text
    assert "clap: F1 1.00, 2 clips" in text
    assert not page.all("line", class_="whisker")
    assert "1.00 to 1.00" not in text


def test_events_of_videos_that_are_all_alike_promise_nothing_of_others() -> None:
    detected = DetectedEvent("clap", 10.5, 20.0, 0.9, 15.0)
    videos = [VideoEvents([TrueEvent("clap", 10.0, 20.0), TrueEvent("clap", 30.0, 40.0)], [detected], 60.0)] * 3
    found = EventEvaluation(
        data="events.csv",
        model="model.onnx",
        contract=contract(),
        labels=["clap"],
        names=["a", "b", "c"],
        videos=videos,
        parts=score_events_apart(videos, [None] * 3, ["clap"], says=True),
        failed=[],
        made_with={},
        command="vidcls evaluate",
    )
    text = words(Page(event_page(found, frames_of=lambda *_: np.zeros((4, 32, 32, 3), np.uint8))))
    assert "F1 0.67 at half overlap mAP at tIoU 0.5 0.50 false alarms an hour 0.0 0.0 to 73.8 median" in text
    assert "median delay, seconds 5.0 Videos" in text
    assert "0.67 to 0.67" not in text


def test_that_nothing_is_new_to_the_model_is_the_verdict() -> None:
    text = words(page_of(evaluation(known_from=["train"] * 10)))
    assert "Not one of these 10 clips is new to the model" in text
    assert "trained on 10 0.600" in text
    assert "answered rightly: top-1" not in text


def test_that_the_model_has_no_fingerprints_is_said() -> None:
    found = contract()
    without = dataclasses.replace(found, source=dataclasses.replace(found.source, clips=None))
    text = words(page_of(evaluation(contract=without)))
    assert "6 of 10 clips are answered rightly" in text
    assert "which of these clips it was trained on is not known" in text


def test_a_reject_rule_is_measured_on_clips_of_a_label_and_of_none() -> None:
    rule = Reject(score="max_probability", threshold=0.5, accepted=0.95, false_accepted=None)
    found = evaluation()
    logits = np.concatenate([found.answers.logits, [[3, 0, 0, 0], [0.1, 0, 0, 0]]]).astype(np.float32)
    class_ids = [*(class_id for class_id, _ in CASES), None, None]
    page = page_of(
        evaluation(
            contract=contract(reject=rule, fitted_on=FITTED),
            names=[*found.names, "none0.mp4", "none1.mp4"],
            answers=answers_of(logits, class_ids, "abcd"),
            known_from=[None] * 12,
        )
    )
    text = words(page)
    assert "6 of 10 clips that the model does not know are answered rightly" in text
    # Softmax over four: a logit of 2 over a 1 and zeros gives 0.61, a 1 over zeros 0.48.
    assert "5 of 6 right answers are kept: 0.83" in text
    assert "1 of 2 clips that show none of the labels are taken for known: 0.50" in text
    assert "label none answer clap 0.87 file none0.mp4" in text
    assert "none1.mp4" not in text
    assert len(page.all("circle", class_="mark")) == 2
    assert "fitted on 31 clips of val, 1 x 1 views, fp32" in text


def test_a_none_label_is_right_where_nothing_is_known() -> None:
    labels = ("clap", "jump", "run", "_none")
    text = words(page_of(evaluation(contract=contract(labels, none_label="_none", fitted_on=FITTED))))
    assert "6 of 10 clips that the model does not know are answered rightly" in text
    assert "label none answer jump 0.48" in text
    assert "a class of its own, '_none'" in text


def test_a_clip_of_a_label_that_is_taken_for_none_went_wrong() -> None:
    found = evaluation(
        contract=contract(("clap", "_none"), none_label="_none", fitted_on=FITTED),
        names=["missed.mp4", "seen.mp4", "nothing.mp4"],
        answers=answers_of(np.array([[0, 2], [3, 0], [0, 3]], np.float32), [0, 0, 1], "ab"),
        known_from=[None] * 3,
    )
    text = words(page_of(found))
    assert "2 of 3 clips that the model does not know are answered rightly" in text
    assert "1 of 3 clips, those first whose wrong answer" in text
    assert "label clap 0.12 answer _none 0.88 file missed.mp4" in text
    assert "seen.mp4" not in text
    assert "nothing.mp4" not in text


def test_labels_that_hold_together_are_measured_by_average_precision() -> None:
    rng = np.random.default_rng(0)
    targets = rng.random((40, 4)) < 0.4
    logits = (rng.normal(size=(40, 4)) + 2 * targets - 1).astype(np.float32)
    sklearn = pytest.importorskip("sklearn.metrics")
    wanted = sklearn.average_precision_score(targets, logits, average="macro")
    points = {"clap": OperatingPoint(probability=0.5, precision=0.9, recall=0.7), "jump": None}
    found = evaluation(
        contract=contract(activation="sigmoid", operating_points=points, fitted_on=FITTED),
        names=[f"clip{number}.mp4" for number in range(40)],
        answers=Answers(logits=logits, targets=targets),
        known_from=[None] * 40,
    )
    text = words(page_of(found))
    assert f"Mean average precision {wanted:.2f}" in text
    assert "on 40 clips that the model does not know" in text
    chosen = logits[:, 0] >= 0
    hits = int((chosen & targets[:, 0]).sum())
    low, high = wilson_interval(hits, int(chosen.sum()))
    assert f"clap 0.500 0.90 0.70 {hits / chosen.sum():.2f} ({low:.2f} to {high:.2f})" in text
    assert "jump - - - - -" in text
    assert "a clip of which no label reaches its operating point, or 0.5 where it has none" in text
    assert "every clip is taken for one of the labels" not in text
    wrong = (logits >= 0) != targets  # from a probability of 0.5 on, its operating point or the default
    assert f"{int(wrong.any(axis=1).sum())} of 40 clips, those first" in text


@pytest.mark.parametrize("count", [9, 300])
def test_many_labels_with_hostile_names_are_shown_in_part(count: int) -> None:
    labels = tuple(f"</script><img onerror=alert({number})>\N{ZERO WIDTH JOINER}" for number in range(count))
    rng = np.random.default_rng(0)
    class_ids = rng.integers(count, size=600)
    logits = rng.normal(size=(600, count)).astype(np.float32)
    logits[np.arange(600), class_ids] += 2
    found = evaluation(
        data="<u>data</u>",
        contract=contract(labels),
        names=[f"<s>{number}</s>.mp4" for number in range(600)],
        answers=answers_of(logits, class_ids.tolist(), labels),
        known_from=[None] * 600,
        failed=[("<i>broken</i>.mp4", "<i>broken</i>.mp4: no video")] * 80,
    )
    page = page_of(found)
    assert not {tag for tag, _ in page.tags} & {"u", "s", "i"}
    assert len(page.source) < 1_500_000
    assert "30 more are not named here." in page.text
    if count > 20:
        assert "The largest 30 of" in page.text
        assert "confusion.png" not in page.text
        assert "the 12 worst and the 12 best of" in page.text
        assert "the 4 worst and the 4 best of" in page.text


def test_a_page_of_very_many_labels_stays_small() -> None:
    labels = tuple(f"{number} {'x' * 70}" for number in range(1200))
    points = dict.fromkeys(labels, OperatingPoint(probability=0.5, precision=0.9, recall=0.5))
    logits = np.zeros((3, len(labels)), np.float32)
    logits[:, 5] = 9
    page = page_of(
        evaluation(
            contract=contract(labels, operating_points=points, fitted_on=FITTED),
            names=["a.mp4", "b.mp4", "c.mp4"],
            answers=answers_of(logits, [5, 6, 7], labels),
            known_from=[None] * 3,
        )
    )
    assert len(page.source) < 600_000  # beside clips of at most 2.4 MB
    assert "The 1000 of 1200 with the lowest F1" in page.text
    assert "200 more labels are not shown here." in page.text
    assert "confusion.png is left out: it is drawn of at most 700 labels." in page.text


def test_one_clip_is_enough_for_a_page() -> None:
    one = evaluation()
    text = words(page_of(evaluation(names=["a.mp4"], answers=one.answers[np.array([0])], known_from=[None])))
    assert "1 of 1 clips that the model does not know are answered rightly" in text
    assert "Nothing: all 1 clips are answered rightly." in text


def metrics() -> dict[str, Any]:
    row = {"videos": 10, "views": 1, "crops": 1, "top1": 0.6, "top1_interval": [0.31, 0.83]}
    calibration = {"log_loss": 1.25, "brier": 0.5, "error": 0.2, "expected_error": 0.15}
    return {
        "val": row | {"top1": 0.7, "without_copies": {"videos": 8, "top1": 0.5, "top1_interval": [0.2, 0.8]}},
        "test": row,
        "test_multiview": row | {"views": 5, "crops": 3, "top1": 0.65},
        "baselines": {"majority": {"videos": 10, "top1": 0.3, "top1_interval": [0.1, 0.6]}},
        "decision": {
            "temperature_interval": [1.1, 1.9],
            "notes": ["no reject rule: 12 right validation answers, 19 are needed"],
            "calibration": {"val": {"videos": 31, "before": calibration, "after": calibration | {"log_loss": 1.1}}},
        },
        "train": {
            "videos": 40, "steps": 30, "seconds": 90.0, "best_step": 20,
            "history": [
                {"step": 10, "epoch": 1.0, "loss": 2.0},
                {"step": 10, "epoch": 1.0, "eval_loss": 1.9, "eval_accuracy": 0.4},
                {"step": 20, "epoch": 2.0, "loss": 1.5},
                {"step": 20, "epoch": 2.0, "eval_loss": 1.4, "eval_accuracy": 0.7},
                {"step": 30, "epoch": 3.0, "loss": 1.2},
                {"step": 30, "epoch": 3.0, "eval_loss": 1.5, "eval_accuracy": 0.6},
                {"step": 30, "epoch": 3.0, "train_runtime": 90.0},
            ],
        },
        "data": {"split_here": False, "groups": 12, "findings": [{"level": "warning", "what": "<b>two</b> copies"}]},
        "unreadable": [{"video": "broken.avi", "message": "no video"}],
    }  # fmt: skip


@pytest.mark.parametrize("split", ["test", "val"])
def test_a_training_page_says_how_good_how_it_got_there_and_what_was_fitted(split: Any) -> None:
    found = evaluation()
    made = Training(
        name="checkpoint",
        contract=contract(temperature=1.4, fitted_on=FITTED),
        metrics=metrics(),
        split=split,
        names=found.names,
        answers=found.answers,
        settings={"data": "/home/someone/data", "output": "/home/someone/checkpoint", "epochs": 3},
    )
    page = Page(training_page(made, frames_of=frames_of))
    check_self_contained(page)
    text = words(page)
    kind = {"test": "test clips", "val": "validation clips"}[split]
    assert f"6 of 10 {kind} are answered rightly: top-1 0.60" in text
    assert ("There are no test clips" in text) == (split == "val")
    for row in (
        "validation 10 1 x 1 0.700 0.31 to 0.83",
        "validation, without clips whose footage was trained on 8 1 x 1 0.500 0.20 to 0.80",
        "test, many views 10 5 x 3 0.650",
        "test, always the most frequent label 10 0.300",
        "1.4 (95 % interval 1.10 to 1.90)",
        "no reject rule: 12 right validation answers, 19 are needed",
        "val, before the temperature 31 1.250",
        "val, after the temperature 31 1.100",
        "<b>two</b> copies.",
        "broken.avi no video",
        "kept 0.70",
        '"epochs": 3',
        "1.5 minutes, 30 steps over 40 clips",
    ):
        assert row in text, row
    assert "someone/data" not in text
    losses = page.all("polyline", class_="curve c0")[0]
    assert len(losses["points"].split()) == 3


def test_a_training_page_leaves_out_intervals_that_are_points() -> None:
    """As metrics.json of earlier versions holds them; null since."""
    row = {"videos": 10, "views": 1, "crops": 1, "map": 1.0}
    student = {"map": 1.0, "interval": None}
    taught = {
        **{"name": "large", "sha256": "ab" * 32, "weight": 0.9, "val": None},
        **{"test": {"student": student, "teacher": {"map": 1.0, "interval": [1.0, 1.0]}}},
    }
    splits = {
        "val": row | {"map_interval": None},
        "test": row | {"map_interval": [1.0, 1.0]},
        "test_multiview": row | {"map": 0.9, "map_interval": [0.8, 1.0]},
    }
    found, figures = evaluation(), metrics() | splits | {"baselines": None, "teacher": taught}
    made = Training(
        name="mine",
        contract=contract(activation="sigmoid"),
        metrics=figures,
        split="test",
        names=found.names,
        answers=found.answers,
        settings={},
    )
    text = words(Page(training_page(made, frames_of=frames_of)))
    assert "validation 10 1 x 1 1.000 test 10 1 x 1 1.000 test, many views 10 1 x 1 0.900 0.80 to 1.00" in text
    assert "on test mAP 1.000, this model's 1.000" in text
    assert "1.00 to 1.00" not in text


def test_a_training_page_has_a_row_of_tokens_and_of_a_teacher_where_they_are_used() -> None:
    student, teacher = {"top1": 0.6, "interval": [0.31, 0.83]}, {"top1": 0.8, "interval": [0.49, 0.94]}
    taught = {
        **{"name": "large <b>", "sha256": "ab" * 32, "weight": 0.9, "val": None},
        **{"test": {"student": student, "teacher": teacher}},
    }
    found, lattice = evaluation(), Tokens(rule="lattice", share=0.25)

    def text(contract: Contract, **figures: Any) -> str:
        kept = {"split": "test", "names": found.names, "answers": found.answers, "settings": {}}
        made = Training(name="mine", contract=contract, metrics=metrics() | figures, **kept)  # type: ignore[arg-type]
        return words(Page(training_page(made, frames_of=frames_of)))

    told = text(dataclasses.replace(contract(), tokens=lattice), teacher=taught)
    assert "tokens 0.25 of all, the same lattice of every clip" in told
    assert (
        f"teacher large <b> (SHA-256 {'ab' * 32}), 90% of the loss; on test top-1 0.800 (0.49 to 0.94), this " in told
    )
    assert "this model's 0.600 (0.31 to 0.83)" in told
    plain = text(contract(), teacher=None)
    assert "tokens" not in plain
    assert "teacher" not in plain


@pytest.mark.parametrize(
    "decision",
    [{}, {"none_label": "wave"}, {"activation": "sigmoid", "temperature": 0.5}],
    ids=["one", "none", "several"],
)
def test_intervals_are_of_the_f1_that_is_shown(decision: dict[str, Any]) -> None:
    """What is drawn again is what `score_answers` counts; the interval holds it, and narrows with more clips."""
    rng = np.random.default_rng(0)
    found = contract(**decision)
    targets = np.eye(4, dtype=bool)[rng.integers(4, size=200)]
    answers = Answers(logits=(rng.normal(size=(200, 4)) + 2 * targets).astype(np.float32), targets=targets)
    said = predicted(answers, found.labels, found.decision)
    scores = score_answers(answers, found.labels, found.decision)
    few = f1_intervals(answers[np.arange(50)], range(4), found)
    for column, many in enumerate(f1_intervals(answers, range(4), found)):
        f1 = 2 * (said & targets)[:, column].sum() / (said[:, column].sum() + targets[:, column].sum())
        assert scores.per_class[found.labels[column]]["f1"] == pytest.approx(f1)
        wider = few[column]
        assert many is not None
        assert wider is not None
        assert many[0] < f1 < many[1]
        assert many[1] - many[0] < wider[1] - wider[0]
