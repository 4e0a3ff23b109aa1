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
from vidcls.cli.options import examples
from vidcls.cli.predict import predict
from vidcls.cli.preview import preview
from vidcls.cli.printing import PrintingCommand
from vidcls.cli.timeline import timeline
from vidcls.cli.verify import verify
from vidcls.cli.watch import watch

# What `vidcls --help` says of each command: short enough for one line of a terminal.
SECTIONS = {
    "Recognise": {
        "predict": "What each of some videos shows.",
        "timeline": "What happens when in a video of any length.",
        "annotate": "A video with what was recognised drawn on it.",
        "watch": "Cameras, for good: a page, events, alarms.",
        "batch": "Many videos, on this machine or a cluster, with Ray.",
    },
    "Measure and understand": {
        "evaluate": "How good a model is on videos with labels.",
        "explain": "What in a video an answer hangs on.",
        "preview": "A video's frames as a model sees them.",
        "info": "What a model says of itself.",
    },
    "This machine": {
        "verify": "Whether a model's answers here are the trained model's.",
        "bench": "How fast models are here, and which to take.",
        "doctor": "What runs here, what does not, and what mends it.",
    },
}


class _Menu(PrintingCommand, click.Group):
    """A group that lists its commands by what they are for."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        """Section by section; a command that has none stands in the last one, by its own first sentence."""
        named = {name for section in SECTIONS.values() for name in section}
        others = {name: one.get_short_help_str() for name, one in self.commands.items() if name not in named}
        for title, section in {**SECTIONS, "Others": others}.items():
            rows = [(name, what) for name, what in section.items() if name in self.commands]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)


@click.group(
    cls=_Menu,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=examples("vidcls predict model.onnx clip.mp4", "vidcls predict --help"),
)
@click.version_option(package_name="vidcls")
def main() -> None:
    """Classify videos with a model exported by vidcls-export.

    Exit code 0: done. 1: some input failed or a check did not hold. 2: wrong usage.
    """


for command in (annotate, batch, bench, doctor, evaluate, explain, info, predict, preview, timeline, verify, watch):
    main.add_command(command)
