"""The report's page: whole in itself, true to the figures, and safe whatever a label or a file is called."""

from __future__ import annotations

import base64
import dataclasses
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from html_page import Page, check_self_contained
from vidcls.clips import read_clips
from vidcls_export.page import report_page
from vidcls_export.parity import Disagreement
from vidcls_export.report import report_fields


def page_of(report: Any) -> Page:
    return Page(report_page(report))


# What JPEG moves a painted frame's pixels by, on average.
JPEG_LEVELS = 12


@pytest.fixture
def disagreeing(exports: dict[Any, Any]) -> Any:
    """A report with one clip answered otherwise, whose names are markup."""
    report = exports["int8", "onnxruntime"]
    frame = np.zeros((32, 32, 3), np.uint8)
    frame[:, :16] = [255, 0, 0]
    found = Disagreement(
        video=Path("clips") / "<img src=x onerror=alert(1)>.mp4",
        answer=0,
        pytorch_answer=3,
        label=3,
        margin=0.0123,
        difference=0.5,
        frame=frame,
    )
    labels = ("<b>clap</b>", '" onload="', "turn left", "wave & go")
    return dataclasses.replace(
        report,
        path=Path("<u>model</u>.onnx"),
        contract=dataclasses.replace(report.contract, labels=labels),
        disagreements=[found],
    )


def test_the_page_lies_beside_the_model_and_holds_its_figures(exports: dict[Any, Any]) -> None:
    for (precision, graph), report in exports.items():
        assert report.page == report.path.with_suffix(".html")
        page = Page(report.page.read_text(encoding="utf-8"))
        parity = report.contract.parity
        for shown in (
            f"{parity.top1_agreement:.4f}",
            f"{parity.max_abs_logit_diff:.2g}",
            f"{report.file_mb:g} MB",
            "on 3 of 3 clips",
            f"{precision}, graph for {graph}",
            report.contract.model.file_sha256,
            *report.ops,
            *report.versions.values(),
        ):
            assert shown in page.text, shown
        fields = json.loads(page.text[page.text.index('{\n "path"') : page.text.rindex("}") + 1])
        assert fields == report_fields(report)


def test_nothing_is_fetched_and_no_name_becomes_markup(disagreeing: Any) -> None:
    page = page_of(disagreeing)
    check_self_contained(page)
    assert not {tag for tag, _ in page.tags} & {"u", "img"}


def test_a_clip_answered_otherwise_is_shown(disagreeing: Any) -> None:
    """One that cannot be read any more by its middle frame."""
    page = page_of(disagreeing)
    assert "Answered otherwise: 1" in page.text
    assert "on 2 of 3 clips" in page.text
    assert "<img src=x onerror=alert(1)>.mp4" in page.text  # as text
    for shown in ("<b>clap</b>", "wave & go", "lead 0.012, logits differ by 0.5"):
        assert shown in " ".join(page.text.split()), shown
    (image,) = page.all("image")
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(image["href"].partition(",")[2]))))
    assert picture.shape == (32, 32, 3)
    assert picture[16, 4].tolist() == pytest.approx([255, 0, 0], abs=16)
    assert picture[16, 28].tolist() == pytest.approx([0, 0, 0], abs=16)


def test_a_clip_answered_otherwise_plays(disagreeing: Any, clips: Path) -> None:
    """Its frames are those that the model gets."""
    (found,) = disagreeing.disagreements
    video = clips / "clap" / "long.mp4"
    page = page_of(dataclasses.replace(disagreeing, disagreements=[dataclasses.replace(found, video=video)]))
    (image,) = page.all("image")
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(image["href"].partition(",")[2]))))
    frames = read_clips(video, disagreeing.contract).frames[0]
    assert np.abs(picture.astype(int) - np.concatenate(list(frames), axis=1)).mean() < JPEG_LEVELS
    assert page.all("input")[0]["max"] == str(len(frames) - 1)


def test_of_many_the_plainest_are_shown(disagreeing: Any) -> None:
    (found,) = disagreeing.disagreements
    many = [dataclasses.replace(found, margin=number / 100, video=Path(f"clip{number}.mp4")) for number in range(60)]
    page = page_of(dataclasses.replace(disagreeing, disagreements=many))
    assert "Answered otherwise: 60" in page.text
    assert "44 more are not shown here." in page.text
    shown = [int(number) for number in re.findall(r"clip(\d+)\.mp4", page.text)]
    assert shown == list(range(59, 43, -1))


def test_unproven_is_said(exports: dict[Any, Any]) -> None:
    report = exports["fp32", "portable"]
    unproven = dataclasses.replace(report, contract=dataclasses.replace(report.contract, parity=None))
    page = page_of(unproven)
    assert "Unproven" in page.text
    assert "same top-1 answer" not in page.text
