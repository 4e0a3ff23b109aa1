"""Memory of a process that predicts one file again and again, by each decoder.

    python tests/benchmarks/memory.py [--predictions 2000] [--width 1280 --height 720]

Once with glibc's pools of memory as they are, eight a processor, of which threads that end leave some behind, and once
with two. Linux with glibc.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import click

from generated import write_clip, write_model

PREDICT = """
import os, sys
from vidcls import VideoClassifier
classifier = VideoClassifier(sys.argv[1], device="cpu")
predictions = int(sys.argv[3])
for number in range(1, predictions + 1):
    classifier.predict(sys.argv[2], decoder=sys.argv[4])
    if number == 20 or number % (predictions // 4) == 0:
        with open("/proc/self/statm") as file:
            print(int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 10**6)
"""


@click.command(help=__doc__)
@click.option("--predictions", type=click.IntRange(80), default=2000, show_default=True)
@click.option("--width", type=int, default=64, show_default=True)
@click.option("--height", type=int, default=48, show_default=True)
def main(predictions: int, width: int, height: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        model = write_model(Path(name) / "model.onnx")
        clip = write_clip(Path(name) / "clip.mp4", frames=12, rate=25, width=width, height=height)
        after = ", ".join(str(predictions * part // 4) for part in range(1, 5))
        click.echo(f"MB after 20, {after} predictions of a clip of {width} x {height}:")
        for decoder in ("pyav", "opencv"):
            for pools in ("", "2"):
                variables = {**os.environ, **({"MALLOC_ARENA_MAX": pools} if pools else {})}
                command = [sys.executable, "-c", PREDICT, str(model), str(clip), str(predictions), decoder]
                run = subprocess.run(command, env=variables, capture_output=True, text=True, check=True)
                click.echo(f"{decoder:8}MALLOC_ARENA_MAX={pools or 'unset':7}{' '.join(run.stdout.split())}")


if __name__ == "__main__":
    main()
