"""--region: an export is checked, calibrated and measured on the part of the picture that its model was trained on."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
from click.testing import CliRunner

from generated import LABELS
from lossless import noise_frames, write_lossless
from pytorch_answers import normalised, pytorch
from vidcls.clips import read_clips
from vidcls.contract import read_checkpoint
from vidcls_export.cli import main
from vidcls_export.negatives import measure_negatives
from vidcls_export.parity import compare, find_videos
from vidcls_export.precision.calibration import calibration_clips

REGION = (0.25, 0.1, 0.7, 0.9)
BOX = np.s_[:, 6:54, 27:75]  # of 107 x 60 pixels


def write_pairs(folder: Path) -> tuple[Path, Path]:
    """whole/ and cut/: the same clips, and the same ones of the region's pixels alone."""
    for number, label in enumerate(LABELS):
        frames = noise_frames(frames=25, width=107, height=60, seed=number)
        write_lossless(folder / "whole" / label / "clip.mkv", frames)
        write_lossless(folder / "cut" / label / "clip.mkv", frames[BOX])
    return folder / "whole", folder / "cut"


def test_clips_are_compared_calibrated_on_and_counted_as_those_of_the_region(checkpoint: Path, tmp_path: Path) -> None:
    whole, cut = write_pairs(tmp_path)
    contract = read_checkpoint(checkpoint)

    def classify(frames: np.ndarray) -> np.ndarray:
        return pytorch(checkpoint, normalised(frames))

    def turned(frames: np.ndarray) -> np.ndarray:
        return np.roll(classify(frames), 1, axis=1)

    found, expected = (
        compare(find_videos(folder, LABELS, region=region), contract, pytorch=classify, exported=turned)
        for folder, region in ((whole, REGION), (cut, None))
    )
    assert found.parity == expected.parity
    assert len(found.disagreements) == len(LABELS)
    for one, other in zip(found.disagreements, expected.disagreements, strict=True):
        assert np.array_equal(one.frame, other.frame)
        assert one.margin == other.margin

    videos = find_videos(whole, LABELS, region=REGION)
    for frames, video in zip(calibration_clips(videos.paths, contract, region=REGION), videos.paths, strict=True):
        assert np.array_equal(frames, read_clips(cut / video.relative_to(whole), contract).frames)

    seen: list[np.ndarray] = []

    def kept(frames: np.ndarray) -> np.ndarray:
        seen.append(frames)
        return classify(frames)

    counted, right = (
        measure_negatives(find_videos(folder, (), region=region), contract, exported=kept, labelled=None)
        for folder, region in ((whole, REGION), (cut, None))
    )
    assert dataclasses.asdict(counted) == dataclasses.asdict(right)
    assert np.array_equal(seen[: len(LABELS)], seen[len(LABELS) :])


def test_the_command_takes_it_and_the_report_names_it(checkpoint: Path, tmp_path: Path) -> None:
    whole, cut = write_pairs(tmp_path)
    fields = []
    for folder, options in ((whole, ["--region", "0.25,0.1,0.7,0.9"]), (cut, [])):
        arguments = [str(checkpoint), "-o", str(tmp_path / "model.onnx"), "--check", str(folder), *options]
        result = CliRunner().invoke(main, [*arguments, "--json"])
        assert result.exit_code == 0, result.output
        fields.append(json.loads(result.stdout))
    assert [one.pop("region") for one in fields] == [list(REGION), None]
    for name in ("videos", "accuracy_pytorch", "max_abs_logit_diff", "mean_abs_logit_diff", "calibration"):
        assert fields[0][name] == fields[1][name]


def test_a_region_of_no_clips_is_wrong_usage(checkpoint: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(main, [str(checkpoint), "-o", str(tmp_path / "model.onnx"), "--region", "0,0,0.5,1"])
    assert result.exit_code == 2
    assert "--region is for the clips of --check and --negatives" in result.output
