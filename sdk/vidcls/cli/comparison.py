"""What `vidcls bench --compare` prints: a table of what was measured, or JSON, and a recommendation."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from vidcls.cli.columns import columns_of, padded
from vidcls.contract import tokens_fields, tokens_text
from vidcls.diagnostics.candidates import MissingExport
from vidcls.diagnostics.comparison import Row
from vidcls.diagnostics.recommendation import Limits, Proof, Ratio, Recommendation, proofs, recommend, time_ratio
from vidcls.evaluation.intervals import share_text
from vidcls.printable import printable

_HEADINGS = (
    *("", "file", "precision", "tokens", "engine", "device", "total ms", "p90", "inference", "time", "MB"),
    *("same top-1", "of clips", "accuracy", "trained"),
)
_TEXTS = 6  # so many of them are texts, and stand to the left
_MAX_NAME = 40


@dataclass(frozen=True, kw_only=True)
class Judged:
    """Rows, and what follows from them. base: the row whose time the others' is a ratio to; None where nothing ran."""

    rows: Sequence[Row]
    limits: Limits
    proofs: Sequence[Proof]
    advice: Recommendation
    missing: Sequence[MissingExport]
    base: Row | None

    def ratio(self, row: Row, *, stage: str = "total") -> Ratio | None:
        """The row's time beside the first's; None where it was not measured."""
        if self.base is None or row.failure is not None:
            return None
        return Ratio(median=1.0, interval=None) if row is self.base else time_ratio(row, self.base, stage=stage)


def judged(rows: Sequence[Row], limits: Limits, missing: Sequence[MissingExport]) -> Judged:
    """The proof of each row, and which to take."""
    proven = proofs(rows, limits)
    return Judged(
        rows=rows,
        limits=limits,
        proofs=proven,
        advice=recommend(rows, proven),
        missing=missing,
        base=next((row for row in rows if row.failure is None), None),
    )


def fields(result: Judged) -> Iterator[dict[str, Any]]:
    """For JSON: one object for each row, and a last one with the recommendation."""
    for row, proof in zip(result.rows, result.proofs, strict=True):
        yield {**_row_fields(row), **_ratio_fields(result, row), **_proof_fields(row, proof)}
    advice = result.advice
    places = [_place(row) for row in result.rows]
    yield {
        "recommended": None if advice.recommended is None else places[advice.recommended],
        "python": None if advice.recommended is None else python_line(result.rows[advice.recommended]),
        "cannot_tell_from": [places[index] for index in advice.tied],
        "fastest": None if advice.fastest is None else places[advice.fastest],
        "sentence": sentence(result),
        "max_loss": result.limits.max_loss,
        "min_agreement": result.limits.min_agreement,
        "missing": [dataclasses.asdict(one) for one in result.missing],
    }


def lines(result: Judged, *, video: str, width: int | None) -> Iterator[str]:
    """For people: a table, or where it is wider than `width` (None: any), a block for each row; notes; what to take."""
    names = _names(result.rows)
    cells = [
        [str(number), *_cells(row, name, proof, result.ratio(row))]
        for number, (row, name, proof) in enumerate(zip(result.rows, names, result.proofs, strict=True), 1)
    ]
    runs = 0 if result.base is None else len(result.base.times_ms["total"])
    yield f"{printable(video)}: medians of {runs} runs, turn by turn; time is beside the first's"
    table = _table(cells)
    yield from table if width is None or max(map(columns_of, table)) <= width else _blocks(cells)
    yield from _notes(result, video=video)
    for one in result.missing:
        yield f"not compared: {one.what}; make it with '{one.command}'"
    yield sentence(result)
    if result.advice.recommended is not None:
        yield f"  {python_line(result.rows[result.advice.recommended])}"


def sentence(result: Judged) -> str:
    """What to take, and why, for people."""
    advice, rows, names = result.advice, result.rows, _names(result.rows)
    if advice.fastest is None:
        return "None can be recommended: none runs here with the answers that it was exported with."
    if advice.recommended is None:
        return (
            f"None can be recommended: of none is it proven that it loses at most {result.limits.max_loss:g} of "
            f"accuracy. By time alone, {_where(rows[advice.fastest], names[advice.fastest])} is the fastest; "
            "'vidcls-export --check CLIPS' proves what a file loses."
        )
    row, proof = rows[advice.recommended], result.proofs[advice.recommended]
    text = f"Take {_where(row, names[advice.recommended])}: {_gain(result, row)}; {_proven(row, proof, result.limits)}."
    if advice.tied:
        others = ", ".join(str(index + 1) for index in advice.tied)
        which = f"Row {others}" if len(advice.tied) == 1 else f"Rows {others}"
        text += f" {which} may be as fast or faster: these runs cannot tell, more --runs may."
    return text


