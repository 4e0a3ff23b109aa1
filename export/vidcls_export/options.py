"""What can be asked of an export, and what is refused of it before anything is opened; without PyTorch."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from vidcls.contract import TOKEN_CHOICES
from vidcls.errors import ArgumentError
from vidcls.region import Region, check_region
from vidcls.schema import check_choice
from vidcls.video.folders import list_videos

Precision = Literal["fp32", "fp16", "int8"]
Graph = Literal["onnxruntime", "portable"]


@dataclass(frozen=True, kw_only=True)
class Target:
    """What to write: the ONNX file and its page, in which precision, for which runtime; checked on which region."""

    path: Path
    page: Path
    precision: Precision
    graph: Graph
    region: Region | None


def check_options(
    precision: Precision, graph: Graph, tokens: str | None, *, check: object, shares: Mapping[str, float]
) -> None:
    """Refuse what cannot be done, before anything is opened.

    Args:
        precision, graph, tokens: as for `export`.
        check: the folder of clips to check on; None for none.
        shares: by name, which have to be from 0 to 1.

    Raises:
        ValueError: an argument is none that can be had, or int8 lacks clips that it is calibrated on.
    """
    check_choice("precision", precision, get_args(Precision))
    check_choice("graph", graph, get_args(Graph))
    if tokens is not None:
        check_choice("tokens", tokens, TOKEN_CHOICES)
    for name, share in shares.items():
        if not 0 <= share <= 1:
            raise ArgumentError(f"{name} is {share}, expected a share from 0 to 1")
    check_calibration(precision, graph, clips=check)


def target_of(
    output: str | os.PathLike[str],
    report: str | os.PathLike[str] | None,
    precision: Precision,
    graph: Graph,
    region: Region | None,
) -> Target:
    """Where to write what; arguments as for `export`.

    Raises:
        ValueError: a file cannot be written there, or one of another kind would be lost; or the region is none.
    """
    check_region(region)
    path = Path(output)
    if path.is_dir():
        raise ArgumentError(f"{path}: is a folder; name the ONNX file to write")
    page = path.with_suffix(".html") if report is None else Path(report)
    if page.is_dir() or page.resolve() == path.resolve():
        raise ArgumentError(
            f"{page}: is {'a folder' if page.is_dir() else 'the model'}; name an HTML file for the report"
        )
    _check_kind(path, kind="ONNX", endings=(".onnx",))
    _check_kind(page, kind="HTML", endings=(".html", ".htm"))
    return Target(path=path, page=page, precision=precision, graph=graph, region=region)


def _check_kind(path: Path, *, kind: str, endings: tuple[str, ...]) -> None:
    """Refuse to replace a file that is of another kind by its name, such as the checkpoint's weights or a video."""
    if path.suffix and path.suffix.lower() not in endings and path.exists():
        raise ArgumentError(
            f"{path}: is there already, and no {kind} file by its name, so that it would be lost; name another file, "
            "or remove it first"
        )


def list_checked(folder: Path) -> list[Path]:
    """The videos below a folder that an export is to be checked on.

    Raises:
        ValueError: not a folder, or no videos in it.
    """
    if not folder.is_dir():
        raise ArgumentError(f"{folder}: is not a folder; name a folder of videos to check the export on")
    paths = list_videos(folder)
    if not paths:
        raise ArgumentError(f"{folder}: holds no videos; name a folder of videos to check the export on")
    return paths


def is_static_int8(precision: Precision, graph: Graph) -> bool:
    """Whether activations are quantized with fixed ranges; else int8 finds their ranges anew at every run."""
    return (precision, graph) == ("int8", "portable")


def check_calibration(precision: Precision, graph: Graph, *, clips: object) -> None:
    """Raise ValueError where the ranges of static int8 cannot be found because `clips` is None."""
    if is_static_int8(precision, graph) and clips is None:
        raise ArgumentError(
            "int8 with the portable graph needs real clips for its calibration; name a folder of them to check on "
            "(--check DATA_DIR), or take the graph 'onnxruntime'"
        )
