"""The command `vidcls`."""

from __future__ import annotations

import click

from vidcls.commands.batch import batch
from vidcls.commands.bench import bench
from vidcls.commands.doctor import doctor
from vidcls.commands.evaluate import evaluate
from vidcls.commands.info import info
from vidcls.commands.predict import predict
from vidcls.commands.preview import preview
from vidcls.commands.timeline import timeline
from vidcls.commands.verify import verify


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="vidcls")
def main() -> None:
    """Classify videos with a model exported by vidcls-export.

    Exit code 0: done. 1: some input failed or a check did not hold. 2: wrong usage.
    """


for command in (batch, bench, doctor, evaluate, info, predict, preview, timeline, verify):
    main.add_command(command)

if __name__ == "__main__":
    main()
