"""What a fitted decision is worth on clips that no training saw: the answers of held_out.py, before and after.

    python tests/benchmarks/decisions.py folds /tmp/folds/answers.jsonl
    python tests/benchmarks/decisions.py labels /tmp/labels/answers.jsonl --json

`folds`: log loss, Brier score and calibration error over the test clips of all runs, with no temperature, with each
run's own (fitted on its val clips), and with one fitted on the test clips of the other runs.
`labels`: how well each run tells the clips of the label that was left out from the others, by two scores, and what
thresholds fitted on its val clips keep of the right answers and take wrongly for a label.

Intervals of differences, and of figures over all runs, draw whole groups of footage again, the same for every run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import numpy as np

from vidcls.contract import NEUTRAL, Decision
from vidcls.decision import reject_scores
from vidcls.evaluation.answers import Answers, answers_of
from vidcls.evaluation.calibration import binned_error, brier_scores, claims, expected_error, log_losses
from vidcls.evaluation.curves import weighted_auroc
from vidcls.evaluation.intervals import blocks, draw, paired_bootstrap, percentile_interval, wilson_interval
from vidcls.fitting.reject import KEEP, conformal_threshold
from vidcls.fitting.temperature import fit_temperature

SCORES = ("max_probability", "energy")

Interval = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Split:
    """Answers of one split of one run. groups: of which footage each clip is."""

    answers: Answers
    groups: list[str]


@dataclass(frozen=True, kw_only=True)
class Run:
    """One training's held-out answers."""

    name: str
    labels: tuple[str, ...]
    val: Split
    test: Split


