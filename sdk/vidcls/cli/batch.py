"""`vidcls batch`."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vidcls.cli import options, terminal

if TYPE_CHECKING:
    from vidcls.batch.answers import Summary
    from vidcls.batch.job import Job
    from vidcls.video.reader import Decoder


@click.command()
@options.model
@click.argument("source")
@click.option("-o", "--output", required=True, help="The folder of Parquet files to write, or to go on with.")
@click.option("--address", help="A Ray cluster's address, or auto; without it Ray starts on this machine alone.")
@click.option(
    "--actors", type=click.IntRange(min=1), help="Classifiers at a time; by default one per CPU or GPU share."
)
@click.option(
    "--gpus-per-actor",
    type=click.FloatRange(min=0),
    default=0.0,
    show_default=True,
    help="Run on CUDA, with this share of a GPU for each classifier, such as 0.25.",
)
@click.option("--top-k", type=click.IntRange(min=1), default=5, show_default=True, help="Labels to keep per video.")
@options.views_and_crops
@options.decoder
@options.as_json
def batch(
    model: Path,
    source: str,
    output: str,
    address: str | None,
    actors: int | None,
    gpus_per_actor: float,
    top_k: int,
    views: int,
    crops: str,
    decoder: Decoder,
    as_json: bool,
) -> None:
    """Classify all videos of SOURCE on Ray, on this machine or a cluster, into a folder of Parquet files.

    SOURCE is a folder, a pattern such as 'clips/*.mp4', a .txt, .csv or .parquet list (column path), or a
    URL such as s3://bucket/clips. Videos that OUTPUT has already are left out, so the same command goes
    on after a stop. A video that fails is a row with its error; the exit code is then 1.
    """
    with terminal.exit_codes():
        from vidcls.batch import cluster  # noqa: F401 - without Ray, better said now
        from vidcls.batch.answers import Summary
        from vidcls.batch.job import Settings, plan
        from vidcls.batch.listing import list_source

        options.open_classifier(model, "cpu", views=views, crops=crops)  # a bad model is better named before Ray starts
        settings = Settings(
            views=views,
            crops=int(crops),
            decoder=decoder,
            top_k=top_k,
            actors=actors,
            gpus_per_actor=gpus_per_actor,
        )
        job = plan(model, list_source(source), output, settings=settings)
        if job.done:
            terminal.note(f"{output} has {job.done} of the {job.done + len(job.waiting)} videos already")
        # Ray's own messages, of workers that died and such, would go to stdout.
        with redirect_stdout(sys.stderr):
            summary = _classify(job, address) if job.waiting else Summary()
    if as_json:
        terminal.print_json(_fields(summary, job.done))
    else:
        for line in _lines(summary, job.done):
            click.echo(line)
    if summary.failed:
        raise SystemExit(1)


def _classify(job: Job, address: str | None) -> Summary:
    from vidcls.batch.cluster import open_cluster, run

    share = job.settings.gpus_per_actor
    with open_cluster(address, job.settings) as cluster:
        device = f"{share:g} GPU" if share else f"{cluster.cpus} CPU"
        machines = f"{cluster.nodes} machine{'s' if cluster.nodes > 1 else ''}"
        terminal.note(f"{len(job.waiting)} videos, {cluster.actors} classifiers of {device} each, {machines}")
        with terminal.counter(len(job.waiting), label="classifying") as advance:
            for summary in run(job, cluster):
                advance(summary.videos)
    return summary


def _fields(summary: Summary, before: int) -> dict[str, Any]:
    times = dict(summary.milliseconds)
    wall = times.pop("wall", 0.0)
    return {
        "videos": summary.videos,
        "before": before,
        "failed": dict(summary.failed),
        "seconds": summary.seconds,
        "videos_per_s": summary.videos / summary.seconds if summary.seconds else 0.0,
        "actor_seconds": wall / 1000,
        "stage_seconds": {name: milliseconds / 1000 for name, milliseconds in times.items()},
    }


def _lines(summary: Summary, before: int) -> list[str]:
    if not summary.videos:
        return [f"nothing to do: all {before} videos have an answer"]
    fields = _fields(summary, before)
    failed = ", ".join(f"{count} {kind}" for kind, count in summary.failed.most_common())
    stages = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in fields["stage_seconds"].items())
    return [
        f"{summary.videos} videos in {summary.seconds:.1f} s, {fields['videos_per_s']:.2f} a second; "
        f"failed: {failed or 'none'}",
        f"of the classifiers' {fields['actor_seconds']:.1f} s: {stages}; decoding runs beside inference",
    ]
