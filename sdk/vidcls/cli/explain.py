"""`vidcls explain`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vidcls.cli import options, terminal
from vidcls.printable import printable

if TYPE_CHECKING:
    from vidcls import Explanation
    from vidcls.contract import Image
    from vidcls.region import Region
    from vidcls.video.reader import Decoder

# vidcls.explanation.occlusion's, which --help does not wait for.
RUNS = 400
LEAST_RUNS, MOST_RUNS = 150, 4000
WITHOUT_PYAV = (
    "Without PyAV the video is in a codec that browsers do not play; write a .webp, or first run "
    "'pip install \"vidcls[av]\"'."
)


@click.command(epilog=options.examples("vidcls explain model.onnx clip.mp4 -o why.mp4"))
@options.model
@options.video
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="What to write: a video (.mp4, .m4v, .mov, .mkv or .webm) or an animation (.gif or .webp), frame by frame, or "
    "one sheet of all frames (.png).",
)
@click.option("--label", help="Explain this label instead of the answer.")
@click.option(
    "--runs",
    type=click.IntRange(min=LEAST_RUNS, max=MOST_RUNS),
    default=RUNS,
    show_default=True,
    help="Runs of the model, all in all: about a hundred check the map, the others make it.",
)
@options.region
@options.decoder
@options.device
@options.engine
@options.as_json
def explain(
    model: Path,
    video: str,
    output: Path | None,
    label: str | None,
    runs: int,
    region: Region | None,
    decoder: Decoder,
    device: str,
    engine: str,
    as_json: bool,
) -> None:
    """Show which parts of which frames of VIDEO the answer hangs on, and how far that can be believed.

    Parts of the clip are taken away at random, and the model is asked each time. The map is then checked: what it
    marks is taken away, and the answer has to fall further than where random maps say what is taken.
    """
    with terminal.exit_codes():
        from vidcls.annotation.explained import check_explained, write_explanation
        from vidcls.video.source import source_name

        if output is not None:
            check_explained(output, [video])
        classifier = options.open_classifier(model, device, engine=engine)
        started = time.monotonic()
        explanation = classifier.explain(
            video, label=label, runs=runs, region=region, decoder=decoder, track=terminal.track
        )
        seconds = time.monotonic() - started
        if output is not None:
            _note_without_pyav(output)
            write_explanation(explanation, output)
    name = source_name(video)
    if as_json:
        terminal.print_json({"video": name, **explanation.to_dict(), "seconds": seconds})
    else:
        given = given_text(classifier.contract.image, region)
        _print(name, explanation, given=given, output=output, seconds=seconds)


def given_text(image: Image, region: Region | None) -> str:
    """How much the model is given of a picture, of whatever size; of the rest there is no map."""
    from vidcls.region import region_text

    whole = "the picture" if region is None else f"the region {region_text(region)}"
    if image.resize == "stretch":
        return f"all of {whole}"
    share = image.crop_size / image.resize_size
    return f"the square in the middle of {whole} ({share:.2f} of its short side); the model is given no more"


def _print(video: str, explanation: Explanation, *, given: str, output: Path | None, seconds: float) -> None:
    from vidcls.explanation.replacements import SAID

    known = "" if explanation.prediction.known else ", not known"
    answer = explanation.prediction.label
    asked = "" if explanation.label == answer else f" (the answer is {answer})"
    click.echo(printable(f"{video}: {explanation.label} {explanation.score:.4f}{known}{asked}"))
    place = explanation.place
    if not explanation.belief.believable:
        place = f"cannot be said; the map is highest {place}"
    click.echo(f"  hangs on    {place}")
    click.echo(f"  of          {given}")
    click.echo(f"  belief      {explanation.belief.sentence()}")
    click.echo(
        f"  by          {explanation.runs} runs in {seconds:.1f} s, parts replaced by {SAID[explanation.replacement]}"
    )
    if output is not None:
        click.echo(f"  picture     {printable(str(output))}")


def _note_without_pyav(output: Path) -> None:
    from vidcls.annotation.formats import CONTAINERS
    from vidcls.video.optional import find_pyav

    if output.suffix.lower() in CONTAINERS and find_pyav() is None:
        terminal.note(WITHOUT_PYAV)
