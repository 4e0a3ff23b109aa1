"""The report's page: whole in itself, true to the figures, and safe whatever a label or a file is called."""

from __future__ import annotations

import base64
import dataclasses
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vidcls_export.page import report_page
from vidcls_export.parity import Disagreement
from vidcls_export.report import report_fields


class Page(HTMLParser):
    """What a browser would make of it: every tag is closed, its attributes, its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def page_of(report: Any) -> Page:
    return Page(report_page(report))


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


def test_nothing_is_fetched_and_nothing_runs(disagreeing: Any) -> None:
    text = report_page(disagreeing)
    page = Page(text)
    tags = {tag for tag, _ in page.tags}
    assert not tags & {"script", "link", "iframe", "object", "form", "a", "base"}
    names = {name for _, attributes in page.tags for name in attributes}
    assert not {name for name in names if name.startswith("on") or name in ("href", "srcset", "style")}
    assert all(
        str(attributes["src"]).startswith("data:image/jpeg;base64,") for tag, attributes in page.tags if tag == "img"
    )
    assert "url(" not in text
    assert "@import" not in text
    (policy,) = (a["content"] for t, a in page.tags if t == "meta" and a.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in str(policy)
    # The browser takes the page's own style only if the policy names its hash.
    import hashlib

    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    assert base64.b64encode(hashlib.sha256(style.encode()).digest()).decode() in str(policy)


def test_a_clip_answered_otherwise_is_shown(disagreeing: Any) -> None:
    page = page_of(disagreeing)
    assert "Answered otherwise: 1" in page.text
    assert "on 2 of 3 clips" in page.text
    assert "<img src=x onerror=alert(1)>.mp4" in page.text  # as text
    assert "file: <b>clap</b>" in page.text
    assert "PyTorch: wave & go" in page.text
    assert "label: wave & go" in page.text
    assert "u" not in {tag for tag, _ in page.tags}  # the model's own name
    (source,) = (str(attributes["src"]) for tag, attributes in page.tags if tag == "img")
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))))
    assert picture.shape == (32, 32, 3)
    assert picture[16, 4].tolist() == pytest.approx([255, 0, 0], abs=8)
    assert picture[16, 28].tolist() == pytest.approx([0, 0, 0], abs=8)


def test_of_many_the_plainest_are_shown(disagreeing: Any) -> None:
    (found,) = disagreeing.disagreements
    many = [dataclasses.replace(found, margin=number / 100, video=Path(f"clip{number}.mp4")) for number in range(60)]
    page = page_of(dataclasses.replace(disagreeing, disagreements=many))
    assert "Answered otherwise: 48 of 60" in page.text
    shown = [int(number) for number in re.findall(r"clip(\d+)\.mp4", page.text)]
    assert shown == list(range(59, 11, -1))


def test_unproven_is_said(exports: dict[Any, Any]) -> None:
    report = exports["fp32", "portable"]
    unproven = dataclasses.replace(report, contract=dataclasses.replace(report.contract, parity=None))
    page = page_of(unproven)
    assert "Unproven" in page.text
    assert "same top-1 answer" not in page.text
