"""`vidcls preview`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from vidcls.cli import options, terminal
from vidcls.cli.sources import check_video_is_spared
from vidcls.printable import printable

if TYPE_CHECKING:
    from vidcls.region import Region
    from vidcls.video.reader import Decoder


@click.command(epilog=options.examples("vidcls preview model.onnx clip.mp4 -o seen.gif"))
@options.model
@options.video
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="The picture to write: .gif (256 colours a frame), or .webp or .png (exact).",
)
@options.region
@options.decoder
def preview(model: Path, video: str, output: Path, region: Region | None, decoder: Decoder) -> None:
    """Write the frames of VIDEO exactly as the model sees them, after sampling, resize and crop."""
    with terminal.exit_codes():
        from vidcls.clips import read_clips
        from vidcls.figures.animation import write_animation
        from vidcls.runtime.model import read_contract

        check_video_is_spared(output, video)
        contract = read_contract(model)
        clips = read_clips(video, contract, region=region, decoder=decoder)
        write_animation(clips.frames[0], output, seconds=contract.sampling.clip_seconds)
        start, end = clips.windows[0]
    size = contract.image.crop_size
    name, frames = printable(str(output)), contract.sampling.frames
    click.echo(f"{name}: {frames} frames, {size} x {size}, from {start:.2f} s to {end:.2f} s")