def python_line(row: Row) -> str:
    """What opens it so in Python."""
    assert row.placement is not None  # noqa: S101 - it was measured
    engine = "" if row.placement.engine == "onnxruntime" else f', engine="{row.placement.engine}"'
    return f'VideoClassifier({str(row.path)!r}, device="{row.placement.device}"{engine})'


def _gain(result: Judged, row: Row) -> str:
    total, inference = result.ratio(row), result.ratio(row, stage="inference")
    if row is result.base or result.base is None or total is None or inference is None:
        return "none that is proven is surely faster"
    first = _where(result.base, _names(result.rows)[result.rows.index(result.base)])
    return f"{_interval(total)} of the time of {first}, its inference {_interval(inference)}"


def _interval(ratio: Ratio) -> str:
    return f"{ratio.median:.2f}" + (f" ({ratio.interval[0]:.2f} to {ratio.interval[1]:.2f})" if ratio.interval else "")


def _proven(row: Row, proof: Proof, limits: Limits) -> str:
    assert row.contract is not None and row.contract.parity is not None  # noqa: S101, PT018 - it is proven
    parity = row.contract.parity
    accuracy = ""
    if proof.accuracy is not None and proof.accuracy_trained is not None:
        accuracy = f", accuracy {proof.accuracy:.3f} beside {proof.accuracy_trained:.3f} of the trained model"
    few = f" (too few to show a loss of {limits.max_loss:g})" if parity.videos * limits.max_loss < 1 else ""
    agreement = share_text(parity.top1_agreement, parity.videos)
    return f"PyTorch's top-1 answer on {agreement} of {parity.videos} clips{few}{accuracy}"


def _where(row: Row, name: str) -> str:
    assert row.placement is not None  # noqa: S101 - it was measured
    return f"{name} with {row.placement.engine} on {row.placement.device}"


def _notes(result: Judged, *, video: str) -> Iterator[str]:
    """Why a row is not recommended, whether the answers differ, and why accuracies have no interval."""
    answers: defaultdict[str, list[str]] = defaultdict(list)
    for number, (row, proof) in enumerate(zip(result.rows, result.proofs, strict=True), 1):
        if row.failure is not None:
            yield f"{number}: failed: {printable(row.failure.message, limit=1000)}"
        elif proof.problem is not None:
            yield f"{number}: not recommended: {printable(proof.problem, limit=1000)}"
        if row.label is not None:
            answers[row.label].append(str(number))
    if len(answers) > 1:
        told = ", ".join(f"{printable(label)!r} by {' '.join(numbers)}" for label, numbers in answers.items())
        yield f"the answers for {printable(video)} differ: {told}"
    if any(proof.accuracy is not None for proof in result.proofs):
        yield (
            "accuracy is of those of the clips that are new to the model; how many, a file does not say, so it has no "
            "interval: 'vidcls evaluate' gives both"
        )


def _names(rows: Sequence[Row]) -> list[str]:
    """Of the files, short where that is clear."""
    counts = Counter(name for name, _ in {(row.path.name, row.path) for row in rows})
    return [printable(row.path.name if counts[row.path.name] == 1 else str(row.path), limit=_MAX_NAME) for row in rows]


def _cells(row: Row, name: str, proof: Proof, ratio: Ratio | None) -> list[str]:
    """As texts, "" where something is not known; the columns of _HEADINGS from the second on."""
    contract, placement = row.contract, row.placement
    graph = " portable" if contract is not None and contract.model.graph == "portable" else ""
    what = ["", ""] if contract is None else [contract.model.precision + graph, tokens_text(contract.tokens)]
    where = ["", ""] if placement is None else [placement.engine, placement.device]
    parity = None if contract is None else contract.parity
    checked = ["", "", "", ""]
    if parity is not None:
        checked = [_share(parity.top1_agreement), str(parity.videos)]
        checked += [_share(proof.accuracy), _share(proof.accuracy_trained)]
    return [name, *what, *where, *_figures(row, ratio), *checked]


