"""`vidcls explain`."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from commands import run
from loopback import sending, serving
from region_model import write_region_model
from vidcls import VideoClassifier
from vidcls.cli import explain as command
from vidcls.explanation import occlusion


@pytest.fixture(scope="module")
def region_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_region_model(tmp_path_factory.mktemp("region") / "model.onnx")


def test_it_says_where_when_and_how_far_to_believe_it(region_model: Path, clip: Path, tmp_path: Path) -> None:
    output = tmp_path / "why.png"
    lines = run("explain", region_model, clip, "--runs", 150, "-o", output).stdout.splitlines()
    assert lines[0].startswith(f"{clip}: ")
    assert [line.split()[0] for line in lines[1:]] == ["hangs", "of", "belief", "by", "picture"]
    assert lines[2].endswith(
        "the square in the middle of the picture (1.00 of its short side); the model is given no more"
    )
    assert "150 runs in" in lines[4]
    assert lines[5].endswith(str(output))
    assert output.stat().st_size > 0


def test_it_says_how_much_of_the_picture_the_map_is_of(region_model: Path) -> None:
    image = VideoClassifier(region_model).contract.image
    given = command.given_text(replace(image, resize_size=128, crop_size=96), (0.5, 0.0, 1.0, 1.0))
    assert given.startswith("the square in the middle of the region 0.5,0,1,1 (0.75 of its short side);")
    assert command.given_text(replace(image, resize="stretch"), None) == "all of the picture"


def test_json_is_one_line(region_model: Path, clip: Path) -> None:
    (text,) = run("explain", region_model, clip, "--runs", 150, "--label", "dark", "--json").stdout.splitlines()
    found = json.loads(text)
    assert found["video"] == str(clip)
    assert found["label"] == "dark"
    assert found["answer"] in ("bright", "dark")
    assert len(found["timestamps"]) == len(found["importance_by_frame"]) == 4
    assert len(found["random_deletion_scores"]) == 19
    assert found["believable"] in (True, False)


def test_a_url_is_named_without_its_password(region_model: Path, clip: Path) -> None:
    with serving(sending(clip.read_bytes())) as address:
        url = f"{address.replace('//', '//user:geheim@')}/clip.mp4?token=geheim"
        for form in ([], ["--json"]):
            said = run("explain", region_model, url, "--runs", 150, *form)
            assert f"{address}/clip.mp4?token=..." in said.stdout
            assert "geheim" not in said.stdout + said.stderr


def test_wrong_usage_is_one_sentence_before_anything_runs(region_model: Path, clip: Path, tmp_path: Path) -> None:
    assert "written as" in run("explain", region_model, clip, "-o", tmp_path / "why.jpg", code=2).stderr
    assert "it has bright, dark" in run("explain", region_model, clip, "--label", "x", code=2).stderr
    run("explain", region_model, clip, "--runs", 20, code=2)
    assert "4001 is not in the range" in run("explain", region_model, clip, "--runs", 4001, code=2).stderr
    result = run("explain", region_model, tmp_path / "gone.mp4", code=1)
    assert result.stderr.count("\n") == 1


def test_help_states_the_runs_that_the_library_has() -> None:
    assert (command.RUNS, command.LEAST_RUNS, command.MOST_RUNS) == (
        occlusion.RUNS,
        occlusion.LEAST_RUNS,
        occlusion.MOST_RUNS,
    )
    assert "150<=x<=4000" in run("explain", "--help").stdout
