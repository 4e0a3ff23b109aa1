"""A run's results as one HTML page."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vidcls.clips import read_clips
from vidcls.contract import Contract
from vidcls.files.atomic import write_whole
from vidcls.files.run_status import SETTINGS_FILE
from vidcls.pages.training import Training, training_page
from vidcls.region import Region
from vidcls_train.data.clip_list import Clip, Footage
from vidcls_train.output.metrics import Results

PAGE_FILE = "report.html"


def write_page(output: Path, contract: Contract, results: Results) -> None:
    """Write report.html beside metrics.json; where no clip of its split shows a label there is none.

    Args:
        output: the checkpoint folder, with the run's settings.json.
        contract: the checkpoint's.
        results: as `measure` returned them.
    """
    split, scored = results.shown
    if not scored.shows_any(contract.labels):
        return
    made = Training(
        name=output.name,
        contract=contract,
        metrics=results.metrics,
        split="test" if split == "test" else "val",
        names=[_name(clip) for clip in scored.clips],
        answers=scored.answers(contract.labels),
        settings=json.loads((output / SETTINGS_FILE).read_text(encoding="utf-8")),
    )
    page = training_page(made, frames_of=lambda number: _frames(scored.clips[number], contract, results.region))
    write_whole(output / PAGE_FILE, page.encode())


def _name(clip: Clip) -> str:
    """Of its file, and which stretch of it; not the folders that it lies in."""
    return str(Footage(Path(clip.path.name), clip.stretch))


def _frames(clip: Clip, contract: Contract, region: Region | None) -> npt.NDArray[np.uint8]:
    return np.asarray(read_clips(clip.path, contract, stretch=clip.stretch, region=region).frames[0])
