from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder  # type: ignore[import-untyped]
from fontTools.pens.ttGlyphPen import TTGlyphPen  # type: ignore[import-untyped]
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from audited import check
from generated import write_scene
from vidcls.figures import letters
from vidcls_train.audit import letters as report_letters
from vidcls_train.audit.report import write_data_report
from vidcls_train.audit.report_picture import write_data_picture


def test_the_report_is_text_json_and_a_picture(data: Path, tmp_path: Path) -> None:
    write_scene(data / "train" / "jump" / "a|b.mp4", place=100)
    write_scene(data / "test" / "jump" / "copy.mp4", place=100, size=(80, 60))
    (data / "train" / "wave" / "broken.mp4").write_bytes(b"no video")
    checked = check(data, tmp_path, clip_seconds=1.5)
    write_data_report(checked.report, tmp_path)
    text = (tmp_path / "data-report.md").read_text(encoding="utf-8")
    for part in (
        "train also holds the footage of 1 of 7 clips in test",
        "| jump | 5 | 2 | 3 |",
        "| same footage | test/jump/copy.mp4 | test | train/jump/a\\|b.mp4 | train |",
        "broken.mp4",
        "## Shorter than the window",
    ):
        assert part in text
    fields = json.loads((tmp_path / "data-report.json").read_text(encoding="utf-8"))
    assert fields["counts"]["jump"] == {"train": 5, "val": 2, "test": 3}
    assert fields["findings"][0]["level"] == "warning"
    with Image.open(tmp_path / "data-report.png") as picture:
        assert picture.height > 600  # the two clips of the pair below the charts
        assert np.asarray(picture).std() > 5


@pytest.fixture
def no_cache() -> Iterator[None]:
    report_letters._family.cache_clear()
    yield
    report_letters._family.cache_clear()


@pytest.mark.usefixtures("no_cache")
def test_labels_that_no_font_has_are_spelled_and_nothing_warns(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Warnings are errors here, matplotlib's of a letter that it lacks among them. It has Cyrillic ones itself."""
    for split in ("train", "val", "test"):
        (data / split / "jump").rename(data / split / "넘어짐 $Ж$ 𓀀")
    monkeypatch.setattr(letters, "_find_font", lambda _: None)
    assert report_letters.writable("넘어짐 $Ж$ 𓀀") == "neomeojim $Ж$ □"
    write_data_picture(check(data, tmp_path, clip_seconds=1.5).report, tmp_path / "report.png")


@pytest.mark.usefixtures("no_cache")
def test_a_font_that_is_installed_writes_what_matplotlib_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(letters, "_find_font", lambda _: str(write_bar_font(tmp_path / "bar.ttf", "넘")))
    assert report_letters.writable("a넘") == "a넘"
    assert report_letters.families("a넘")[1:] == ["Bar"]
    figure = Figure(figsize=(1, 1), dpi=100)
    figure.text(0, 0, "넘", fontsize=72, fontfamily=report_letters.families("넘"))
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    drawn = np.asarray(canvas.buffer_rgba())[..., 0]  # type: ignore[no-untyped-call]
    assert (drawn[20:80, 5:45] < 50).all()  # a bar half as wide as the picture is high
    assert (drawn[:, 55:] == 255).all()


def write_bar_font(path: Path, letter: str) -> Path:
    """A font of one letter, a bar of half its size's width."""
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    for corner in ((0, 1000), (500, 1000), (500, 0)):
        pen.lineTo(corner)
    pen.closePath()
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", "bar"])
    builder.setupCharacterMap({ord(letter): "bar"})
    builder.setupGlyf({".notdef": TTGlyphPen(None).glyph(), "bar": pen.glyph()})
    builder.setupHorizontalMetrics({".notdef": (500, 0), "bar": (500, 0)})
    builder.setupHorizontalHeader(ascent=1000, descent=0)
    builder.setupNameTable({"familyName": "Bar", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(path)
    return path
