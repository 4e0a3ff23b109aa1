"""Arguments and options that several commands of `vidcls` share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from vidcls import VideoClassifier
    from vidcls.region import Region

Command = TypeVar("Command", bound=Callable[..., Any])


# A line of its own, which click does not wrap.
_EXAMPLES = "\b\nExamples:\n"


def examples(*lines: str) -> str:
    """The end of a command's help: lines that run as they are. Give it to `click.command` as its epilog."""
    return _EXAMPLES + "\n".join(f"  {line}" for line in lines)


class DeviceName(click.ParamType):  # type: ignore[type-arg]  # older ones have none at run time
    """auto, cpu, cuda, or of several cards one: cuda:1."""

    name = "device"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The device by its one name, as `VideoClassifier` takes it."""
        from vidcls.errors import ArgumentError
        from vidcls.runtime.devices import checked_device

        try:
            return checked_device(value)
        except ArgumentError as problem:
            self.fail(str(problem).removeprefix("device is "), param, ctx)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002 - click's names
        """The names that every machine knows."""
        return [CompletionItem(name) for name in ("auto", "cpu", "cuda") if name.startswith(incomplete)]


ENGINES = click.Choice(["onnxruntime", "openvino"])
DECODERS = click.Choice(["auto", "opencv", "pyav"])


def device_option(
    what: str, *, default: str | None = "auto", take: Callable[..., Any] | None = None
) -> Callable[[Command], Command]:
    """--device, of which `what` says what it decides, and `take`, click's callback, what becomes of it."""
    return click.option(
        "--device",
        type=DeviceName(),
        metavar="[auto|cpu|cuda[:N]]",
        default=default,
        show_default=default is not None,
        callback=take,
        help=what,
    )


def _as_file(_context: click.Context, _parameter: click.Parameter, text: str | None) -> str | None:
    """VIDEO, which has an end: no camera's number."""
    from vidcls.inputs.sources import typed_source

    if text is not None and isinstance(typed_source(text), int):
        raise click.BadParameter(
            f"there is no file '{text}', and a camera has no end; cameras are for 'vidcls predict' and 'vidcls watch'"
        )
    return text


model = click.argument("model", type=click.Path(path_type=Path))
video = click.argument("video", type=click.Path(), callback=_as_file)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, one object a line.")
device = device_option(
    "auto takes CUDA where it works; cuda never falls back to the CPU, and neither does cuda:1, the second of several "
    "cards."
)
engine = click.option(
    "--engine",
    type=ENGINES,
    default="onnxruntime",
    show_default=True,
    help="What computes; openvino (vidcls[openvino]) is for CPUs.",
)
decoder = click.option(
    "--decoder",
    type=DECODERS,
    default="auto",
    show_default=True,
    help="auto is PyAV where it is installed (vidcls[av]), else OpenCV; their pixels are the same.",
)

save = click.option(
    "--save",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write an annotated copy of every video into this folder: the video with its answer drawn on each frame, as "
    "NAME-annotated.mp4, in place of a file of that name.",
)


def _as_region(_context: click.Context, _parameter: click.Parameter, text: str | None) -> Region | None:
    from vidcls.errors import ArgumentError
    from vidcls.region import parse_region

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
    "for its right half.  [default: all of it]"
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
        type=click.IntRange(min=1, max=1000),
        default=1,
        show_default=True,
        help="Windows of the model's clip length, spread evenly over the video; one lies in the middle.",
    )
    return views(crops(region(command)))


def open_classifier(
    model: Path, device: str, *, engine: str = "onnxruntime", views: int = 1, crops: str = "1"
) -> VideoClassifier:
    """Open MODEL on a device, with an engine, and refuse views and crops that it cannot take before anything runs."""
    from vidcls import VideoClassifier
    from vidcls.clips import check_views

    classifier = VideoClassifier(model, device=device, engine=engine)  # type: ignore[arg-type]
    check_views(classifier.contract, views=views, crops=int(crops))
    return classifier
