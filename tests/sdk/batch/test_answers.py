"""Rows, and what is counted of them."""

from __future__ import annotations

from hashlib import sha256

import pytest

from answered import answered_prediction
from vidcls import Prediction
from vidcls.batch.answers import Summary, counts, failed_row, predicted_row, source_sha256


def prediction(milliseconds: float) -> Prediction:
    return answered_prediction(
        [0.0, 2.0],
        labels=("clap", "wave"),
        window=(0.5, 1.25),
        timing_ms={"decode": milliseconds, "preprocess": 1.0, "inference": 2.0, "total": milliseconds + 3},
    )


def test_a_row_says_what_the_prediction_says() -> None:
    row = predicted_row("http://me:secret@host/a.mp4", prediction(7), top_k=1)
    assert row["path"] == "http://host/a.mp4"
    assert row["source_sha256"] == sha256(b"http://me:secret@host/a.mp4").hexdigest()
    assert (row["label"], row["error"], row["error_type"]) == ("wave", None, None)
    assert row["top"] == [{"label": "wave", "score": row["score"]}]
    assert (row["logits"], row["windows"], row["seconds"]) == ([0.0, 2.0], [{"start": 0.5, "end": 1.25}], 0.01)


@pytest.mark.parametrize("problem", ["it is empty", "a.mp4: it is empty"])
def test_a_failed_row_names_its_video_once(problem: str) -> None:
    row = failed_row("a.mp4", kind="VideoError", problem=problem)
    identity = sha256(b"a.mp4").hexdigest()
    assert row == {
        "path": "a.mp4",
        "source_sha256": identity,
        "error": "a.mp4: it is empty",
        "error_type": "VideoError",
    }


def test_videos_that_are_shown_alike_are_told_apart() -> None:
    names = ["http://host/a.mp4?token=1", "http://host/a.mp4?token=2", "/a\udcff.mp4", "/a\udcfe.mp4", "/a\ufffd.mp4"]
    assert len({failed_row(name, kind="VideoError", problem="")["path"] for name in names}) == 2
    assert len({source_sha256(name) for name in names}) == len(names)
    assert source_sha256("/a\udcff.mp4") == sha256(b"/a\xff.mp4").hexdigest()


def test_a_summary_adds_the_counts_of_parts() -> None:
    rows = [
        predicted_row("a.mp4", prediction(7), top_k=1),
        predicted_row("b.mp4", prediction(3), top_k=1),
        failed_row("c.mp4", kind="VideoError", problem="it is empty"),
    ]
    summary = Summary()
    summary.add(counts(rows, milliseconds={"wall": 20.0}))
    summary.add(counts(rows[2:], milliseconds={"wall": 5.0}))
    assert (summary.videos, summary.failed) == (4, {"VideoError": 2})
    assert summary.milliseconds == {"decode": 10.0, "preprocess": 2.0, "inference": 4.0, "wall": 25.0}
