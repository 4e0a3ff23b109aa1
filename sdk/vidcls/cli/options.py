"""Arguments and options that several commands of `vidcls` share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from vidcls.cli import terminal

if TYPE_CHECKING:
    from vidcls import VideoClassifier
    from vidcls.preprocessing import Region

Command = TypeVar("Command", bound=Callable[..., Any])


model = click.argument("model", type=click.Path(path_type=Path))
video = click.argument("video", type=click.Path())
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, one object a line.")
device = click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="auto takes CUDA where it works; cuda never falls back to the CPU.",
)
engine = click.option(
    "--engine",
    type=click.Choice(["onnxruntime", "openvino"]),
    default="onnxruntime",
    show_default=True,
    help="What computes; openvino (vidcls[openvino]) is for CPUs.",
)
decoder = click.option(
    "--decoder",
    type=click.Choice(["auto", "opencv", "pyav"]),
    default="auto",
    show_default=True,
    help="auto is PyAV where it is installed (vidcls[av]), else OpenCV; their pixels are the same.",
)

save = click.option(
    "--save",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write an annotated copy of every video into this folder: the video with its answer drawn on each frame.",
)


def _as_region(_context: click.Context, _parameter: click.Parameter, text: str | None) -> Region | None:
    from vidcls.errors import ArgumentError
    from vidcls.preprocessing import parse_region

    if text is None:
        return None
    try:
        return parse_region(text)
    except ArgumentError as problem:
        raise click.BadParameter(str(problem)) from None


def region_option(what: str) -> Callable[[Command], Command]:
    """--region, of which `what` says what it is for."""
    return click.option("--region", metavar="L,T,R,B", callback=_as_region, help=what)


region = region_option(
    "The part of the picture that the model is given: left, top, right and bottom as shares of it, such as 0.5,0,1,1 "
    "for its right half; default: all of it."
)
crops = click.option(
    "--crops",
    type=click.Choice(["1", "3"]),
    default="1",
    show_default=True,
    help="Crops of each frame: the middle, or three along its long side.",
)


def views_and_crops(command: Command) -> Command:
    """--views, --crops and --region."""
    views = click.option(
        "--views",
        type=click.IntRange(min=1),
        default=1,
        show_default=True,
        help="Windows of the model's clip length, spread evenly over the video; one lies in the middle.",
    )
    return views(crops(region(command)))


def open_classifier(
    model: Path, device: str, *, engine: str = "onnxruntime", views: int = 1, crops: str = "1"
) -> VideoClassifier:
    """Open MODEL on a device, with an engine, and refuse views and crops that it cannot take before anything runs.

    On a terminal, "auto" says what it took and why.
    """
    from vidcls import VideoClassifier
    from vidcls.clips import check_views

    classifier = VideoClassifier(model, device=device, engine=engine)  # type: ignore[arg-type]
    check_views(classifier.contract, views=views, crops=int(crops))
    if device == "auto" and terminal.is_interactive():
        terminal.note(f"device {classifier.device}: {classifier.device_reason}")
    return classifier
