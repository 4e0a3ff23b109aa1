"""--region and --crops: every command answers as it does of videos of the region's pixels."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence

from commands import json_lines, run
from generated import LABELS
from lossless import noise_frames, write_lossless

REGION = ("--region", "0.25,0.1,0.7,0.9")
BOX = np.s_[:, 6:54, 27:75]  # of 107 x 60 pixels


def pair(folder: Path, name: str, *, seed: int, frames: int = 30) -> tuple[Path, Path]:
    """A video, and one of its region's pixels."""
    pictures = noise_frames(frames=frames, width=107, height=60, seed=seed)
    return write_lossless(folder / "whole" / name, pictures), write_lossless(folder / "cut" / name, pictures[BOX])


def test_predict(model: Path, tmp_path: Path) -> None:
    whole, cut = pair(tmp_path, "clip.mkv", seed=1)
    for options in ((), ("--crops", 3, "--views", 2)):
        (found,) = json_lines(run("predict", model, whole, "--json", *options, *REGION).stdout)
        (expected,) = json_lines(run("predict", model, cut, "--json", *options).stdout)
        assert found["logits"] == expected["logits"]


def test_timeline(model: Path, tmp_path: Path) -> None:
    whole, cut = pair(tmp_path, "clip.mkv", seed=1, frames=80)
    printed = set()
    for options in ((), ("--crops", 3)):
        odds = ("--json", "--change-odds", 1)
        found = run("timeline", model, whole, *odds, *options, *REGION).stdout
        assert found == run("timeline", model, cut, *odds, *options).stdout
        printed |= {found, run("timeline", model, whole, *odds, *options).stdout}
    assert len(printed) == 4


def test_preview(model: Path, tmp_path: Path) -> None:
    whole, cut = pair(tmp_path, "clip.mkv", seed=1)
    seen = []
    for video, options in ((whole, REGION), (cut, ())):
        run("preview", model, video, "-o", tmp_path / "out.png", *options)
        with Image.open(tmp_path / "out.png") as picture:
            seen.append(np.stack([np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(picture)]))
    np.testing.assert_array_equal(seen[0], seen[1])


def test_evaluate(model: Path, tmp_path: Path) -> None:
    for number, label in enumerate(LABELS):
        for take in range(2):
            pair(tmp_path, f"{label}/{take}.mkv", seed=10 * number + take)
    (found,) = json_lines(run("evaluate", model, tmp_path / "whole", "--json", "--report", tmp_path, *REGION).stdout)
    (expected,) = json_lines(run("evaluate", model, tmp_path / "cut", "--json", "--report", tmp_path / "2").stdout)
    assert found == expected
    assert json.loads((tmp_path / "report.json").read_text())["region"] == [0.25, 0.1, 0.7, 0.9]
    assert json.loads((tmp_path / "2" / "report.json").read_text())["region"] is None
    # The strips of mistakes are the region's pixels too.
    with Image.open(tmp_path / "mistakes.png") as one, Image.open(tmp_path / "2" / "mistakes.png") as other:
        rows = np.s_[40:]  # below the title, which names the folder
        np.testing.assert_array_equal(np.asarray(one)[rows], np.asarray(other)[rows])
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "of the region 0.25,0.1,0.7,0.9 of each picture" in page
    assert "--region 0.25,0.1,0.7,0.9 --report DIR" in page


def test_evaluate_events(model: Path, tmp_path: Path) -> None:
    pair(tmp_path, "clip.mkv", seed=1, frames=80)
    table = tmp_path / "events.csv"
    lines = "".join(f"clip.mkv,0,1,{label}\n" for label in LABELS)  # most of which are missed, and shown as such
    table.write_text(f"video,start,end,label\n{lines}", encoding="utf-8")
    for options in ((), ("--crops", 3)):
        asked = ("--events", table, "--json", *options, "--report")
        found = run("evaluate", model, tmp_path / "whole", *asked, tmp_path / "region", *REGION)
        expected = run("evaluate", model, tmp_path / "cut", *asked, tmp_path / "pixels")
        assert found.stdout == expected.stdout
        assert found.stdout != run("evaluate", model, tmp_path / "whole", *asked, tmp_path / "all").stdout
        pages = {name: (tmp_path / name / "report.html").read_text() for name in ("region", "pixels")}
        clips = {name: re.findall(r"data:image/[^\"]+", page) for name, page in pages.items()}
        assert clips["region"] == clips["pixels"]
        assert "--region 0.25,0.1,0.7,0.9 --report DIR" in pages["region"]
    assert clips["region"]


@pytest.mark.parametrize(
    ("region", "message"),
    [
        ("0.5,0,1", "region is '0.5,0,1', expected left,top,right,bottom as shares of the picture"),
        ("half", "region is 'half', expected left,top,right,bottom"),
        ("0.5,0,50,100", "4 numbers from 0 to 1"),
        ("0.9,0,0.1,1", "left less than right"),
    ],
)
def test_what_is_no_region_is_one_sentence(region: str, message: str, model: Path, tmp_path: Path) -> None:
    for command in (
        ("predict", model, "gone.mp4"),
        ("timeline", model, "gone.mp4"),
        ("preview", model, "gone.mp4", "-o", tmp_path / "out.gif"),
        ("evaluate", model, tmp_path),
        ("batch", model, "gone.mp4", "-o", tmp_path / "out"),
    ):
        error = run(*command, "--region", region, code=2).stderr.splitlines()[-1]
        assert error.startswith("Error: Invalid value for '--region': region is ")
        assert message in error