@click.command()
@click.argument("how", type=click.Choice(["folds", "labels"]))
@click.argument("answers", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")
def main(how: str, answers: Path, as_json: bool) -> None:
    """Measure fitted decisions on the held-out answers in ANSWERS."""
    runs = read_runs(answers)
    found = measure_folds(runs) if how == "folds" else measure_labels(runs)
    if as_json:
        click.echo(json.dumps(found))
    else:
        (print_folds if how == "folds" else print_labels)(found)


def read_runs(path: Path) -> list[Run]:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    names = dict.fromkeys(row["run"] for row in rows)
    return [_run(name, [row for row in rows if row["run"] == name]) for name in names]


def _run(name: str, rows: Sequence[dict[str, Any]]) -> Run:
    labels = tuple(rows[0]["labels"])
    splits = {split: _split([row for row in rows if row["split"] == split], labels) for split in ("val", "test")}
    return Run(name=name, labels=labels, **splits)


def _split(rows: Sequence[dict[str, Any]], labels: tuple[str, ...]) -> Split:
    class_ids = [labels.index(row["label"]) if row["label"] in labels else None for row in rows]
    logits = np.array([row["logits"] for row in rows], np.float32).reshape(len(rows), len(labels))
    return Split(answers=answers_of(logits, class_ids, labels), groups=[str(row["group"]) for row in rows])


def measure_folds(runs: Sequence[Run]) -> dict[str, Any]:
    """Figures over all test clips: plain, and with temperatures from two sources."""
    own = [fit_temperature(run.val.answers, activation="softmax") for run in runs]
    ways = {"none": [1.0 for _ in runs], "own": [fit.temperature for fit in own]}
    if len(runs) > 1:
        ways["others"] = [_temperature_of_others(runs, run) for run in runs]
    groups = [group for run in runs for group in run.test.groups]
    pooled = {way: _pooled(runs, temperatures) for way, temperatures in ways.items()}
    rows = {}
    for way, (losses, briers, claimed, came_true) in pooled.items():
        rows[way] = {
            "log_loss": losses.mean(),
            "brier": briers.mean(),
            "calibration_error": binned_error(claimed, came_true),
            "expected_error": expected_error(claimed),
            "mean_confidence": claimed.mean(),
            "log_loss_difference": paired_bootstrap(losses, pooled["none"][0], groups=groups),
            "brier_difference": paired_bootstrap(briers, pooled["none"][1], groups=groups),
        }
    return {
        "videos": len(groups),
        "groups": len(set(groups)),
        "top1": float(pooled["none"][3].mean()),
        "runs": [
            {
                "run": run.name,
                "val": fit.videos,
                "test": len(run.test.groups),
                "temperature": fit.temperature,
                "interval": fit.interval,
                "of_others": ways["others"][number] if "others" in ways else None,
                "best_on_test": fit_temperature(run.test.answers, activation="softmax").temperature,
            }
            for number, (run, fit) in enumerate(zip(runs, own, strict=True))
        ],
        "ways": rows,
    }


def _temperature_of_others(runs: Sequence[Run], left_out: Run) -> float:
    others = [run.test.answers for run in runs if run is not left_out]
    joined = Answers(
        logits=np.concatenate([answers.logits for answers in others]),
        targets=np.concatenate([answers.targets for answers in others]),
    )
    return fit_temperature(joined, activation="softmax").temperature


def _pooled(runs: Sequence[Run], temperatures: Sequence[float]) -> list[np.ndarray]:
    """Log loss, Brier score, top-1 probability and whether it is right, of every test clip."""
    columns = []
    for run, temperature in zip(runs, temperatures, strict=True):
        decision = replace(NEUTRAL, temperature=temperature)
        answers = run.test.answers
        columns.append((log_losses(answers, decision), brier_scores(answers, decision), *claims(answers, decision)))
    return [np.concatenate(column) for column in zip(*columns, strict=True)]


def measure_labels(runs: Sequence[Run]) -> dict[str, Any]:
    """Figures of each run, and over all runs: how clips of the label that was left out are told from the others."""
    scored = [_scored(run) for run in runs]
    return {
        "runs": [{"run": run.name, **_row(one)} for run, one in zip(runs, scored, strict=True)],
        "all": {
            **{score: _pooled_score(scored, score) for score in SCORES},
            "energy_advantage": _over_groups(
                scored, lambda one, weights: _area(one, "energy", weights) - _area(one, "max_probability", weights)
            ),
        },
    }


@dataclass(frozen=True, kw_only=True)
class Scored:
    """The test clips of a run. scores, thresholds: by name; right: the top class is the clip's label."""

    temperature: float
    scores: dict[str, np.ndarray]
    thresholds: dict[str, float]
    has_label: np.ndarray
    right: np.ndarray
    groups: np.ndarray


def _scored(run: Run) -> Scored:
    decision = replace(NEUTRAL, temperature=fit_temperature(run.val.answers, activation="softmax").temperature)
    right_val, right = (_right(split.answers) for split in (run.val, run.test))
    return Scored(
        temperature=decision.temperature,
        scores={score: _score(run.test.answers.logits, run, decision, score) for score in SCORES},
        thresholds={
            score: conformal_threshold(_score(run.val.answers.logits[right_val], run, decision, score), keep=KEEP)
            for score in SCORES
        },
        has_label=np.asarray(run.test.answers.targets.any(axis=1)),
        right=right,
        groups=np.array(run.test.groups),
    )


def _right(answers: Answers) -> np.ndarray:
    return answers.targets[np.arange(len(answers)), answers.logits.argmax(axis=1)]


def _score(logits: np.ndarray, run: Run, decision: Decision, score: str) -> np.ndarray:
    return reject_scores(logits, run.labels, decision, score=score)


def _row(one: Scored) -> dict[str, Any]:
    row: dict[str, Any] = {
        "temperature": one.temperature,
        "known": int(one.has_label.sum()),
        "right": int(one.right.sum()),
        "left_out": int((~one.has_label).sum()),
    }
    for score in SCORES:
        accepted = one.scores[score] >= one.thresholds[score]
        row[score] = {
            "auroc": float(_area(one, score, np.ones((1, len(accepted))))[0]),
            "threshold": one.thresholds[score],
            "kept": _share(accepted[one.right]),
            "falsely_accepted": _share(accepted[~one.has_label]),
        }
    row["energy_advantage"] = _over_groups(
        [one], lambda run, weights: _area(run, "energy", weights) - _area(run, "max_probability", weights)
    )
    return row


def _share(mask: np.ndarray) -> dict[str, Any]:
    return {"share": float(mask.mean()), "interval": wilson_interval(int(mask.sum()), len(mask)), "videos": len(mask)}


def _area(one: Scored, score: str, weights: np.ndarray) -> np.ndarray:
    scores, known = one.scores[score], one.has_label
    return weighted_auroc(scores[known], scores[~known], weights[:, known], weights[:, ~known])


def _pooled_score(scored: Sequence[Scored], score: str) -> dict[str, tuple[float, float, float]]:
    def kept(one: Scored, weights: np.ndarray) -> np.ndarray:
        return _weighted_share(one.scores[score] >= one.thresholds[score], weights * one.right)

    def falsely_accepted(one: Scored, weights: np.ndarray) -> np.ndarray:
        return _weighted_share(one.scores[score] >= one.thresholds[score], weights * ~one.has_label)

    return {
        "auroc": _over_groups(scored, lambda one, weights: _area(one, score, weights)),
        "kept": _over_groups(scored, kept),
        "falsely_accepted": _over_groups(scored, falsely_accepted),
    }


def _weighted_share(mask: np.ndarray, weights: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return (weights * mask).sum(axis=1) / weights.sum(axis=1)


def _over_groups(
    scored: Sequence[Scored], measure: Callable[[Scored, np.ndarray], np.ndarray]
) -> tuple[float, float, float]:
    """The mean of a figure over runs, and its interval when groups are drawn again, the same for every run."""
    names, members = np.unique(np.concatenate([one.groups for one in scored]), return_inverse=True)
    of_run = np.split(members, np.cumsum([len(one.groups) for one in scored])[:-1])

    def mean(counts: np.ndarray) -> np.ndarray:
        figures = [measure(one, counts[:, groups]) for one, groups in zip(scored, of_run, strict=True)]
        # A run whose left-out label was not drawn has no figure.
        return np.ma.masked_invalid(np.stack(figures)).mean(axis=0).filled(np.nan)

    rng, drawn = np.random.default_rng(0), []
    for rows in blocks(len(members)):
        drawn.append(mean(draw(len(names), rows, rng)))
    low, high = percentile_interval(np.concatenate(drawn))
    return float(mean(np.ones((1, len(names))))[0]), low, high


def print_folds(found: dict[str, Any]) -> None:
    click.echo(f"{found['videos']} clips of {found['groups']} groups, top-1 {found['top1']:.3f}\n")
    click.echo("run           val  test  temperature (95 % interval)   of the others   best on its own test clips")
    for row in found["runs"]:
        low, high = row["interval"]
        others = "   -" if row["of_others"] is None else f"{row['of_others']:.2f}"
        click.echo(
            f"{row['run']:<12} {row['val']:4} {row['test']:5}  {row['temperature']:.2f} ({low:.2f} to {high:.2f})"
            f"{others:>24} {row['best_on_test']:20.2f}"
        )
    click.echo("\ntemperature  log loss  difference               Brier   difference               ECE    expected")
    for way, row in found["ways"].items():
        click.echo(
            f"{way:<12} {row['log_loss']:.4f}    {_signed(row['log_loss_difference'])}  {row['brier']:.4f}  "
            f"{_signed(row['brier_difference'])}  {row['calibration_error']:.3f}  {row['expected_error']:.3f}"
        )


def print_labels(found: dict[str, Any]) -> None:
    click.echo("AUROC of known test clips against those of the label left out; shares by thresholds that keep 95 %")
    click.echo("run                  T     score            AUROC  kept of right answers    falsely accepted")
    for row in found["runs"]:
        for score in SCORES:
            figures = row[score]
            click.echo(
                f"{row['run']:<20} {row['temperature']:.2f}  {score:<16} {figures['auroc']:.3f}  "
                f"{_counted(figures['kept'])}  {_counted(figures['falsely_accepted'])}"
            )
    click.echo("\nover all runs")
    for score in SCORES:
        figures = found["all"][score]
        click.echo(f"{score:<16} " + ", ".join(f"{name} {_plain(figures[name])}" for name in figures))
    click.echo("AUROC of energy less that of max_probability, by run:")
    for row in _advantages(found):
        click.echo(row)


def _advantages(found: dict[str, Any]) -> Iterator[str]:
    for row in found["runs"]:
        yield f"  {row['run']:<20} {_signed(row['energy_advantage'])}"
    yield f"  {'all':<20} {_signed(found['all']['energy_advantage'])}"


def _signed(figures: Sequence[float]) -> str:
    mean, low, high = figures
    return f"{mean:+.4f} ({low:+.4f} to {high:+.4f})"


def _plain(figures: Sequence[float]) -> str:
    mean, low, high = figures
    return f"{mean:.3f} ({low:.3f} to {high:.3f})"


def _counted(share: dict[str, Any]) -> str:
    low, high = share["interval"]
    return f"{share['share']:.3f} of {share['videos']:3} ({low:.2f} to {high:.2f})"


if __name__ == "__main__":
    main()
