"""The command `vidcls`."""

from __future__ import annotations

import click

from vidcls.cli.annotate import annotate
from vidcls.cli.batch import batch
from vidcls.cli.bench import bench
from vidcls.cli.doctor import doctor
from vidcls.cli.evaluate import evaluate
from vidcls.cli.explain import explain
from vidcls.cli.info import info
from vidcls.cli.predict import predict
from vidcls.cli.preview import preview
from vidcls.cli.timeline import timeline
from vidcls.cli.verify import verify
from vidcls.cli.watch import watch


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="vidcls")
def main() -> None:
    """Classify videos with a model exported by vidcls-export.

    Exit code 0: done. 1: some input failed or a check did not hold. 2: wrong usage.
    """


for command in (annotate, batch, bench, doctor, evaluate, explain, info, predict, preview, timeline, verify, watch):
    main.add_command(command)