def _figures(row: Row, ratio: Ratio | None) -> list[str]:
    if ratio is None:
        return [""] * 5
    interval = "" if ratio.interval is None else f" ({ratio.interval[0]:.2f}-{ratio.interval[1]:.2f})"
    return [
        f"{statistics.median(row.times_ms['total']):.1f}",
        f"{_p90(row.times_ms['total']):.1f}",
        f"{statistics.median(row.times_ms['inference']):.1f}",
        f"{ratio.median:.2f}{interval}",
        "" if row.peak_rss_mb is None else f"{row.peak_rss_mb:.0f}",
    ]


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _table(cells: Sequence[Sequence[str]]) -> list[str]:
    shown = [_HEADINGS, *([cell or "-" for cell in row] for row in cells)]
    widths = [max(columns_of(row[column]) for row in shown) for column in range(len(_HEADINGS))]
    return [
        "  ".join(
            padded(cell, width) if column < _TEXTS else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in shown
    ]


def _blocks(cells: Sequence[Sequence[str]]) -> Iterator[str]:
    for number, name, precision, tokens, engine, device, *figures in cells:
        total, p90, inference, ratio, megabytes, same, clips, accuracy, trained = figures
        kind = f"{precision}, tokens {tokens}, {engine} on {device}" if engine else "not used"
        yield f"{number}  {name}: {kind}"
        if total:
            memory = f", {megabytes} MB" if megabytes else ""
            yield f"   {total} ms (p90 {p90}), inference {inference} ms{memory}"
            yield f"   time beside the first's: {ratio}"
        if clips:
            yield f"   PyTorch's top-1 on {same} of {clips} clips" + (
                f", accuracy {accuracy}" + (f" (trained {trained})" if trained else "") if accuracy else ""
            )


def _row_fields(row: Row) -> dict[str, Any]:
    contract, times = row.contract, row.times_ms
    return {
        **_place(row),
        "precision": None if contract is None else contract.model.precision,
        "graph": None if contract is None else contract.model.graph,
        "tokens": None if contract is None else tokens_fields(contract.tokens),
        "checkpoint_sha256": None if contract is None else contract.source.checkpoint_sha256,
        "provider": row.provider,
        "runs": len(times.get("total", ())),
        "median_ms": {stage: round(statistics.median(values), 3) for stage, values in times.items()} or None,
        "p90_ms": {stage: round(_p90(values), 3) for stage, values in times.items()} or None,
        "load_s": None if row.load_s is None else round(row.load_s, 3),
        "peak_rss_mb": None if row.peak_rss_mb is None else round(row.peak_rss_mb, 1),
        "label": row.label,
        "score": row.score,
        "error": None if row.failure is None else dataclasses.asdict(row.failure),
    }


def _ratio_fields(result: Judged, row: Row) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, stage in (("ratio", "total"), ("inference_ratio", "inference")):
        ratio = result.ratio(row, stage=stage)
        interval = None if ratio is None else ratio.interval
        found[name] = None if ratio is None else round(ratio.median, 4)
        found[f"{name}_interval"] = None if interval is None else [round(end, 4) for end in interval]
    return found


def _proof_fields(row: Row, proof: Proof) -> dict[str, Any]:
    contract, test = row.contract, row.self_test
    return {
        "self_test": None if test is None else {**dataclasses.asdict(test), "max_abs_diff": _finite(test.max_abs_diff)},
        "parity": None if contract is None or contract.parity is None else dataclasses.asdict(contract.parity),
        "accuracy": proof.accuracy,
        "accuracy_trained": proof.accuracy_trained,
        "loss": proof.loss,
        "not_recommended": proof.problem,
    }


def _place(row: Row) -> dict[str, str | None]:
    placement = row.placement
    return {
        "file": str(row.path),
        "engine": None if placement is None else placement.engine,
        "device": None if placement is None else placement.device,
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None  # JSON has no NaN


def _p90(times: Sequence[float]) -> float:
    """The 90th percentile, as numpy's."""
    return times[0] if len(times) == 1 else statistics.quantiles(times, n=10, method="inclusive")[8]
