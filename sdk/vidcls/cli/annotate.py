"""`vidcls annotate`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vidcls.cli import options, terminal
from vidcls.printable import printable

if TYPE_CHECKING:
    from vidcls import Prediction
    from vidcls.annotation.annotate import Written
    from vidcls.annotation.copies import Copies
    from vidcls.region import Region
    from vidcls.video.reader import Decoder

# As `vidcls predict` has it: where more is missing, the file was cut off or is damaged.
WHOLE_SHARE = 0.9
WITHOUT_PYAV = (
    "Without PyAV the copy has no sound, a constant rate, and a codec that browsers do not play; "
    "run 'pip install \"vidcls[av]\"' for all three."
)
_SOUND = {"copied": "its sound copied", "encoded": "its sound encoded anew", "none": "no sound", "left out": "no sound"}


@click.command(epilog=options.examples("vidcls annotate model.onnx clip.mp4 -o annotated.mp4"))
@options.model
@options.video
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="The video to write: .mp4, .m4v, .mov or .mkv (H.264), or .webm (VP9).",
)
@options.crops
@options.region
@options.decoder
@options.device
@options.engine
def annotate(
    model: Path,
    video: str,
    output: Path,
    crops: str,
    region: Region | None,
    decoder: Decoder,
    device: str,
    engine: str,
) -> None:
    """Write VIDEO (a path or a URL) with what is recognised drawn on each frame.

    A frame shows the segment of the timeline that it lies in, and the probabilities of the window whose middle is
    nearest: from half a window before to half a window after it. Size, rate and the times of the frames are the
    video's; it stands upright. Its sound is kept. Without PyAV (vidcls[av]) the copy has no sound, and a constant rate.
    """
    with terminal.exit_codes():
        from vidcls.annotation.annotate import annotate as write
        from vidcls.annotation.formats import check_output
        from vidcls.inputs.sources import check_is_one
        from vidcls.video.source import source_name

        check_is_one(video, instead="'vidcls predict MODEL SOURCE --save DIR' writes a copy of each of its videos")
        check_output(output, [video])
        classifier = options.open_classifier(model, device, engine=engine, crops=crops)
        _note_without_pyav()
        written = write(
            classifier, video, output, crops=int(crops), region=region, decoder=decoder, track=terminal.track
        )
        if written.decoded_share < WHOLE_SHARE:
            share = f"only {written.decoded_share:.0%} of it could be decoded"
            terminal.note(f"Warning: {source_name(video)}: {share}; check that the file is complete")
    click.echo(_summary(output, written))


def _summary(output: Path, written: Written) -> str:
    size = f"{written.width} x {written.height}"
    return (
        f"{printable(str(output))}: {written.frames} frames, {size}, {written.seconds:.2f} s, {_SOUND[written.sound]}"
    )


def _note_without_pyav() -> None:
    from vidcls.video.optional import find_pyav

    if find_pyav() is None:
        terminal.note(WITHOUT_PYAV)


def open_copies(folder: Path | None, videos: Iterable[object]) -> Copies | None:
    """Where `predict --save` puts the copies of these videos; None without the option, and then none is taken."""
    from vidcls.annotation.copies import Copies

    if folder is None:
        return None
    _note_without_pyav()
    return Copies(folder, [video for video in videos if isinstance(video, str | Path)])


def save_copy(copies: Copies | None, video: str | int, answer: Prediction, *, decoder: Decoder) -> bool:
    """Write the copy of a video where any are wanted, and say where; False where it cannot be written."""
    from vidcls.errors import VideoError

    if copies is None:
        return True
    try:
        path, _ = copies.add(video, answer, decoder=decoder)
    except (VideoError, OSError) as error:
        terminal.note(f"Error: {error}")
        return False
    terminal.note(f"saved {path}")
    return True
